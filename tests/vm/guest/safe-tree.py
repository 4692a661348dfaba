# SPDX-License-Identifier: GPL-2.0-or-later
"""A file system's content that tells whether it is as it was.

usage: safe-tree.py fill DIRECTORY       until no space is left, then some of it
                                         is removed and written anew
       safe-tree.py list DIRECTORY       a line for all that is there
"""
import os
import random
import sys
import zlib

BLOCK = 65536


def write(path, size, rng):
    """A file of random bytes with a hole; False if there is no space."""
    try:
        with open(path, "wb") as out:
            while size > 0:
                out.write(rng.randbytes(min(size, BLOCK)))
                size -= BLOCK
                if rng.random() < 0.02:
                    out.seek(rng.randrange(2 * BLOCK), os.SEEK_CUR)
            out.truncate()
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        if error.errno != 28:
            raise
        return False
    return True


def small(top, rng):
    """Directories of small files, names that are long, links."""
    for number in range(300):
        path = f"{top}/d{number % 7}/e{number % 5}"
        os.makedirs(path, exist_ok=True)
        name = f"{path}/{'n' * rng.randrange(1, 200)}{number}"
        with open(name, "wb") as out:
            out.write(rng.randbytes(rng.randrange(9000)))
        if number % 10 == 0:
            os.link(name, f"{path}/hard{number}")
            os.symlink(name[-200:], f"{path}/soft{number}")


def fill(top):
    rng = random.Random(5)
    small(top, rng)
    large = 0
    while write(f"{top}/l{large}", rng.randrange(1, 12 << 20), rng):
        large += 1
        if large > 10000:
            sys.exit("there is no end")
    print(f"full after {large} files")
    # what is free now lies between what is not
    for number in range(0, large, 3):
        os.unlink(f"{top}/l{number}")
    for number in range(0, large, 6):
        write(f"{top}/l{number}", rng.randrange(1, 3 << 20), rng)
    with open(f"{top}/l1", "r+b") as out:
        for _ in range(50):
            out.seek(rng.randrange(1 << 20))
            out.write(rng.randbytes(rng.randrange(20000)))
    os.sync()


def checksum(path):
    total = 0
    with open(path, "rb") as source:
        while block := source.read(1 << 20):
            total = zlib.crc32(block, total)
    return total


def show(top):
    lines = []
    for path, _, names in os.walk(top):
        for name in names:
            full = f"{path}/{name}"
            if os.path.islink(full):
                lines.append(f"{full} -> {os.readlink(full)}")
                continue
            found = os.stat(full)
            lines.append(
                f"{full} {found.st_size} {found.st_nlink} {checksum(full):08x}"
            )
    print("\n".join(sorted(lines)))


{"fill": fill, "list": show}[sys.argv[1]](sys.argv[2])
