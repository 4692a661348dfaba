#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The KMIP fixtures prove themselves: the real server, and the bad one. TAP.

Raw messages by ttlv.py, key states by kmip-admin.py. KMIP_ADDR is not
honoured: what is judged here is the fixture.
"""
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import ttlv
from fixture import HOME, end_process, make_pki, wait_for
from tap import Tap

IV = bytes(range(12))
PLAIN = os.urandom(256)
NOT_FOUND, AUTHENTICATION, INVALID = 0x1, 0x3, 0x4
CRYPTOGRAPHIC, DENIED, GENERAL = 0xA, 0xC, 0x100


def run(name, *args, check=True):
    return subprocess.run(
        [os.path.join(HOME, name), *args], check=check, text=True,
        timeout=90, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Bench:
    def __init__(self, directory):
        self.directory = directory
        self.pki = make_pki(os.path.join(directory, "pki"))
        self.bad = []

    def server(self, *args):
        return run("kmip-server.sh", self.directory, *args)

    def admin(self, *args, check=True):
        return run("kmip-admin.py", self.directory, *args, check=check)

    @property
    def port(self):
        with open(os.path.join(self.directory, "port"),
                  encoding="ascii") as source:
            return int(source.read())

    def connect(self, port=None, client="client", **given):
        context = ssl.create_default_context(
            cafile=os.path.join(self.pki, "ca.pem"))
        if given.get("ciphers"):
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(given["ciphers"])
        if client:
            base = os.path.join(self.pki, client)
            context.load_cert_chain(base + ".pem", base + ".key")
        plain = socket.create_connection(
            ("127.0.0.1", port or self.port), timeout=given.get("timeout", 9))
        return context.wrap_socket(plain, server_hostname="localhost")

    def ask(self, operation, payload, version="1.4", **given):
        """The decoded response message."""
        with self.connect(**given) as stream:
            stream.sendall(ttlv.request(version, operation, payload))
            return ttlv.decode(ttlv.read_message(stream))

    def bad_server(self, mode, *args):
        """Its port."""
        ready = os.path.join(self.directory, "bad-%d" % len(self.bad))
        self.bad.append(subprocess.Popen(
            [os.path.join(HOME, "bad-server.py"), "--pki", self.pki,
             "--mode", mode, "--ready-file", ready, *args],
            stdout=subprocess.DEVNULL))
        if not wait_for(10, lambda: os.path.exists(ready)):
            raise RuntimeError("bad-server.py %s did not start" % mode)
        with open(ready, encoding="ascii") as source:
            return int(source.read())


def reason(reply):
    return ttlv.find(reply, ttlv.BATCH_ITEM, ttlv.REASON)


def payload(reply, tag):
    return ttlv.find(reply, ttlv.BATCH_ITEM, ttlv.RESPONSE_PAYLOAD, tag)


def sealing(uid, data, *more):
    return [(ttlv.UID, ttlv.TEXT, uid), ttlv.cipher_parameters(ttlv.GCM),
            (ttlv.DATA, ttlv.BYTES, data), (ttlv.IV, ttlv.BYTES, IV), *more]


def codec(tap, _bench):
    message = ttlv.request("1.4", ttlv.DISCOVER, [])
    # Written out by hand from the encoding rules.
    wanted = ("42007801 00000060 42007701 00000038"
              "42006901 00000020 42006a02 00000004 00000001 00000000"
              "42006b02 00000004 00000004 00000000"
              "42000d02 00000004 00000001 00000000"
              "42000f01 00000018 42005c05 00000004 0000001e 00000000"
              "42007901 00000000")
    tap.equal(message.hex(), wanted.replace(" ", ""), "request by hand")
    tap.equal(ttlv.encode(ttlv.decode(message)), message, "round trip")
    tap.raises(ttlv.Malformed, lambda: ttlv.decode(message[:-1]),
               "a short message is noticed")


def versions(tap, bench):
    reply = bench.ask(ttlv.DISCOVER, [])
    found = ["%d.%d" % tuple(n[2] for n in item[2]) for item in ttlv.find(
        reply, ttlv.BATCH_ITEM, ttlv.RESPONSE_PAYLOAD)]
    tap.ok({"2.0", "1.4", "1.2"} <= set(found), "real server's versions",
           found)
    reply = bench.ask(ttlv.DISCOVER, [], version="2.1")
    tap.equal(reason(reply), INVALID, "unknown version is InvalidMessage")


def encryption(tap, bench):
    uid = bench.admin("create").stdout.strip()
    reply = bench.ask(ttlv.ENCRYPT, sealing(uid, PLAIN))
    sealed, tag = payload(reply, ttlv.DATA), payload(reply, ttlv.AUTH_TAG)
    tap.equal((reason(reply), len(sealed), len(tag)), (None, 256, 16),
              "GCM encrypt, tag in its own field")
    tap.ok(sealed != PLAIN, "it is not the plaintext")

    def opened(text, auth, key=uid):
        return bench.ask(ttlv.DECRYPT, sealing(
            key, text, (ttlv.AUTH_TAG, ttlv.BYTES, auth)))

    tap.equal(payload(opened(sealed, tag), ttlv.DATA), PLAIN, "GCM decrypt")
    flipped = bytes([sealed[0] ^ 1]) + sealed[1:]
    for name, args in (("text", (flipped, tag)), ("tag", (sealed, bytes(16)))):
        got = reason(opened(*args))
        tap.ok(got in (CRYPTOGRAPHIC, GENERAL), "wrong %s is refused" % name,
               got)
    other = bench.admin("create").stdout.strip()
    got = reason(opened(sealed, tag, other))
    tap.ok(got in (CRYPTOGRAPHIC, GENERAL), "another key does not open it",
           got)
    got = reason(bench.ask(ttlv.DECRYPT, sealing(
        uid, sealed, (ttlv.AUTH_TAG, ttlv.BYTES, tag)),
        client="client-other"))
    tap.equal(got, DENIED, "another client's certificate is refused")
    return uid, sealed, tag


def states(tap, bench):
    uid = bench.admin("create", "--no-activate").stdout.strip()

    def seal():
        return reason(bench.ask(ttlv.ENCRYPT, sealing(uid, PLAIN)))

    def state():
        return bench.admin("state", uid).stdout.strip()

    tap.equal((state(), seal()), ("PRE_ACTIVE", DENIED),
              "a pre-active key does not encrypt")
    bench.admin("activate", uid)
    tap.equal((state(), seal()), ("ACTIVE", None), "an active key does")
    tap.equal(bench.admin("destroy", uid, check=False).returncode, 1,
              "an active key is not destroyed")
    bench.admin("deactivate", uid)
    tap.equal((state(), seal()), ("DEACTIVATED", DENIED),
              "a deactivated key does not")
    bench.admin("destroy", uid)
    tap.equal((bench.admin("state", uid, check=False).returncode, seal()),
              (1, NOT_FOUND), "a destroyed key is gone")
    uid = bench.admin("create").stdout.strip()
    bench.admin("compromise", uid)
    tap.equal((state(), seal()), ("COMPROMISED", DENIED),
              "a compromised key does not")


def identities(tap, bench):
    reply = bench.ask(ttlv.DISCOVER, [], client="client-noeku")
    tap.equal(reason(reply), AUTHENTICATION,
              "a client certificate without EKU is reason 3")
    for client in (None, "client-foreign", "client-expired"):
        tap.raises((ssl.SSLError, OSError, EOFError),
                   lambda client=client: bench.ask(
                       ttlv.DISCOVER, [], client=client),
                   "no service for %s" % (client or "no certificate"))
    with bench.connect() as stream:
        tap.equal(stream.version(), "TLSv1.2", "TLS 1.2")
    with bench.connect(ciphers="ECDHE+AESGCM") as stream:
        tap.ok("ECDSA" in stream.cipher()[0],
               "a GCM suite, if asked, with the ECDSA certificate",
               stream.cipher())


def restart(tap, bench, kept):
    uid, sealed, tag = kept
    port = bench.port
    bench.server("restart", "--cert", "server-rsa")
    tap.equal(bench.port, port, "restart keeps the port")
    reply = bench.ask(ttlv.DECRYPT, sealing(
        uid, sealed, (ttlv.AUTH_TAG, ttlv.BYTES, tag)))
    tap.equal(payload(reply, ttlv.DATA), PLAIN, "restart keeps the keys")
    with bench.connect() as stream:
        tap.ok("GCM" not in stream.cipher()[0],
               "CBC suite with the RSA certificate", stream.cipher())
    tap.raises((ssl.SSLError, OSError),
               lambda: bench.connect(ciphers="ECDHE+AESGCM").close(),
               "... and no GCM suite")


# mode: what a client with a deadline of one second sees
HANGS = ("silent", "truncated-open", "header-only", "no-answer")
ENDS = ("close", "truncated", "close-after-request")
BREAKS = ("garbage", "zeros", "wrong-type", "inner-too-long", "oversized",
          "oversized-max", "endless", "empty-message")


def hostile(tap, bench):
    body = sealing("7", PLAIN)

    def ask(mode, *args):
        # Outer tag and depth are for the caller to judge, so not decoded.
        with bench.connect(bench.bad_server(mode, *args),
                           timeout=1) as stream:
            stream.sendall(ttlv.request("1.4", ttlv.ENCRYPT, body))
            return ttlv.read_message(stream)

    def decoded(mode, *args):
        return ttlv.decode(ask(mode, *args))

    reply = decoded("good")
    tap.equal((payload(reply, ttlv.DATA), payload(reply, ttlv.UID)),
              (PLAIN, "7"), "good: identity cipher")
    for mode in HANGS:
        started = time.monotonic()
        tap.raises(socket.timeout, lambda mode=mode: ask(mode),
                   mode + ": no whole answer")
        tap.ok(time.monotonic() - started > 0.9, mode + ": it took the time")
    started = time.monotonic()
    size = len(ask("drip=5"))
    tap.ok(time.monotonic() - started > size * 0.005,
           "drip=5: a byte each 5 ms, the socket's own timeout never fires")
    tap.raises(socket.timeout, lambda: bench.connect(
        bench.bad_server("silent-tcp"), timeout=1), "silent-tcp: no handshake")
    for mode in ("close-tcp", "plain"):
        tap.raises((ssl.SSLError, OSError), lambda mode=mode: bench.connect(
            bench.bad_server(mode), timeout=2), mode + ": no handshake")
    for mode in ENDS:
        tap.raises((EOFError, OSError), lambda mode=mode: ask(mode),
                   mode + ": end of file")
    for mode in BREAKS:
        tap.raises((ttlv.Malformed, ValueError, EOFError, socket.timeout,
                    IndexError, TypeError, ttlv.struct.error),
                   lambda mode=mode: ttlv.find(
                       decoded(mode), ttlv.BATCH_ITEM, ttlv.STATUS) + 0,
                   mode + ": not a response")
    tap.equal(ask("wrong-tag")[:3].hex(), "420078", "wrong-tag")
    tap.ok(ask("deep").count(b"\x42\x00\x7c\x01") > 3000, "deep nesting")
    tap.equal(reason(decoded("status=C")), DENIED, "status=C")
    tap.equal(ttlv.find(decoded("pending"), ttlv.BATCH_ITEM, ttlv.STATUS), 2,
              "pending")
    tap.equal(len(payload(decoded("data=31"), ttlv.DATA)), 31, "data=31")
    tap.equal(len(payload(decoded("append-tag"), ttlv.DATA)), 256 + 16,
              "append-tag")
    tap.equal(payload(decoded("no-tag"), ttlv.AUTH_TAG), None, "no-tag")
    tap.equal(payload(decoded("wrong-uid"), ttlv.UID), "not-the-one",
              "wrong-uid")
    reply = decoded("unknown-tags")
    tap.equal((payload(reply, ttlv.DATA), payload(reply, 0x42FFF0)),
              (PLAIN, "new"), "unknown-tags")
    tap.equal(len([i for i in decoded("two-items")[2]
                   if i[0] == ttlv.BATCH_ITEM]), 2, "two-items")


def proxy(tap, bench, kept):
    uid, sealed, tag = kept
    upstream = ["--upstream", "127.0.0.1:%d" % bench.port]
    body = sealing(uid, sealed, (ttlv.AUTH_TAG, ttlv.BYTES, tag))
    port = bench.bad_server("flip", *upstream, "--operation", "20",
                            "--skip", "1", "--times", "1")
    got = []
    with bench.connect(port) as stream:
        for _ in range(3):
            stream.sendall(ttlv.request("1.4", ttlv.DECRYPT, body))
            got.append(payload(ttlv.decode(ttlv.read_message(stream)),
                               ttlv.DATA))
    spoilt = bytes([PLAIN[0] ^ 1]) + PLAIN[1:]
    tap.equal([g == PLAIN for g in got], [True, False, True],
              "proxy spoils the second answer alone")
    tap.equal(got[1], spoilt, "... by one bit of the real plaintext")


def main():
    tap = Tap()
    directory = tempfile.mkdtemp(prefix="kms-servers.")
    bench = Bench(directory)
    try:
        bench.server("start")
        kept = []
        tap.group(codec, bench)
        tap.group(versions, bench)
        tap.group(lambda t, b: kept.append(encryption(t, b)), bench)
        tap.group(states, bench)
        tap.group(identities, bench)
        if tap.ok(kept, "a sealed text to go on with"):
            tap.group(restart, bench, kept[0])
            tap.group(proxy, bench, kept[0])
        tap.group(hostile, bench)
        for process in bench.bad:
            end_process(process)
        bench.server("stop")
        tap.raises(OSError, lambda: bench.connect(timeout=2),
                   "a stopped server does not answer")
    finally:
        for process in bench.bad:
            end_process(process)
        bench.server("stop")
        shutil.rmtree(directory)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
