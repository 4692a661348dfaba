#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the Vault test server has beyond the API: faults and states. TAP."""
import base64
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import \
    decode_dss_signature

from fixture import HOME, Servers
from tap import Tap

PLAIN = base64.b64encode(b"secret").decode()


def add(server, action, **members):
    return server.control("POST", "/faults", dict(members, action=action))


def heal(server):
    server.control("DELETE", "/faults")


def setup(tap, server):
    tap.equal(server.call("POST", "sys/mounts/transit",
                          {"type": "transit"})[0], 204, "mount")
    tap.equal(server.call("POST", "transit/keys/k", {})[0], 200, "key")


def read(server, timeout=2):
    return server.call("GET", "transit/keys/k", timeout=timeout)


def connection_faults(tap, server):
    add(server, "hang-accept", times=1)
    started = time.monotonic()
    tap.raises((socket.timeout, ssl.SSLError), lambda: read(server, 1),
               "hang-accept: no handshake")
    tap.ok(time.monotonic() - started > 0.9, "... for as long as we wait")
    tap.equal(read(server)[0], 200, "times: 1 was once")
    for action in ("drop-accept", "reset-accept"):
        add(server, action, times=1)
        tap.raises(OSError, lambda: read(server), action + ": no handshake")
    heal(server)


def replacing_faults(tap, server):
    add(server, "status", status=503, body={"errors": ["x"]}, times=1)
    tap.equal(read(server), (503, {"errors": ["x"]}), "status and body")
    add(server, "status", status=429, headers={"Retry-After": "7"})
    tap.equal([read(server)[0] for _ in range(3)], [429] * 3, "status always")
    tap.equal(server.headers["Retry-After"], "7", "... with a header")
    heal(server)
    add(server, "html502", times=1)
    connection = server.connection()
    connection.request("GET", "/v1/transit/keys/k")
    reply = connection.getresponse()
    tap.equal((reply.status, reply.read()[:6]), (502, b"<html>"), "html502")
    connection.close()
    add(server, "garbage", times=1)
    tap.raises(http.client.HTTPException, lambda: read(server),
               "garbage is not HTTP")
    add(server, "drop", times=1)
    tap.raises((OSError, http.client.HTTPException), lambda: read(server),
               "drop")
    for action in ("hang", "hang-headers", "hang-body", "slow"):
        add(server, action, times=1)
        tap.raises(socket.timeout, lambda: whole(server, 1),
                   action + ": no whole answer")
        heal(server)
    add(server, "truncated", times=1)
    tap.raises(http.client.IncompleteRead, lambda: read(server), "truncated")
    add(server, "oversized", times=1)
    connection = server.connection()
    connection.request("GET", "/v1/transit/keys/k")
    tap.equal(len(connection.getresponse().read()), 2 << 20, "oversized")
    connection.close()
    add(server, "endless", times=1)
    connection = server.connection()
    connection.request("GET", "/v1/transit/keys/k")
    tap.equal(len(connection.getresponse().read(300000)), 300000,
              "endless goes on")
    connection.close()
    heal(server)


def whole(server, seconds):
    """A deadline for all of the answer: 'slow' passes a read timeout."""
    end = time.monotonic() + seconds
    connection = server.connection(timeout=seconds)
    try:
        connection.request("GET", "/v1/transit/keys/k",
                           headers={"X-Vault-Token": server.token})
        reply = connection.getresponse()
        while reply.read(1):
            if time.monotonic() > end:
                raise socket.timeout
    finally:
        connection.close()


def matching(tap, server):
    add(server, "status", path="/encrypt/", method="POST", skip=1, times=1)
    body = {"plaintext": PLAIN}
    got = [server.call("POST", "transit/encrypt/k", body)[0]
           for _ in range(3)]
    tap.equal(got, [200, 500, 200], "skip and times")
    add(server, "status", path="/decrypt/")
    tap.equal(read(server)[0], 200, "another path is left alone")
    rules = server.control("GET", "/faults")
    tap.equal([r["hits"] for r in rules], [1, 0], "hits are counted")
    heal(server)
    add(server, "delay", ms=700, times=1)
    started = time.monotonic()
    tap.equal(read(server)[0], 200, "delay still answers")
    tap.ok(0.65 < time.monotonic() - started < 2, "... later")
    tap.raises(ValueError, lambda: add(server, "explode"), "unknown action",
               "must be one of")
    tap.raises(ValueError, lambda: add(server, "drop", status=1),
               "unknown member", "unknown members")
    server.call("POST", "transit/keys/lost", {})
    add(server, "spoil", path="/encrypt/")
    sealed = server.call("POST", "transit/encrypt/k", body)[1]["data"]
    heal(server)
    tap.equal(server.call("POST", "transit/decrypt/k", {
        "ciphertext": sealed["ciphertext"]})[0], 400, "spoil")
    add(server, "drop-after", path="/lost/rotate", times=1)
    tap.raises((OSError, http.client.HTTPException), lambda: server.call(
        "POST", "transit/keys/lost/rotate", {}), "drop-after: no answer")
    tap.equal(server.call("GET", "transit/keys/lost")[1]["data"]
              ["latest_version"], 2, "... but the effect")
    add(server, "drop", path="/lost/rotate", times=1)
    tap.raises((OSError, http.client.HTTPException), lambda: server.call(
        "POST", "transit/keys/lost/rotate", {}), "drop: no answer")
    tap.equal(server.call("GET", "transit/keys/lost")[1]["data"]
              ["latest_version"], 2, "... and no effect")
    heal(server)


