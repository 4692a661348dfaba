# SPDX-License-Identifier: GPL-2.0-or-later
"""The Vault test server for the length of a Python self-test."""
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

HOME = os.path.dirname(os.path.abspath(__file__))


def wait_for(seconds, question):
    """The first true answer of question(), or None after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.05)
    return None


def make_pki(directory):
    subprocess.run([os.path.join(HOME, "pki.py"), directory], check=True,
                   timeout=60)
    return directory


def end_process(process, seconds=10):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    return process.returncode


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("control", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class VaultServer:
    """start() after stop() is a restart: same port, state and root token."""

    def __init__(self, directory, pki, options=()):
        self.directory = directory
        self.pki = pki
        self.options = list(options)
        self.process = None
        self.port = 0

    def file(self, name):
        return os.path.join(self.directory, name)

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        if os.path.exists(self.file("ready")):
            os.unlink(self.file("ready"))
        cert = os.path.join(self.pki, "server")
        self.process = subprocess.Popen(
            [os.path.join(HOME, "vault-server.py"),
             "--cert", cert + ".pem", "--key", cert + ".key",
             "--client-ca", os.path.join(self.pki, "ca.pem"),
             "--client-ca", os.path.join(self.pki, "other-ca.pem"),
             "--port", str(self.port), "--ready-file", self.file("ready"),
             "--root-token-file", self.file("root-token"),
             "--control", self.file("control"), "--log", self.file("log"),
             "--state", self.file("state")] + self.options,
            stdout=subprocess.DEVNULL)
        if not wait_for(15, lambda: os.path.exists(self.file("ready"))
                        or self.process.poll() is not None) \
                or self.process.poll() is not None:
            raise RuntimeError("vault-server.py did not start")
        with open(self.file("ready"), encoding="ascii") as source:
            self.port = int(source.read())
        with open(self.file("root-token"), encoding="ascii") as source:
            self.token = source.read().strip()
        self.url = "https://127.0.0.1:%d" % self.port
        self.cacert = os.path.join(self.pki, "ca.pem")
        return self

    def stop(self):
        return end_process(self.process)

    def control(self, method, path, given=None):
        connection = UnixHTTP(self.file("control"))
        try:
            connection.request(method, path, json.dumps(given or {}))
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        finally:
            connection.close()
        if reply.status != 200:
            raise ValueError(answer)
        return answer

    def connection(self, timeout=5, cert=None):
        context = ssl.create_default_context(cafile=self.cacert)
        if cert:
            base = os.path.join(self.pki, cert)
            context.load_cert_chain(base + ".pem", base + ".key")
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=timeout, context=context)

    def call(self, method, path, body=None, token=None, **given):
        """(status, decoded body or None) of one request."""
        headers = dict(given.pop("headers", {}))
        if token != "":
            headers["X-Vault-Token"] = token or self.token
        connection = self.connection(**given)
        try:
            connection.request(
                method, "/v1/" + path,
                None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            data = reply.read()
        finally:
            connection.close()
        self.headers = reply.headers
        return reply.status, json.loads(data) if data else None


class Servers:
    """A scratch directory with a PKI; with-block."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="kms-servers.")
        self.pki = make_pki(os.path.join(self.directory, "pki"))
        self.vaults = []
        return self

    def vault(self, name="vault", options=()):
        server = VaultServer(os.path.join(self.directory, name), self.pki,
                             options)
        self.vaults.append(server)
        return server.start()

    def __exit__(self, *_):
        for server in self.vaults:
            server.stop()
        shutil.rmtree(self.directory)
