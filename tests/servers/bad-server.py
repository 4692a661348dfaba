#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A KMIP server that answers badly, to order.

    bad-server.py --pki DIR --mode NAME[=VALUE] --ready-file FILE [OPTIONS]
    bad-server.py --list

Without --upstream it makes up answers itself, with an identity cipher; with
--upstream HOST:PORT it asks a real server (as the PKI's "client") and spoils
what that one says. --operation, --skip and --times choose which requests are
spoilt; the others get the good answer. Values: status takes a reason in hex,
drip milliseconds a byte, data a length, version a KMIP version. What FILE of
--orders has, an option or a value a line, takes the place of the options that
it was started with, but for --pki and --log, from the next connection on: one
server for a whole table of answers.
"""
import argparse
import json
import os
import signal
import socket
import socketserver
import ssl
import struct
import sys
import threading

import ttlv
from relay import announce

IDLE_SECONDS = 600
MAX_HANDSHAKE_SECONDS = 10
stop = threading.Event()


# --- spoiling: good answer in, bad answer out --------------------------------

def edit(good, change):
    """change(tag, kind, value) gives the items that stand in for one."""
    def walk(item):
        tag, kind, value = item
        if kind == ttlv.STRUCT:
            value = [new for child in value for new in walk(child)]
        return change(tag, kind, value)
    return ttlv.encode(walk(ttlv.decode(good))[0])


def replace(wanted, kind, value):
    def change(tag, old_kind, old_value):
        if tag == wanted:
            return [(tag, kind, value)]
        return [(tag, old_kind, old_value)]
    return lambda good, _value: edit(good, change)


def remove(wanted):
    return lambda good, _value: edit(
        good, lambda tag, kind, value:
        [] if tag == wanted else [(tag, kind, value)])


def outer_length(length):
    return lambda good, _value: good[:4] + struct.pack(">I", length) + good[8:]


def unknown_tags(good, _value):
    """Unknown items at the head and the end of every structure."""
    def change(tag, kind, value):
        if kind == ttlv.STRUCT:
            value = [(0x42FFF0, ttlv.TEXT, "new")] + value \
                + [(0x54ABCD, ttlv.STRUCT, [(0x540001, ttlv.BYTES, b"odd")])]
        return [(tag, kind, value)]
    return edit(good, change)


def deep(good, _value, levels=4000):
    """Nesting, with all lengths right, inside the payload."""
    item = b""
    for _ in range(levels):
        item = b"\x42\x00\x7c\x01" + struct.pack(">I", len(item)) + item
    body = good[8:] + item
    return good[:4] + struct.pack(">I", len(body)) + body


def inner_too_long(good, _value):
    """The response header says it is longer than the message."""
    return good[:12] + struct.pack(">I", len(good)) + good[16:]


def bad_data_length(good, value):
    return replace(ttlv.DATA, ttlv.BYTES,
                   bytes(int(value or "31")))(good, value)


def append_tag(good, _value):
    """The tag at the end of Data, as servers before KMIP 1.4 do."""
    found = ttlv.find(ttlv.decode(good), ttlv.BATCH_ITEM,
                      ttlv.RESPONSE_PAYLOAD, ttlv.AUTH_TAG) or b""

    def change(tag, kind, value):
        if tag == ttlv.AUTH_TAG:
            return []
        if tag == ttlv.DATA:
            value += found
        return [(tag, kind, value)]
    return edit(good, change)


def flip_data(good, _value):
    def change(tag, kind, value):
        if tag == ttlv.DATA and value:
            value = bytes([value[0] ^ 1]) + value[1:]
        return [(tag, kind, value)]
    return edit(good, change)


def own_iv(good, _value):
    """As PyKMIP for a request without one: 16 bytes, also for AES-GCM."""
    def change(tag, kind, value):
        if tag == ttlv.RESPONSE_PAYLOAD:
            value = value + [(ttlv.IV, ttlv.BYTES, bytes(16))]
        return [(tag, kind, value)]
    return edit(good, change)


def no_attributes(good, _value):
    return edit(good, lambda tag, kind, value: [] if tag in (
        ttlv.ATTRIBUTE, ttlv.ATTRIBUTES) else [(tag, kind, value)])


def failed(good, value, status=1):
    reply = ttlv.decode(good)
    operation = ttlv.find(reply, ttlv.BATCH_ITEM, ttlv.OPERATION)
    version = ttlv.find(reply, ttlv.RESPONSE_HEADER, ttlv.VERSION)
    return ttlv.response("%d.%d" % (version[0][2], version[1][2]),
                         operation or 0, None,
                         failure=int(value or "100", 16), status=status)


def other_version(good, value):
    return edit(good, lambda tag, kind, old: [
        ttlv.version_item(value or "9.9") if tag == ttlv.VERSION
        else (tag, kind, old)])


def twice_the_items(good, _value):
    return edit(good, lambda tag, kind, value:
                [(tag, kind, value)] * (2 if tag == ttlv.BATCH_ITEM else 1))


ANSWERS = {
    "good": lambda good, _value: good,
    "garbage": lambda good, _value: os.urandom(len(good)),
    "zeros": lambda good, _value: bytes(len(good)),
    "wrong-tag": lambda good, _value: b"\x42\x00\x78" + good[3:],
    "wrong-type": lambda good, _value: good[:3] + b"\x08" + good[4:],
    "inner-too-long": inner_too_long,
    "empty-message": lambda good, _value: good[:4] + bytes(4),
    "deep": deep,
    "unknown-tags": unknown_tags,
    "status": failed,
    "pending": lambda good, value: failed(good, value, status=2),
    "version": other_version,
    "data": bad_data_length,
    "flip": flip_data,
    "append-tag": append_tag,
    "own-iv": own_iv,
    "no-attributes": no_attributes,
    "other-algorithm": replace(ttlv.ALGORITHM, ttlv.ENUM, 2),
    "deactivated": replace(ttlv.STATE, ttlv.ENUM, 3),
    "no-tag": remove(ttlv.AUTH_TAG),
    "no-data": remove(ttlv.DATA),
    "no-payload": remove(ttlv.RESPONSE_PAYLOAD),
    "no-status": remove(ttlv.STATUS),
    "no-item": remove(ttlv.BATCH_ITEM),
    "two-items": twice_the_items,
    "wrong-uid": replace(ttlv.UID, ttlv.TEXT, "not-the-one"),
    "nul-uid": replace(ttlv.UID, ttlv.TEXT, "1\0evil"),
    "data-as-text": replace(ttlv.DATA, ttlv.TEXT, "text"),
    "wrong-operation": replace(ttlv.OPERATION, ttlv.ENUM, 0x14),
}


# --- sending: how the bytes go out ------------------------------------------

def send_part_and_close(conn, good, _value):
    conn.sendall(good[:len(good) // 2])
    raise EOFError


def send_part_and_wait(conn, good, _value):
    conn.sendall(good[:len(good) // 2])
    stop.wait(IDLE_SECONDS)


def send_header_and_wait(conn, good, _value):
    conn.sendall(good[:8])
    stop.wait(IDLE_SECONDS)


def send_oversized(length):
    def send(conn, good, value):
        conn.sendall(outer_length(length)(good, value))
        stop.wait(IDLE_SECONDS)
    return send


def send_endless(conn, good, value):
    """As long as it said, up to 2 GiB: a client must have stopped before."""
    conn.sendall(outer_length(0x7FFFFFF8)(good, value))
    for _ in range(0x80000000 // 65536):
        conn.sendall(bytes(65536))
        if stop.is_set():
            break


def send_slowly(conn, good, value):
    for at in range(len(good)):
        conn.sendall(good[at:at + 1])
        if stop.wait(float(value or "1000") / 1000):
            break


def send_twice(conn, good, _value):
    conn.sendall(good + good)


def send_nothing(_conn, _good, _value):
    stop.wait(IDLE_SECONDS)


def send_close(_conn, _good, _value):
    raise EOFError


SENDING = {
    "truncated": send_part_and_close,
    "truncated-open": send_part_and_wait,
    "header-only": send_header_and_wait,
    "oversized": send_oversized(0x7FFFFFFF),
    "oversized-max": send_oversized(0xFFFFFFF8),
    "endless": send_endless,
    "drip": send_slowly,
    "twice": send_twice,
    "no-answer": send_nothing,
    "close-after-request": send_close,
}
# Before there is a request: (after the handshake?, what happens)
CONNECTION = {
    "silent-tcp": (False, lambda conn: stop.wait(IDLE_SECONDS)),
    "close-tcp": (False, lambda conn: None),
    "plain": (False, lambda conn: conn.sendall(b"HTTP/1.0 400 No\r\n\r\n")),
    "silent": (True, lambda conn: stop.wait(IDLE_SECONDS)),
    "close": (True, lambda conn: None),
}


# --- the good answers -------------------------------------------------------

TAG = bytes(range(16))
CBC_PADDING = b"\x10" * 16


def cipher(operation, mode, version, data, args):
    """(data, tag) of an identity cipher in its modes; None: it is refused."""
    encrypts = operation == ttlv.ENCRYPT
    if mode in args.refuse:
        return None
    if mode == ttlv.CBC:
        if encrypts:
            return data + CBC_PADDING, None
        return (data[:-16], None) if data.endswith(CBC_PADDING) else None
    if mode != ttlv.GCM:
        return data, None
    if args.tag == "append":
        if encrypts:
            return data + TAG, None
        return (data[:-16], None) if data.endswith(TAG) else None
    if version < "1.4":
        # as PyKMIP: the tag gets lost
        return (data, None) if encrypts else None
    return data, TAG if encrypts else None


ATTRIBUTES = [("State", ttlv.STATE, ttlv.ENUM, 2),
              ("Cryptographic Algorithm", ttlv.ALGORITHM, ttlv.ENUM, 3),
              ("Cryptographic Length", ttlv.LENGTH, ttlv.INT, 256),
              ("Cryptographic Usage Mask", ttlv.USAGE_MASK, ttlv.INT, 12)]


def attributes(payload, version):
    """Those that are asked for, in the version's form; None: in another's."""
    asked = payload[2][1:]
    if version < "2.0":
        if any(tag != ttlv.ATTRIBUTE_NAME for tag, _, _ in asked):
            return None
        return [(ttlv.ATTRIBUTE, ttlv.STRUCT, [
            (ttlv.ATTRIBUTE_NAME, ttlv.TEXT, name),
            (ttlv.ATTRIBUTE_VALUE, kind, value)])
                for name, _, kind, value in ATTRIBUTES
                if name in [wanted for _, _, wanted in asked]]
    if any((tag, kind) != (ttlv.ATTRIBUTE_REFERENCE, ttlv.ENUM)
           for tag, kind, _ in asked):
        return None
    return [(ttlv.ATTRIBUTES, ttlv.STRUCT, [
        (tag, kind, value) for _, tag, kind, value in ATTRIBUTES
        if tag in [wanted for _, _, wanted in asked]])]


def created(payload, version):
    """The payload of Create's answer; None: what came is not this version's"""
    wanted = {tag: kind for _, tag, kind, _ in ATTRIBUTES if tag != ttlv.STATE}
    if [tag for tag, _, _ in payload[2]] != [
            ttlv.OBJECT_TYPE, ttlv.TEMPLATE_ATTRIBUTE if version < "2.0"
            else ttlv.ATTRIBUTES]:
        return None
    given = payload[2][1][2]
    if version < "2.0":
        good = all(item[0] == ttlv.ATTRIBUTE for item in given)
    else:
        good = {tag: kind for tag, kind, _ in given} == wanted
    return [payload[2][0], (ttlv.UID, ttlv.TEXT, "1")] if good else None


def refusal(version, operation, args):
    """--unknown and --broken: how the version is refused, or None"""
    how = args.broken.get(version) if operation != ttlv.DISCOVER else None
    if version not in args.versions:
        how = args.unknown
    if how == "close":
        raise EOFError
    return how


def made_up(message, args):
    """What an honest server with an identity cipher would say."""
    asked = ttlv.decode(message)
    item = ttlv.find(asked, ttlv.BATCH_ITEM) or []
    payload = next((c for c in item if c[0] == ttlv.REQUEST_PAYLOAD), None)
    operation = next((c[2] for c in item if c[0] == ttlv.OPERATION), 0)
    numbers = ttlv.find(asked, ttlv.REQUEST_HEADER, ttlv.VERSION)
    version = "%d.%d" % (numbers[0][2], numbers[1][2])
    refused = refusal(version, operation, args)
    if refused:
        return ttlv.response("1.0", None, None, failure=int(refused, 16))
    uid = ttlv.find(payload, ttlv.UID) or "1"
    answer = [(ttlv.UID, ttlv.TEXT, uid)]
    if operation == ttlv.DISCOVER:
        answer = [ttlv.version_item(v) for v in args.versions]
    elif operation == ttlv.GET_ATTRIBUTES:
        found = attributes(payload, version)
        if found is None:
            return ttlv.response("1.0", None, None, failure=0x4)
        answer += found
    elif operation == ttlv.CREATE:
        answer = created(payload, version)
        if answer is None:
            return ttlv.response("1.0", None, None, failure=0x4)
    elif operation in (ttlv.ENCRYPT, ttlv.DECRYPT):
        done = cipher(operation,
                      ttlv.find(payload, ttlv.PARAMETERS, ttlv.MODE), version,
                      ttlv.find(payload, ttlv.DATA) or b"", args)
        if done is None:
            return ttlv.response(version, operation, None, failure=0x7)
        answer.append((ttlv.DATA, ttlv.BYTES, done[0]))
        if done[1]:
            answer.append((ttlv.AUTH_TAG, ttlv.BYTES, done[1]))
    return ttlv.response(version, operation, answer)


def credential(message):
    """The name and the password's length of the request, for the log."""
    found = {}

    def look(item):
        tag, kind, value = item
        if tag == ttlv.USERNAME:
            found["username"] = value
        elif tag == ttlv.PASSWORD:
            found["password_bytes"] = len(value)
        elif kind == ttlv.STRUCT:
            for child in value:
                look(child)
    look(ttlv.decode(message))
    return found


class Upstream:
    def __init__(self, address, pki, client):
        host, port = address.rsplit(":", 1)
        base = os.path.join(pki, client)
        context = ssl.create_default_context(
            cafile=os.path.join(pki, "ca.pem"))
        context.load_cert_chain(base + ".pem", base + ".key")
        plain = socket.create_connection((host, int(port)), timeout=30)
        self.stream = context.wrap_socket(plain, server_hostname=host)

    def ask(self, message):
        self.stream.sendall(message)
        return ttlv.read_message(self.stream)


class Handler(socketserver.BaseRequestHandler):
    def note(self, **entry):
        if self.server.log:
            with self.server.lock:
                self.server.log.write(json.dumps(dict(
                    entry, connection=self.client_address[1])) + "\n")

    def handle(self):
        try:
            self.talk()
        except (OSError, EOFError, ttlv.Malformed) as error:
            self.note(end=type(error).__name__)

    def talk(self):
        args = self.args = self.server.obey()
        early = CONNECTION.get(args.mode)
        conn = self.request
        conn.settimeout(MAX_HANDSHAKE_SECONDS)
        if early and not early[0]:
            self.note(mode=args.mode)
            early[1](conn)
            return
        conn = self.request = self.server.tls.wrap_socket(
            conn, server_side=True)
        conn.settimeout(IDLE_SECONDS)
        self.note(handshake=conn.version(), cipher=conn.cipher()[0])
        if early:
            early[1](conn)
            return
        upstream = None
        if args.upstream:
            upstream = Upstream(args.upstream, args.pki, args.client)
        while not stop.is_set():
            message = ttlv.read_message(conn)
            good = upstream.ask(message) if upstream \
                else made_up(message, args)
            self.answer(conn, message, good)

    def answer(self, conn, message, good):
        args = self.args
        operation = ttlv.find(ttlv.decode(message), ttlv.BATCH_ITEM,
                              ttlv.OPERATION)
        spoil = self.server.turn(args, operation)
        version = ttlv.find(ttlv.decode(message), ttlv.REQUEST_HEADER,
                            ttlv.VERSION)
        self.note(operation=operation, size=len(message), spoilt=spoil,
                  version="%d.%d" % (version[0][2], version[1][2]),
                  **credential(message))
        if not spoil:
            conn.sendall(good)
        elif args.mode in SENDING:
            SENDING[args.mode](conn, good, args.value)
        else:
            conn.sendall(ANSWERS[args.mode](good, args.value))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, args):
        self.start = self.args = args
        self.text = None
        self.tls = context(args)
        self.lock = threading.Lock()
        self.log = open(args.log, "a", buffering=1, encoding="ascii") \
            if args.log else None
        if ":" in args.listen:
            self.address_family = socket.AF_INET6
        super().__init__((args.listen, args.port), Handler)

    def obey(self):
        """--orders: the options that count for a new connection."""
        with self.lock:
            if not self.start.orders or not os.path.exists(self.start.orders):
                return self.args
            with open(self.start.orders, encoding="utf-8") as file:
                text = file.read()
            # the same orders again: what --skip and --times count goes on
            if text != self.text:
                self.text = text
                self.args = arguments(["--pki", self.start.pki]
                                      + text.splitlines())
                self.tls = context(self.args)
            return self.args

    def turn(self, args, operation):
        """Is this request one to spoil? Counts --skip and --times down."""
        if args.operation is not None and operation != args.operation:
            return False
        with self.lock:
            if args.skip:
                args.skip -= 1
                return False
            if args.times is not None:
                args.times -= 1
                return args.times >= 0
        return True


