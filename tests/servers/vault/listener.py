# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP/1.1 over TLS on a loopback address, and where faults take effect."""
import base64
import http.client
import http.server
import ipaddress
import json
import os
import re
import socket
import socketserver
import ssl
import struct
import traceback
import urllib.parse

from .core import Request, clean_path
from .faults import Faults
from .reply import Refusal, Reply

MAX_BODY = 32 * 1024 * 1024
# What Go's server takes; the library alone refuses a line of 64 KiB.
http.client._MAXLINE = 1024 * 1024
HANDSHAKE_SECONDS = 10
IDLE_SECONDS = 60
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>502</body>\n"


class Gone(Exception):
    """The connection has been dealt with; nothing more may be sent."""


class Headers:
    """The request headers, plus raw-path for redirects."""

    def __init__(self, message, raw_path):
        self.message = message
        self.raw_path = raw_path

    def get(self, name, default=None):
        return self.message.get(name, default)

    def __getitem__(self, name):
        return self.raw_path if name == "raw-path" else self.message[name]


def count_strings(value):
    if isinstance(value, str):
        return 1
    if isinstance(value, dict):
        return len(value) + sum(count_strings(v) for v in value.values())
    if isinstance(value, list):
        return sum(count_strings(v) for v in value)
    return 0


def parse_body(data, content_type, limit):
    """A form only if it says so and does not look like JSON."""
    if not data.strip():
        return {}
    form = "application/x-www-form-urlencoded" in (content_type or "")
    if form and not data.lstrip().startswith(b"{"):
        pairs = urllib.parse.parse_qsl(data.decode("utf-8", "replace"),
                                       keep_blank_values=True)
        return dict(pairs)
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "failed to decode JSON input: %s"
                      % error) from None
    if not isinstance(body, dict):
        raise Refusal(400, "failed to decode JSON input: json: cannot"
                      " unmarshal into Go value of type"
                      " map[string]interface {}")
    if limit and count_strings(body) > limit:
        raise Refusal(400, "refused JSON input due to high complexity:"
                      " exceeded maximum number of strings")
    return body


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "kms-test"
    sys_version = ""
    wbufsize = -1
    # The real server's answers are never split by Nagle either.
    disable_nagle_algorithm = True

    def setup(self):
        self.established = False
        try:
            self.accept()
        except (OSError, Gone):
            # BaseRequestHandler runs finish() only after a good setup().
            self.rfile = self.wfile = open(os.devnull, "r+b", buffering=0)
            return
        super().setup()
        self.established = True

    def accept(self):
        plain = self.request
        rule = self.server.faults.pick(("connection",))
        if rule:
            if rule["action"] == "hang-accept":
                Faults.wait(rule, rule["seconds"])
            if rule["action"] == "reset-accept":
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
            plain.close()
            raise Gone
        plain.settimeout(HANDSHAKE_SECONDS)
        self.request = self.server.tls.wrap_socket(plain, server_side=True)
        self.request.settimeout(IDLE_SECONDS)
        self.peer = self.request.getpeercert(binary_form=True)

    def handle(self):
        if not self.established:
            return
        try:
            super().handle()
        except (OSError, Gone):
            pass

    def finish(self):
        try:
            super().finish()
            if self.established:
                self.request.close()
        except OSError:
            pass

    def log_message(self, *_args):
        pass

    def send_error(self, code, message=None, explain=None):
        """What the base class refuses: bad syntax, unknown methods."""
        data = b'{"errors":[]}\n'
        self.close_connection = True
        self.head(405 if code == 501 else code, len(data))
        self.wfile.write(data)

    def chunked(self):
        data, total = [], 0
        while True:
            size = int(self.rfile.readline(64).split(b";")[0], 16)
            total += size
            if total > MAX_BODY:
                raise Refusal(413, "request body too large")
            if size == 0:
                while self.rfile.readline(8192).strip():
                    pass
                return b"".join(data)
            data.append(self.rfile.read(size))
            self.rfile.readline(8)

    def read_body(self):
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return self.chunked()
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            raise Refusal(413, "request body too large")
        return self.rfile.read(length)

    def serve(self):
        raw = self.path
        path, _, query = raw.partition("?")
        core, faults = self.server.core, self.server.faults
        self.seen = None
        self.fault = None
        try:
            body = self.read_body()
        except ValueError:
            self.close_connection = True
            body = b""
        except Refusal as refusal:
            self.send(Reply(refusal.status, {"errors": refusal.errors}))
            return
        delay = faults.pick(("delay",), path, self.command)
        if delay:
            Faults.wait(delay, delay["ms"] / 1000)
        rule = faults.pick(("before",), path, self.command)
        if rule:
            self.fault = rule["action"]
            self.misbehave(rule)
            return
        reply = self.reply(raw, path, query, body, core)
        rule = faults.pick(("after",), path, self.command)
        if rule:
            self.fault = rule["action"]
            self.damage(rule, reply)
            return
        self.send(reply)

    def reply(self, raw, path, query, body, core):
        if clean_path(path) != path:
            return Reply(307, headers={"Location": clean_path(path)})
        if not path.startswith("/v1/"):
            return Reply(404, {"errors": []})
        if self.command == "PATCH":
            return Reply(415, {"errors": [
                "PATCH requires Content-Type of application/merge-patch+json"
            ]})
        pairs = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        try:
            self.seen = Request(
                self.command, urllib.parse.unquote(path[len("/v1/"):]), pairs,
                Headers(self.headers, raw),
                parse_body(body, self.headers.get("Content-Type"),
                           core.release.json_strings), self.peer)
        except Refusal as refusal:
            return Reply(refusal.status, {"errors": refusal.errors})
        return core.handle(self.seen)

    do_GET = do_PUT = do_POST = do_DELETE = do_LIST = do_HEAD = serve
    do_PATCH = serve

    # sending

    def note(self, status, size=0):
        namespace = self.headers.get("X-Vault-Namespace")
        token = self.seen.token if self.seen else None
        self.server.log.write({
            "method": self.command, "path": self.path, "status": status,
            "namespace": namespace, "size": size, "fault": self.fault,
            "accessor": token["accessor"] if token else None,
            "token_sent": bool(self.headers.get("X-Vault-Token")
                               or self.headers.get("Authorization")),
            "vault_request": self.headers.get("X-Vault-Request"),
            "client_cert": self.peer is not None,
            "connection": "%s:%s" % self.client_address[:2],
        })

    def head(self, status, length, kind="application/json", headers=None):
        self.send_response(status)
        self.send_header("Cache-Control", "no-store")
        if length is not None:
            self.send_header("Content-Length", str(length))
        if length:
            self.send_header("Content-Type", kind)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    @staticmethod
    def encode(body):
        return b"" if body is None else json.dumps(
            body, separators=(",", ":")).encode() + b"\n"

    def send(self, reply):
        data = self.encode(reply.body)
        self.note(reply.status, len(data))
        self.head(reply.status, len(data) if reply.status != 204 else None,
                  headers=reply.headers)
        if self.command != "HEAD" and reply.status != 204:
            self.wfile.write(data)
        self.wfile.flush()

    def vanish(self):
        self.wfile.flush()
        self.close_connection = True
        raise Gone

    def misbehave(self, rule):
        action = rule["action"]
        self.note(rule.get("status"))
        if action == "status":
            body, kind = rule["body"], "application/json"
            if isinstance(body, str):
                body, kind = body.encode(), "text/plain"
            else:
                body = self.encode(body)
            self.head(rule["status"], len(body), kind, rule["headers"])
            self.wfile.write(body)
        elif action == "html502":
            self.head(502, len(HTML), "text/html")
            self.wfile.write(HTML)
        elif action == "garbage":
            self.wfile.write(bytes(range(256)) * 4)
            self.vanish()
        elif action == "oversized":
            self.head(200, rule["size"])
            text = b'{"data":{"plaintext":"'
            self.wfile.write(text)
            self.wfile.write(b"A" * (rule["size"] - len(text)))
        elif action == "endless":
            self.endless(rule)
        elif action == "hang":
            Faults.wait(rule, rule["seconds"])
            self.vanish()
        elif action == "hang-headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: appl")
            self.wfile.flush()
            Faults.wait(rule, rule["seconds"])
            self.vanish()
        else:
            self.vanish()

    def endless(self, rule):
        """A chunked body that goes on, 64 KiB at a time, until the time."""
        self.head(200, None, headers={"Transfer-Encoding": "chunked"})
        chunk = b"10000\r\n" + b"A" * 65536 + b"\r\n"
        for _ in range(int(rule["seconds"] * 10)):
            self.wfile.write(chunk)
            if rule["stop"].wait(0.1):
                break
        self.vanish()

    @staticmethod
    def spoil(data):
        """The last byte of each ciphertext."""
        def other(match):
            sealed = bytearray(base64.b64decode(match.group(2)))
            sealed[-1] ^= 1
            return match.group(1) + base64.b64encode(sealed)
        return re.sub(rb"(vault:v[0-9]+:)([A-Za-z0-9+/=]+)", other, data)

    def damage(self, rule, reply):
        action = rule["action"]
        data = self.encode(reply.body)
        if action == "spoil":
            data = self.spoil(data)
        elif action == "body":
            text = rule["body"]
            data = text.encode() if isinstance(text, str) \
                else self.encode(text)
        self.note(reply.status, len(data))
        if action == "drop-after":
            self.vanish()
        if action in ("body", "spoil"):
            self.head(reply.status, len(data))
            self.wfile.write(data)
        elif action == "close":
            self.head(reply.status, len(data))
            self.wfile.write(data)
            self.vanish()
        elif action == "truncated":
            self.head(reply.status, len(data) + rule["missing"])
            self.wfile.write(data)
            self.vanish()
        elif action == "hang-body":
            self.head(reply.status, len(data))
            self.wfile.write(data[:len(data) // 2])
            self.wfile.flush()
            Faults.wait(rule, rule["seconds"])
            self.vanish()
        elif action == "slow":
            self.head(reply.status, len(data))
            for at in range(len(data)):
                self.wfile.write(data[at:at + 1])
                self.wfile.flush()
                if rule["stop"].wait(rule["ms"] / 1000):
                    break
            self.wfile.write(data[at + 1:])


class Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address, port, tls, core, faults, log):
        if not ipaddress.ip_address(address).is_loopback:
            raise ValueError("%s is not a loopback address" % address)
        if ":" in address:
            self.address_family = socket.AF_INET6
        self.tls = tls
        self.core = core
        self.faults = faults
        self.log = log
        super().__init__((address, port), Handler)

    def shutdown_request(self, request):
        # The handler's TLS socket has taken the descriptor over.
        self.close_request(request)

    def handle_error(self, request, client_address):
        text = re.sub(r"\s+", " ", traceback.format_exc())
        self.log.write({"error": text})


def tls_context(cert, key, client_cas):
    """Asks for a client certificate when there are CAs to check it by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    for path in client_cas:
        context.load_verify_locations(path)
    if client_cas:
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
