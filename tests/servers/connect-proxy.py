#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An HTTP proxy that knows CONNECT alone; a line to --log for each.

    connect-proxy.py --ready-file FILE --log FILE

Writes its port to the ready file and runs until it is ended.
"""
import argparse
import os
import socket
import socketserver
import threading


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


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


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--log", required=True)
    options = parser.parse_args()
    with Server(("127.0.0.1", 0), Handler) as server:
        server.log = options.log
        part = options.ready_file + ".part"
        with open(part, "w", encoding="ascii") as ready:
            print(server.server_address[1], file=ready)
        os.rename(part, options.ready_file)
        server.serve_forever()


if __name__ == "__main__":
    main()
