#!/usr/bin/python3
"""Check that includes in user/ point one way: cli, upcall -> ... -> base."""
import pathlib
import re
import sys

RANK = {"base": 0, "wire": 1, "kms": 2, "volume": 3, "upcall": 4, "cli": 4}
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([a-z]+)/([^">]+)[">]')


def main():
    bad = 0
    seen = 0
    for path in sorted(pathlib.Path("user").rglob("*.[ch]")):
        layer = path.parts[1]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match or match.group(1) not in RANK:
                continue
            seen += 1
            target = match.group(1)
            if target == layer or RANK[target] < RANK[layer]:
                continue
            print(f"{path}:{number}: {layer} must not include {target}/")
            bad = 1
    if not seen:
        print("no include was seen: the check does not work")
        bad = 1
    return bad


sys.exit(main())