def states(tap, server):
    server.control("POST", "/seal")
    tap.equal((read(server), server.call("GET", "sys/health")[0]),
              ((503, {"errors": ["Vault is sealed"]}), 503), "sealed")
    server.control("POST", "/unseal")
    tap.equal((read(server)[0], server.call("GET", "sys/health")[0]),
              (200, 200), "unsealed")
    server.control("POST", "/standby", {"location": "https://kms.test:1"})
    status = read(server)[0]
    tap.equal((status, server.headers["Location"]),
              (307, "https://kms.test:1/v1/transit/keys/k"), "standby")
    tap.equal(server.call("GET", "sys/health", token="")[0], 429,
              "standby's health")
    server.control("POST", "/standby", {"location": None})
    tap.equal(read(server)[0], 200, "active again")
    token = server.call("POST", "auth/token/create", {
        "policies": ["default"], "ttl": "1h"})[1]["auth"]["client_token"]
    server.control("POST", "/clock", {"advance": 3599})
    tap.equal(server.call("GET", "auth/token/lookup-self", token=token)[0],
              200, "a token in its last second")
    server.control("POST", "/clock", {"advance": 2})
    tap.equal(server.call("GET", "auth/token/lookup-self", token=token)[0],
              403, "a token past its time")
    server.control("POST", "/clock")
    status = server.call("POST", "transit//keys/../keys/k", {})[0]
    tap.equal((status, server.headers["Location"]),
              (307, "/v1/transit/keys/k"), "an unclean path is redirected")


def releases(tap, server):
    bound = {"plaintext": PLAIN, "associated_data": PLAIN}

    def unbound(version):
        """Does decrypt without the associated data succeed?"""
        server.control("POST", "/release", {"version": version})
        data = server.call("POST", "transit/encrypt/k", bound)[1]["data"]
        status = server.call("POST", "transit/decrypt/k", {
            "ciphertext": data["ciphertext"]})[0]
        return status == 200, "key_version" in data

    tap.equal(unbound("1.1.5"), (True, False), "1.1.5 ignores the binding")
    forged = {"ciphertext": "vault:v1:" + "A" * 60}
    status, body = server.call("POST", "transit/decrypt/k", forged)
    tap.equal((status, body["errors"][0]),
              (400, "invalid ciphertext: unable to decrypt"), "its refusal")
    server.control("POST", "/release", {"version": "1.9.0"})
    tap.equal(server.call("POST", "transit/decrypt/k", forged)[0], 500,
              "1.9's refusal is a 500")
    tap.equal(server.call("POST", "transit/decrypt/k", {
        "batch_input": [forged]})[0], 500, "... for a batch too")
    tap.equal(unbound("2.7.2"), (False, True), "2.7.2 keeps the binding")


def namespaces(tap, server):
    space = {"headers": {"X-Vault-Namespace": "team/"}}
    tap.equal(server.call("GET", "transit/keys/k", **space)[0], 404,
              "no such namespace")
    server.call("POST", "sys/namespaces/team", {})
    server.call("POST", "sys/mounts/transit", {"type": "transit"}, **space)
    tap.equal(server.call("GET", "transit/keys/k", **space)[0], 404,
              "another namespace, another mount")
    server.call("POST", "transit/keys/nk", {}, **space)
    tap.equal(server.call("GET", "team/transit/keys/nk")[0], 200,
              "the namespace in the path is the same")
    server.call("PUT", "sys/policies/acl/all", {
        "policy": 'path "*" { capabilities = ["read"] }'}, **space)
    token = server.call("POST", "auth/token/create", {"policies": ["all"]},
                        **space)[1]["auth"]["client_token"]
    tap.equal((server.call("GET", "transit/keys/nk", token=token, **space)[0],
               server.call("GET", "transit/keys/k", token=token)[0]),
              (200, 403), "its token stays in it")


