#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends TLS, asks the real server over TLS of its own, and keeps what passes.

    tls-tap.py --pki DIR --ready-file FILE --upstream HOST:PORT --ca FILE
               --capture FILE

Everything in plain text, both ways, in the order in which it came: each piece
after a line "> N" (to the server) or "< N" (from it) with its length. A client
certificate is not passed on. Writes its port to the ready file and runs until
it is ended.
"""
import argparse
import os
import socket
import socketserver
import ssl
import threading

from relay import Server, announce, pump


class Handler(socketserver.BaseRequestHandler):
    def keep(self, mark):
        def seen(data):
            with self.server.lock, open(self.server.capture, "ab") as out:
                out.write(b"%s %d\n" % (mark, len(data)) + data + b"\n")
        return seen

    def handle(self):
        try:
            near = self.server.near.wrap_socket(self.request, server_side=True)
            host, port = self.server.upstream.rsplit(":", 1)
            far = self.server.far.wrap_socket(
                socket.create_connection((host, int(port)), 30),
                server_hostname=host)
        except OSError:
            return
        with near, far:
            back = threading.Thread(target=pump,
                                    args=(far, near, self.keep(b"<")))
            back.start()
            pump(near, far, self.keep(b">"))
            back.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("pki", "ready-file", "upstream", "ca", "capture"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    with Server(("127.0.0.1", 0), Handler) as server:
        server.near = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.near.load_cert_chain(os.path.join(options.pki, "server.pem"),
                                    os.path.join(options.pki, "server.key"))
        server.far = ssl.create_default_context(cafile=options.ca)
        server.upstream = options.upstream
        server.capture = options.capture
        server.lock = threading.Lock()
        announce(options.ready_file, server.server_address[1])
        server.serve_forever()


if __name__ == "__main__":
    main()
