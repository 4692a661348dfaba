#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes LUKS2 headers as somebody who can write the disk would: in both
copies, with checksums that are right again.

    header.py IMAGE fields             every value below tokens, segments and
                                       digests and in the binary header, a
                                       path a line
    header.py IMAGE flip PATH [WHERE]  flip one bit of that value (WHERE: first,
                                       last; default first)
    header.py IMAGE set PATH JSON      another value (also a new member)
    header.py IMAGE get PATH           print it
    header.py IMAGE graft OTHER        another volume's tokens in place of ours
    header.py IMAGE raw OFFSET         flip a bit there, repair nothing

PATH is tokens/0/wrapped and so on, or uuid, label, subsystem.
"""
import hashlib
import json
import struct
import sys

BINARY = 4096
MAGIC = (b"LUKS\xba\xbe", b"SKUL\xba\xbe")
# offsets in the binary header, and their lengths
TEXTS = {"label": (24, 48), "uuid": (168, 40), "subsystem": (208, 48)}
CHECKSUM = (448, 64)


class Header:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as image:
            first = image.read(BINARY)
            self.size = struct.unpack(">Q", first[8:16])[0]
            image.seek(0)
            self.copies = [bytearray(image.read(self.size)) for _ in MAGIC]
        for copy, magic in zip(self.copies, MAGIC):
            if bytes(copy[:6]) != magic:
                sys.exit("header.py: no LUKS2 header in " + path)
        text = bytes(self.copies[0][BINARY:]).split(b"\0")[0]
        self.json = json.loads(text)

    def save(self):
        text = json.dumps(self.json, separators=(",", ":")).encode()
        if len(text) >= self.size - BINARY:
            sys.exit("header.py: no room")
        with open(self.path, "r+b") as image:
            for copy in self.copies:
                copy[BINARY:] = text.ljust(self.size - BINARY, b"\0")
                start, length = CHECKSUM
                copy[start:start + length] = bytes(length)
                digest = hashlib.sha256(copy).digest()
                copy[start:start + len(digest)] = digest
                image.write(copy)

    def text(self, name):
        start, length = TEXTS[name]
        return bytes(self.copies[0][start:start + length]).split(b"\0")[0]

    def set_text(self, name, value):
        start, length = TEXTS[name]
        for copy in self.copies:
            copy[start:start + length] = value.ljust(length, b"\0")


def leaves(value, path):
    if isinstance(value, dict) and value:
        for name in value:
            yield from leaves(value[name], path + [name])
    elif isinstance(value, list) and value:
        for i, child in enumerate(value):
            yield from leaves(child, path + [str(i)])
    else:
        yield path


def walk(value, path):
    for name in path:
        value = value[int(name) if isinstance(value, list) else name]
    return value


def put(value, path, new):
    value = walk(value, path[:-1])
    last = path[-1]
    value[int(last) if isinstance(value, list) else last] = new


def flipped_char(char):
    """One bit away, and still something that JSON text can hold."""
    for bit in range(7):
        other = ord(char) ^ (1 << bit)
        if 0x20 < other < 0x7f and chr(other) not in '"\\':
            return chr(other)
    raise ValueError(char)


def flipped(value, where):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, str):
        if not value:
            return "x"
        # of base64 the last bits mean nothing: take the one before the pad
        at = 0 if where == "first" else len(value.rstrip("=")) - 2
        at = max(at, 0)
        return value[:at] + flipped_char(value[at]) + value[at + 1:]
    if isinstance(value, list):
        return ["0"]
    return {"x": "0"}


def main():
    header = Header(sys.argv[1])
    action, rest = sys.argv[2], sys.argv[3:]
    if action == "fields":
        for part in ("tokens", "segments", "digests"):
            for path in leaves(header.json[part], [part]):
                print("/".join(path))
        print("\n".join(TEXTS))
        return
    if action == "graft":
        header.json["tokens"] = Header(rest[0]).json["tokens"]
    elif action == "raw":
        with open(header.path, "r+b") as image:
            image.seek(int(rest[0]))
            byte = image.read(1)[0]
            image.seek(int(rest[0]))
            image.write(bytes([byte ^ 1]))
        return
    elif rest[0] in TEXTS:
        if action == "flip":
            old = header.text(rest[0]).decode() or "x"
            header.set_text(rest[0], flipped(old, "first").encode())
        else:
            header.set_text(rest[0], json.loads(rest[1]).encode())
    else:
        path = rest[0].split("/")
        if action == "get":
            print(json.dumps(walk(header.json, path)))
            return
        if action == "set":
            put(header.json, path, json.loads(rest[1]))
        else:
            where = rest[1] if len(rest) > 1 else "first"
            put(header.json, path, flipped(walk(header.json, path), where))
    header.save()


if __name__ == "__main__":
    main()
