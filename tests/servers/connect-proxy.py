#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An HTTP proxy that knows CONNECT alone; a line to --log for each.

    connect-proxy.py --ready-file FILE --log FILE

Writes its port to the ready file and runs until it is ended.
"""
import argparse
import socket
import socketserver
import threading

from relay import Server, announce, pump


class Handler(socketserver.StreamRequestHandler):
    rbufsize = 0

    def handle(self):
        words = self.rfile.readline(4096).decode("latin-1").split()
        while self.rfile.readline(4096).strip():
            pass
        if len(words) != 3 or words[0] != "CONNECT":
            self.wfile.write(b"HTTP/1.1 405 No\r\n\r\n")
            return
        with open(self.server.log, "a", encoding="ascii") as log:
            print("CONNECT", words[1], file=log)
        host, port = words[1].rsplit(":", 1)
        try:
            far = socket.create_connection((host.strip("[]"), int(port)), 10)
        except OSError:
            self.wfile.write(b"HTTP/1.1 502 Dead\r\n\r\n")
            return
        far.settimeout(None)
        self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        back = threading.Thread(target=pump, args=(far, self.request))
        back.start()
        pump(self.request, far)
        back.join()
        far.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--listen", default="127.0.0.1",
                        choices=["127.0.0.1", "::1"])
    options = parser.parse_args()
    if ":" in options.listen:
        Server.address_family = socket.AF_INET6
    with Server((options.listen, 0), Handler) as server:
        server.log = options.log
        announce(options.ready_file, server.server_address[1])
        server.serve_forever()


if __name__ == "__main__":
    main()
