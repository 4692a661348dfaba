#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Known answers for test-capsule.c, made by other code than what they test.

Run by hand when the format changes (needs python3-cryptography); prints the
constants of the test.
"""
import hashlib
import hmac
import struct
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

UUID = uuid.UUID("0c1d2e3f-4051-6273-8495-a6b7c8d9eafb").bytes
KEY = bytes(range(1, 65))
SALT = bytes((i * 7 + 3) & 255 for i in range(32))
DIGEST = bytes((i * 5 + 1) & 255 for i in range(32))


def field(data):
    return struct.pack("<H", len(data)) + data


def derive(info):
    return HKDF(hashes.SHA256(), 32, UUID, info).derive(KEY)


def main():
    desc = (
        b"kmscrypt-desc-v1\0"
        + field(UUID)
        + field(b"crypt")
        + field(b"aes-xts-plain64")
        + struct.pack("<IIQIQQ", len(KEY), 4096, 8, 1, 16 << 20, 1 << 30)
        + field(b"")
        + field(b"pbkdf2")
        + field(b"sha256")
        + struct.pack("<I", 1000)
        + field(SALT)
        + field(DIGEST)
    )
    body = (
        b"KMSCRYP1"
        + struct.pack("<HHHH", 1, 256, len(KEY), 1)
        + UUID
        + hashlib.sha256(desc).digest()
        + struct.pack("<IIQQ", 3600, 90, 7, 1700000000)
        + bytes(8)
        + KEY.ljust(96, b"\0")
        + bytes(32)
    )
    mac_key = derive(b"kmscrypt capsule v1 mac")
    mac = hmac.new(mac_key, body, hashlib.sha256).digest()
    print("description bytes", len(desc))
    print("description     ", hashlib.sha256(desc).hexdigest())
    print("mac             ", mac.hex())
    print("capsule         ", hashlib.sha256(body + mac).hexdigest())
    print("volume key id   ", derive(b"kmscrypt vkid v1").hex())


main()
