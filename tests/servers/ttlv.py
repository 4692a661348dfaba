# SPDX-License-Identifier: GPL-2.0-or-later
"""KMIP messages for tests: a small TTLV codec and the requests we send.

It shares nothing with user/wire, so a mistake there cannot hide here. An item
is (tag, type, value); a structure's value is a list of items.
"""
import struct

STRUCT, INT, LONG, BIG, ENUM, BOOL, TEXT, BYTES, DATE, INTERVAL = range(1, 11)

REQUEST, RESPONSE = 0x420078, 0x42007B
REQUEST_HEADER, RESPONSE_HEADER = 0x420077, 0x42007A
VERSION, MAJOR, MINOR = 0x420069, 0x42006A, 0x42006B
BATCH_COUNT, BATCH_ITEM = 0x42000D, 0x42000F
OPERATION = 0x42005C
REQUEST_PAYLOAD, RESPONSE_PAYLOAD = 0x420079, 0x42007C
STATUS, REASON, MESSAGE = 0x42007F, 0x42007E, 0x42007D
TIMESTAMP, UID = 0x420092, 0x420094
PARAMETERS, MODE, PADDING = 0x42002B, 0x420011, 0x42005F
ALGORITHM, TAG_LENGTH = 0x420028, 0x4200CE
DATA, IV, AAD, AUTH_TAG = 0x4200C2, 0x42003D, 0x4200FE, 0x4200FF
ATTRIBUTE, ATTRIBUTE_NAME, ATTRIBUTE_VALUE = 0x420008, 0x42000A, 0x42000B
ATTRIBUTES, ATTRIBUTE_REFERENCE = 0x420125, 0x42013B
TEMPLATE_ATTRIBUTE, OBJECT_TYPE = 0x420091, 0x420057
STATE, LENGTH, USAGE_MASK = 0x42008D, 0x42002A, 0x42002C
USERNAME, PASSWORD = 0x420099, 0x4200A1

CREATE, GET_ATTRIBUTES, DISCOVER = 0x01, 0x0B, 0x1E
ENCRYPT, DECRYPT = 0x1F, 0x20
CBC, CTR, GCM = 1, 6, 9


class Malformed(Exception):
    pass


def encode(item):
    tag, kind, value = item
    if kind == STRUCT:
        data = b"".join(encode(child) for child in value)
    elif kind in (INT, ENUM, INTERVAL):
        data = struct.pack(">I" if kind != INT else ">i", value)
    elif kind in (LONG, DATE, BOOL):
        data = struct.pack(">q", value)
    elif kind == TEXT:
        data = value.encode()
    else:
        data = value
    head = struct.pack(">I", tag)[1:] + bytes([kind])
    return head + struct.pack(">I", len(data)) + data \
        + bytes(-len(data) % 8)


def decode(data):
    """One item that fills data exactly."""
    item, rest = decode_one(data)
    if rest:
        raise Malformed("%d bytes left over" % len(rest))
    return item


def decode_one(data):
    if len(data) < 8:
        raise Malformed("no room for an item header")
    tag, kind = int.from_bytes(data[:3], "big"), data[3]
    length = int.from_bytes(data[4:8], "big")
    padded = length + -length % 8
    body, rest = data[8:8 + length], data[8 + padded:]
    if len(data) < 8 + padded:
        raise Malformed("item is longer than what holds it")
    if kind == STRUCT:
        value = []
        while body:
            child, body = decode_one(body)
            value.append(child)
    elif kind in (INT, ENUM, INTERVAL):
        value = struct.unpack(">i" if kind == INT else ">I", body)[0]
    elif kind in (LONG, DATE, BOOL):
        value = struct.unpack(">q", body)[0]
    elif kind == TEXT:
        value = body.decode()
    else:
        value = body
    return (tag, kind, value), rest


def find(item, *path):
    """The value at a path of tags below item, or None."""
    for tag in path:
        item = next((c for c in item[2] if c[0] == tag), None)
        if item is None:
            return None
    return item[2]


def version_item(version):
    major, minor = (int(n) for n in version.split("."))
    return (VERSION, STRUCT, [(MAJOR, INT, major), (MINOR, INT, minor)])


def request(version, operation, payload):
    return encode((REQUEST, STRUCT, [
        (REQUEST_HEADER, STRUCT, [version_item(version),
                                  (BATCH_COUNT, INT, 1)]),
        (BATCH_ITEM, STRUCT, [(OPERATION, ENUM, operation),
                              (REQUEST_PAYLOAD, STRUCT, payload)])]))


def response(version, operation, payload, failure=None, status=None):
    """failure: a result reason; operation None: it is about the message."""
    item = [] if operation is None else [(OPERATION, ENUM, operation)]
    if status is None:
        status = 0 if failure is None else 1
    item.append((STATUS, ENUM, status))
    if failure is not None:
        item += [(REASON, ENUM, failure), (MESSAGE, TEXT, "by order")]
    if payload is not None:
        item.append((RESPONSE_PAYLOAD, STRUCT, payload))
    return encode((RESPONSE, STRUCT, [
        (RESPONSE_HEADER, STRUCT, [version_item(version),
                                   (TIMESTAMP, DATE, 1700000000),
                                   (BATCH_COUNT, INT, 1)]),
        (BATCH_ITEM, STRUCT, item)]))


def cipher_parameters(mode):
    items = [(MODE, ENUM, mode)]
    if mode == CBC:
        items.append((PADDING, ENUM, 3))
    items.append((ALGORITHM, ENUM, 3))
    if mode == GCM:
        items.append((TAG_LENGTH, INT, 16))
    return (PARAMETERS, STRUCT, items)


def read_exactly(stream, size):
    data = b""
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise EOFError("closed after %d of %d bytes" % (len(data), size))
        data += more
    return data


def read_message(stream, limit=1 << 20):
    """Bytes of a whole message; the first tag is not judged here."""
    head = read_exactly(stream, 8)
    length = int.from_bytes(head[4:8], "big")
    if length > limit:
        raise Malformed("message of %d bytes" % length)
    return head + read_exactly(stream, length)
