#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends TLS, asks the real server over TLS of its own, and keeps what passes.

    tls-tap.py --pki DIR --ready-file FILE --upstream HOST:PORT --ca FILE
               [--capture FILE] [--log FILE] [--hang FILE]

Everything in plain text, both ways, in the order in which it came: each piece
after a line "> N" (to the server) or "< N" (from it) with its length. A client
certificate is not passed on. The log has a line for each HTTP request, as that
of vault-server.py has: method, path, connection. While the third file is there,
a request whose path matches what it says waits for its end, and the log says
so. Writes its port to the ready file and runs until it is ended.

One thread for both ways: a TLS session must not be read in one thread while
another writes to it.
"""
import argparse
import asyncio
import itertools
import json
import os
import re
import ssl

from relay import announce

POLL_S = 0.05


class Requests:
    """Finds one connection's requests in what the client sends.

    One follows the other's answer, so that what comes first after an answer
    is a request line.
    """
    numbers = itertools.count(1)

    def __init__(self, log, hang):
        self.log = log
        self.hang = hang
        self.number = next(self.numbers)
        self.due = True

    def answered(self):
        self.due = True

    def waits(self, path):
        try:
            with open(self.hang, encoding="utf-8") as words:
                return re.search(words.read().strip(), path) is not None
        except (OSError, TypeError):
            return False

    async def asked(self, data):
        line = re.match(rb"([A-Z]+) (\S+) HTTP/1", data)
        if not self.due or not line:
            return
        self.due = False
        path = line[2].decode("latin-1")
        waits = self.waits(path)
        if self.log:
            with open(self.log, "a", encoding="utf-8") as out:
                print(json.dumps({
                    "method": line[1].decode(), "path": path,
                    "connection": str(self.number),
                    "fault": "hang" if waits else ""}), file=out)
        while self.waits(path):
            await asyncio.sleep(POLL_S)


async def pump(source, target, keep):
    """Passes all on, to the end; what passes is kept before it arrives."""
    try:
        while data := await source.read(65536):
            await keep(data)
            target.write(data)
            await target.drain()
    except OSError:
        pass
    target.close()


class Tap:
    def __init__(self, options):
        self.near = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.near.load_cert_chain(os.path.join(options.pki, "server.pem"),
                                  os.path.join(options.pki, "server.key"))
        self.far = ssl.create_default_context(cafile=options.ca)
        self.host, self.port = options.upstream.rsplit(":", 1)
        self.options = options

    def keep(self, mark, data):
        if self.options.capture:
            with open(self.options.capture, "ab") as out:
                out.write(b"%s %d\n" % (mark, len(data)) + data + b"\n")

    async def client(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(
                self.host, int(self.port), ssl=self.far)
        except OSError:
            writer.close()
            return
        requests = Requests(self.options.log, self.options.hang)

        async def there(data):
            self.keep(b">", data)
            await requests.asked(data)

        async def back(data):
            self.keep(b"<", data)
            requests.answered()

        await asyncio.gather(pump(reader, far_writer, there),
                             pump(far_reader, writer, back))

    async def serve(self, ready_file):
        server = await asyncio.start_server(self.client, "127.0.0.1", 0,
                                            ssl=self.near)
        announce(ready_file, server.sockets[0].getsockname()[1])
        async with server:
            await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("pki", "ready-file", "upstream", "ca"):
        parser.add_argument("--" + name, required=True)
    for name in ("capture", "log", "hang"):
        parser.add_argument("--" + name)
    options = parser.parse_args()
    asyncio.run(Tap(options).serve(options.ready_file))


if __name__ == "__main__":
    main()
