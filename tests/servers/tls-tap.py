#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends TLS, asks the real server over TLS of its own, and keeps what passes.

    tls-tap.py --pki DIR --ready-file FILE --upstream HOST:PORT --ca FILE
               --capture FILE

Everything in plain text, both ways, in the order in which it came: each piece
after a line "> N" (to the server) or "< N" (from it) with its length. A client
certificate is not passed on. Writes its port to the ready file and runs until
it is ended.

One thread for both ways: a TLS session must not be read in one thread while
another writes to it.
"""
import argparse
import asyncio
import os
import ssl

from relay import announce


async def pump(source, target, keep):
    """Passes all on, to the end; what passes is kept before it arrives."""
    try:
        while data := await source.read(65536):
            keep(data)
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
        self.capture = options.capture

    def keep(self, mark):
        def kept(data):
            with open(self.capture, "ab") as out:
                out.write(b"%s %d\n" % (mark, len(data)) + data + b"\n")
        return kept

    async def client(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(
                self.host, int(self.port), ssl=self.far)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, far_writer, self.keep(b">")),
                             pump(far_reader, writer, self.keep(b"<")))

    async def serve(self, ready_file):
        server = await asyncio.start_server(self.client, "127.0.0.1", 0,
                                            ssl=self.near)
        announce(ready_file, server.sockets[0].getsockname()[1])
        async with server:
            await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("pki", "ready-file", "upstream", "ca", "capture"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    asyncio.run(Tap(options).serve(options.ready_file))


if __name__ == "__main__":
    main()
