# SPDX-License-Identifier: GPL-2.0-or-later
"""What the servers that stand in between share."""
import os
import socket
import socketserver


def announce(path, port):
    """Tells who waits for the file at path; it is whole once it is there."""
    with open(path + ".part", "w", encoding="ascii") as ready:
        print(port, file=ready)
    os.rename(path + ".part", path)


def pump(source, target):
    """Passes all on, to the end."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
