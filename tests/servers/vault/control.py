# SPDX-License-Identifier: GPL-2.0-or-later
"""The test's hand on the server: HTTP on a unix socket, never on the net."""
import http.server
import json
import os
import socketserver

from .emulate import RELEASES
from .reply import Refusal


class Log:
    """What was asked, without secrets; kept and optionally written out."""

    def __init__(self, path=None):
        self.entries = []
        self.out = open(path, "a", buffering=1, encoding="utf-8") \
            if path else None

    def write(self, entry):
        self.entries.append(entry)
        if self.out:
            self.out.write(json.dumps(entry) + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_args):
        pass

    def address_string(self):
        return "control"

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        status, answer = 200, None
        try:
            given = json.loads(self.rfile.read(length) or "{}")
            answer = self.act(self.command, self.path, given)
        except ValueError as error:
            status, answer = 400, {"errors": [str(error)]}
        except Refusal as refusal:
            status, answer = refusal.status, {"errors": refusal.errors}
        data = json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = serve

    def act(self, method, path, given):
        core, faults, log = (self.server.core, self.server.faults,
                             self.server.log)
        if path == "/faults":
            if method == "POST":
                return faults.add(given)
            if method == "DELETE":
                faults.clear()
            return faults.list()
        if path == "/log":
            if method == "DELETE":
                log.entries.clear()
            return list(log.entries)
        if method == "POST" and path in ("/seal", "/unseal"):
            core.sealed = path == "/seal"
        elif method == "POST" and path == "/standby":
            core.standby = given.get("location")
        elif method == "POST" and path == "/clock":
            core.clock_offset += float(given["advance"]) \
                if "advance" in given else -core.clock_offset
        elif method == "POST" and path == "/release":
            if given.get("version") not in RELEASES:
                raise Refusal(400, "version must be one of %s"
                              % " ".join(RELEASES))
            core.release = RELEASES[given["version"]]
        elif (method, path) != ("GET", "/status"):
            raise Refusal(404, "no such control: %s %s" % (method, path))
        return {"sealed": core.sealed, "standby": core.standby,
                "clock_offset": core.clock_offset,
                "version": core.release.version}


class Control(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path, core, faults, log):
        self.core = core
        self.faults = faults
        self.log = log
        if os.path.exists(path):
            os.unlink(path)
        old = os.umask(0o077)
        try:
            super().__init__(path, Handler)
        finally:
            os.umask(old)