def context(args):
    base = os.path.join(args.pki, args.cert)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    if args.old_tls:
        tls.set_ciphers("ALL:@SECLEVEL=0")
        tls.minimum_version = ssl.TLSVersion.TLSv1
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    tls.load_cert_chain(base + ".pem", base + ".key")
    if not args.no_client_cert:
        tls.load_verify_locations(os.path.join(args.pki, "ca.pem"))
        tls.verify_mode = ssl.CERT_REQUIRED
    return tls


def arguments(argv=None):
    known = sorted([*ANSWERS, *SENDING, *CONNECTION])
    parser = argparse.ArgumentParser(description="a KMIP server gone wrong")
    add = parser.add_argument
    add("--list", action="store_true", help="print the modes")
    add("--pki", help="pki.py's directory")
    add("--mode", default="good", help="NAME or NAME=VALUE")
    add("--cert", default="server", help="PKI name of our certificate")
    add("--no-client-cert", action="store_true",
        help="do not demand a client certificate")
    add("--listen", default="127.0.0.1", choices=["127.0.0.1", "::1"])
    add("--port", type=int, default=0)
    add("--old-tls", action="store_true", help="nothing above TLS 1.1")
    add("--ready-file", help="receives the port")
    add("--log", help="a JSON object for each connection and request")
    add("--upstream", help="HOST:PORT of a real server")
    add("--client", default="client", help="PKI name to ask upstream as")
    add("--operation", type=lambda text: int(text, 16),
        help="only requests of this operation, hex")
    add("--orders", help="FILE with options, looked at for each connection")
    add("--skip", type=int, default=0, help="first let so many through")
    add("--times", type=int, help="then spoil only so many")
    add("--versions", type=lambda text: text.split(","),
        default=["1.4", "1.3", "1.2"], help="that it speaks, best first")
    add("--unknown", metavar="HOW",
        help="a header of another version gets this reason (hex), or close")
    add("--broken", type=lambda text: dict(
        pair.split("=") for pair in text.split(",")), default={},
        metavar="VERSION=REASON,...",
        help="versions that it offers, and then refuses so")
    add("--tag", choices=["field", "append"], default="field",
        help="where the tag of AES-GCM stands")
    add("--refuse", type=lambda text: [int(n) for n in text.split(",")],
        default=[], help="block cipher modes that it has not")
    args = parser.parse_args(argv)
    if args.list:
        print("\n".join(known))
        sys.exit(0)
    args.mode, _, args.value = args.mode.partition("=")
    if args.mode not in known or not args.pki:
        parser.error("--pki and a --mode of --list are needed")
    return args


def main():
    args = arguments()
    server = Server(args)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, args=(0.1,),
                     daemon=True).start()
    port = server.server_address[1]
    if args.ready_file:
        announce(args.ready_file, port)
    print(port, flush=True)
    stop.wait()
    server.shutdown()
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