def logins(tap, server):
    server.call("POST", "sys/auth/cert", {"type": "cert"})
    with open(os.path.join(server.pki, "ca.pem"), encoding="ascii") as source:
        ca = source.read()
    server.call("POST", "auth/cert/certs/hosts", {
        "certificate": ca, "allowed_common_names": "kmscrypt",
        "token_policies": "default"})

    def login(cert):
        status, body = server.call("POST", "auth/cert/login", {}, token="",
                                   cert=cert)
        return status, (body.get("auth") or {}).get("metadata")

    tap.equal(login("client"), (200, {"cert_name": "hosts",
                                      "common_name": "kmscrypt"}),
              "certificate login")
    for cert in (None, "client-other", "client-foreign"):
        tap.equal(login(cert), (400, None),
                  "no certificate login for %s" % cert)
    kubernetes(tap, server)


def kubernetes(tap, server):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    server.call("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
    server.call("POST", "auth/kubernetes/config", {"pem_keys": [pem]})
    server.call("POST", "auth/kubernetes/role/r", {
        "bound_service_account_names": "sa", "token_policies": "default",
        "bound_service_account_namespaces": "ns"})

    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    def login(account, seconds=60, signer=key):
        text = b64(b'{"alg":"ES256"}') + b"." + b64(json.dumps({
            "sub": "system:serviceaccount:" + account,
            "exp": time.time() + seconds}).encode())
        pair = decode_dss_signature(signer.sign(text,
                                                ec.ECDSA(hashes.SHA256())))
        signature = b"".join(n.to_bytes(32, "big") for n in pair)
        return server.call("POST", "auth/kubernetes/login", {
            "role": "r", "jwt": (text + b"." + b64(signature)).decode()},
            token="")[0]

    stranger = ec.generate_private_key(ec.SECP256R1())
    tap.equal((login("ns:sa"), login("ns:other"), login("ns:sa", -1),
               login("ns:sa", signer=stranger)), (200, 403, 403, 403),
              "kubernetes login: good, other account, expired, forged")


def record(tap, server):
    server.control("DELETE", "/log")
    connection = server.connection()
    for _ in range(2):
        connection.request("GET", "/v1/transit/keys/k", headers={
            "X-Vault-Token": server.token, "X-Vault-Request": "true"})
        connection.getresponse().read()
    connection.close()
    first, second = server.control("GET", "/log")
    tap.equal((first["method"], first["path"], first["status"],
               first["vault_request"]),
              ("GET", "/v1/transit/keys/k", 200, "true"), "log")
    tap.equal(first["connection"], second["connection"],
              "keep-alive is seen in the log")
    with open(server.file("log"), encoding="utf-8") as source:
        text = source.read()
    tap.ok(server.token not in text and PLAIN not in text
           and '"error"' not in text, "log without secrets or accidents",
           [line for line in text.splitlines() if '"error"' in line][:3])


def persistence(tap, server):
    sealed = server.call("POST", "transit/encrypt/k", {
        "plaintext": PLAIN})[1]["data"]["ciphertext"]
    url = server.url
    tap.equal(server.stop(), 0, "stops cleanly on SIGTERM")
    tap.raises(OSError, lambda: read(server), "... and is gone")
    server.start()
    tap.equal(server.url, url, "restart on the same port")
    tap.equal(server.call("POST", "transit/decrypt/k", {
        "ciphertext": sealed})[1]["data"]["plaintext"], PLAIN,
        "keys and tokens survive a restart")
    tap.equal(os.stat(server.file("state")).st_mode & 0o777, 0o600,
              "state is private")
    base = os.path.join(server.pki, "server")
    refused = subprocess.run(
        [os.path.join(HOME, "vault-server.py"), "--cert", base + ".pem",
         "--key", base + ".key", "--listen", "0.0.0.0"],
        env=dict(os.environ, VAULT_TEST_ROOT_TOKEN="x"), check=False,
        stderr=subprocess.DEVNULL, timeout=20)
    tap.ok(refused.returncode != 0, "does not listen but on loopback")


def main():
    tap = Tap()
    with Servers() as servers:
        server = servers.vault()
        for group in (setup, connection_faults, replacing_faults, matching,
                      states, releases, namespaces, logins, record,
                      persistence):
            print("# " + group.__name__)
            tap.group(group, server)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
