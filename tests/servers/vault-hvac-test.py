#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Vault test server judged by hvac, a client that is not ours. TAP.

With VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT set, the same checks judge a
real Vault or OpenBao; they use mounts, policies and keys with a name of their
own and remove them again.
"""
import base64
import os
import sys
import uuid

import hvac
from hvac import exceptions

from fixture import Servers
from tap import Tap

RUN = "t" + uuid.uuid4().hex[:8]
MOUNT = RUN + "-transit"
APPROLE = RUN + "-approle"
POLICY = """
path "%(m)s/keys/main" { capabilities = ["read"] }
path "%(m)s/encrypt/+" { capabilities = ["update"] }
path "%(m)s/decrypt/main" { capabilities = ["update"] }
path "%(m)s/rewrap/ma*" { capabilities = ["update"] }
path "%(m)s/decrypt/main-denied" { capabilities = ["deny"] }
""" % {"m": MOUNT}


def b64(data):
    return base64.b64encode(data).decode()


class Bench:
    def __init__(self, url, token, cacert):
        self.url = url
        self.cacert = cacert
        self.root = self.client(token)

    def client(self, token):
        return hvac.Client(url=self.url, token=token, verify=self.cacert)

    def raw(self, client, path, **body):
        """For what hvac has no method for; the adapter raises by status."""
        return client.adapter.post("/v1/%s/%s" % (MOUNT, path), json=body)


def keys(tap, bench):
    transit = bench.root.secrets.transit
    bench.root.sys.enable_secrets_engine("transit", path=MOUNT)
    mounts = bench.root.sys.list_mounted_secrets_engines()["data"]
    tap.equal(mounts[MOUNT + "/"]["type"], "transit", "mount is listed")
    tap.raises(exceptions.InvalidRequest, lambda: bench.root.sys
               .enable_secrets_engine("transit", path=MOUNT),
               "mounting twice is refused", "already in use")
    tap.raises(exceptions.InvalidPath, lambda: transit.read_key(
        "main", mount_point=MOUNT), "missing key reads as 404")
    transit.create_key("main", mount_point=MOUNT)
    data = transit.read_key("main", mount_point=MOUNT)["data"]
    tap.equal((data["type"], data["latest_version"],
               data["min_decryption_version"], data["supports_encryption"],
               data["derived"], list(data["keys"])),
              ("aes256-gcm96", 1, 1, True, False, ["1"]), "key as created")
    tap.equal(transit.list_keys(mount_point=MOUNT)["data"]["keys"], ["main"],
              "key is listed")
    tap.raises(exceptions.InvalidPath, lambda: transit.read_key(
        "main", mount_point=RUN + "-nowhere"), "missing mount is 404",
        "no handler for route")


def encryption(tap, bench):
    transit = bench.root.secrets.transit
    plain = os.urandom(64)
    first = transit.encrypt_data("main", plaintext=b64(plain),
                                 mount_point=MOUNT)["data"]["ciphertext"]
    second = transit.encrypt_data("main", plaintext=b64(plain),
                                  mount_point=MOUNT)["data"]["ciphertext"]
    tap.ok(first.startswith("vault:v1:") and first != second,
           "ciphertexts are versioned and differ", first)
    binary = base64.b64decode(first.split(":")[2])
    tap.equal(len(binary), 12 + 64 + 16, "nonce, text and tag, no more")

    def opened(text):
        return base64.b64decode(transit.decrypt_data(
            "main", ciphertext=text, mount_point=MOUNT)["data"]["plaintext"])

    tap.equal(opened(first), plain, "decrypts")
    tap.equal(opened(second), plain, "decrypts the other one")
    for at in (0, 11, 12, 75, 76, 91):
        bad = bytearray(binary)
        bad[at] ^= 1
        tap.raises(exceptions.InvalidRequest,
                   lambda bad=bad: opened("vault:v1:" + b64(bytes(bad))),
                   "flipped bit at byte %d is refused" % at,
                   "message authentication failed")
    for text, complaint in (
            ("nonsense", "no prefix"), ("vault:v1", "number of fields"),
            ("vault:v1:%%", "could not decode base64"),
            ("vault:v7:" + b64(binary), "version is too new"),
            ("vault:v1:" + b64(binary[:11]), "length")):
        tap.raises(exceptions.InvalidRequest,
                   lambda text=text: opened(text),
                   "%r is refused" % text[:12], complaint)
    tap.raises(exceptions.InvalidRequest, lambda: transit.decrypt_data(
        "absent", ciphertext=first, mount_point=MOUNT),
        "decrypt with a missing key", "encryption key not found")
    transit.create_key("stranger", mount_point=MOUNT)
    tap.raises(exceptions.InvalidRequest, lambda: transit.decrypt_data(
        "stranger", ciphertext=first, mount_point=MOUNT),
        "another key does not open it", "message authentication failed")
    sealed = bench.raw(bench.root, "encrypt/main", plaintext=b64(plain),
                       associated_data=b64(b"bound"))["data"]["ciphertext"]
    tap.raises(exceptions.InvalidRequest, lambda: opened(sealed),
               "associated data is part of the seal")
    got = bench.raw(bench.root, "decrypt/main", ciphertext=sealed,
                    associated_data=b64(b"bound"))["data"]["plaintext"]
    tap.equal(base64.b64decode(got), plain, "associated data opens it")


def rotation(tap, bench):
    transit = bench.root.secrets.transit
    plain = b64(b"rotate me")
    old = transit.encrypt_data("main", plaintext=plain,
                               mount_point=MOUNT)["data"]["ciphertext"]
    transit.rotate_key("main", mount_point=MOUNT)
    data = transit.read_key("main", mount_point=MOUNT)["data"]
    tap.equal((data["latest_version"], sorted(data["keys"])), (2, ["1", "2"]),
              "rotation adds a version")
    new = transit.rewrap_data("main", ciphertext=old,
                              mount_point=MOUNT)["data"]["ciphertext"]
    tap.ok(new.startswith("vault:v2:"), "rewrap moves to the new version",
           new)
    for text in (old, new):
        got = transit.decrypt_data("main", ciphertext=text,
                                   mount_point=MOUNT)["data"]["plaintext"]
        tap.equal(got, plain, "%s still opens" % text[:8])
    again = transit.rewrap_data("main", ciphertext=new,
                                mount_point=MOUNT)["data"]["ciphertext"]
    tap.ok(again != new, "rewrap of the newest still makes a new nonce")
    transit.update_key_configuration("main", min_decryption_version=2,
                                     mount_point=MOUNT)
    for call in (transit.decrypt_data, transit.rewrap_data):
        tap.raises(exceptions.InvalidRequest, lambda call=call: call(
            "main", ciphertext=old, mount_point=MOUNT),
            "%s below the minimum version" % call.__name__, "too old")
    tap.equal(list(transit.read_key("main", mount_point=MOUNT)
                   ["data"]["keys"]), ["2"], "old version is hidden")
    transit.update_key_configuration("main", min_decryption_version=1,
                                     mount_point=MOUNT)
    tap.equal(transit.decrypt_data("main", ciphertext=old, mount_point=MOUNT)
              ["data"]["plaintext"], plain, "lowered minimum opens it again")
    # hvac 0.11 sends no JSON member for key_version None, so this is raw.
    tap.raises(exceptions.InvalidRequest, lambda: bench.raw(
        bench.root, "encrypt/main", plaintext=plain, key_version=3),
        "a version that is not there", "higher than the latest")


def batches(tap, bench):
    transit = bench.root.secrets.transit
    plains = [b64(b"item %d" % n) for n in range(3)]
    results = transit.encrypt_data(
        "main", plaintext=None,
        batch_input=[{"plaintext": p, "reference": "r%d" % n}
                     for n, p in enumerate(plains)],
        mount_point=MOUNT)["data"]["batch_results"]
    tap.equal([r["reference"] for r in results], ["r0", "r1", "r2"],
              "batch encrypt echoes references in order")
    sealed = [{"ciphertext": r["ciphertext"]} for r in results]
    results = transit.decrypt_data(
        "main", ciphertext=None, batch_input=sealed,
        mount_point=MOUNT)["data"]["batch_results"]
    tap.equal([r["plaintext"] for r in results], plains, "batch decrypt")
    broken = sealed[:1] + [{"ciphertext": "junk"}]

    def post(verb, **body):
        """Whole responses: batch failures are not errors to read away."""
        return bench.root.session.post(
            "%s/v1/%s/%s/main" % (bench.url, MOUNT, verb), json=body,
            headers={"X-Vault-Token": bench.root.token},
            verify=bench.cacert, timeout=30)

    reply = post("decrypt", batch_input=broken)
    results = reply.json()["data"]["batch_results"]
    tap.equal((reply.status_code, results[0]["plaintext"],
               results[1]["plaintext"], "no prefix" in results[1]["error"]),
              (400, plains[0], "", True),
              "one bad item: 400 with the good one's plaintext")
    reply = post("decrypt", batch_input=broken,
                 partial_failure_response_code=207)
    tap.equal(reply.status_code, 207, "partial_failure_response_code")
    reply = post("decrypt", batch_input=broken[1:],
                 partial_failure_response_code=207)
    tap.equal(reply.status_code, 400, "... but not if nothing succeeded")
    reply = post("rewrap", batch_input=broken)
    results = reply.json()["data"]["batch_results"]
    tap.equal((reply.status_code, "error" in results[0],
               "error" in results[1]), (200, False, True),
              "rewrap reports a bad item in a 200")
    reply = post("decrypt", batch_input=[{"reference": "no ciphertext"}])
    tap.equal((reply.status_code, list(reply.json())), (500, ["errors"]),
              "an item without its subject refuses the request with 500")
    tap.equal(post("encrypt", batch_input=[]).status_code, 400,
              "an empty batch is 400")
    reply = post("decrypt", batch_input=sealed[:1] * 600)
    tap.equal(reply.status_code, 400, "600 items exceed the string limit")
    tap.equal(post("decrypt", batch_input=sealed[:1] * 400).status_code, 200,
              "400 items do not")


def tokens(tap, bench):
    root = bench.root
    tap.equal(root.auth.token.lookup_self()["data"]["policies"], ["root"],
              "root looks itself up")
    root.sys.create_or_update_policy(RUN, POLICY)
    tap.ok("main-denied" in root.sys.read_policy(RUN)["data"]["rules"],
           "policy reads back")
    made = root.auth.token.create(policies=[RUN], ttl="1h")["auth"]
    tap.equal((made["policies"], made["lease_duration"], made["renewable"]),
              (["default", RUN], 3600, True), "token as asked")
    client = bench.client(made["client_token"])
    data = client.auth.token.lookup_self()["data"]
    tap.equal((data["accessor"], data["type"], data["creation_ttl"],
               3590 <= data["ttl"] <= 3600),
              (made["accessor"], "service", 3600, True), "lookup-self")
    renewed = client.auth.token.renew_self(increment="2h")["auth"]
    tap.ok(7190 <= renewed["lease_duration"] <= 7200, "renew-self", renewed)
    got = client.sys.get_capabilities([
        MOUNT + "/keys/main", MOUNT + "/encrypt/other",
        MOUNT + "/decrypt/main-denied", "sys/mounts"])["data"]
    tap.equal((got[MOUNT + "/keys/main"], got[MOUNT + "/encrypt/other"],
               got[MOUNT + "/decrypt/main-denied"], got["sys/mounts"]),
              (["read"], ["update"], ["deny"], ["deny"]),
              "capabilities-self")
    client.auth.token.revoke_self()
    tap.raises(exceptions.Forbidden, client.auth.token.lookup_self,
               "a revoked token is 403")
    tap.raises(exceptions.Forbidden, bench.client(
        "s.nosuchtoken").auth.token.lookup_self, "an unknown token is 403")
    limited = bench.client(root.auth.token.create(
        policies=[RUN], num_uses=2)["auth"]["client_token"])
    limited.auth.token.lookup_self()
    limited.auth.token.lookup_self()
    tap.raises(exceptions.Forbidden, limited.auth.token.lookup_self,
               "num_uses runs out")
    period = bench.client(root.auth.token.create(
        policies=[RUN], period="1h")["auth"]["client_token"])
    tap.equal(period.auth.token.renew_self(increment="9h")
              ["auth"]["lease_duration"], 3600, "a period stays a period")
    batch = bench.client(root.adapter.post(
        "/v1/auth/token/create", json={"policies": [RUN], "type": "batch",
                                       "ttl": "20m"})["auth"]["client_token"])
    tap.equal(batch.auth.token.lookup_self()["data"]["type"], "batch",
              "batch token")
    tap.raises(exceptions.InvalidRequest, batch.auth.token.renew_self,
               "a batch token cannot be renewed")


def denials(tap, bench):
    client = bench.client(bench.root.auth.token.create(
        policies=[RUN])["auth"]["client_token"])
    transit, plain = client.secrets.transit, b64(b"x")
    sealed = transit.encrypt_data("main", plaintext=plain,
                                  mount_point=MOUNT)["data"]["ciphertext"]
    tap.equal(transit.decrypt_data("main", ciphertext=sealed,
                                   mount_point=MOUNT)["data"]["plaintext"],
              plain, "policy allows what it names")
    tap.ok(transit.rewrap_data("main", ciphertext=sealed, mount_point=MOUNT),
           "* matches a suffix")
    forbidden = {
        "read of another key": lambda: transit.read_key(
            "stranger", mount_point=MOUNT),
        "decrypt with another key": lambda: transit.decrypt_data(
            "stranger", ciphertext=sealed, mount_point=MOUNT),
        "rotation": lambda: transit.rotate_key("main", mount_point=MOUNT),
        "key creation": lambda: transit.create_key("mine", mount_point=MOUNT),
        "a mount out of the policy": lambda: transit.read_key(
            "main", mount_point=RUN + "-nowhere"),
        "encrypt upsert with update alone": lambda: transit.encrypt_data(
            "typo", plaintext=plain, mount_point=MOUNT),
        "an explicit deny": lambda: transit.decrypt_data(
            "main-denied", ciphertext=sealed, mount_point=MOUNT),
        "listing mounts": client.sys.list_mounted_secrets_engines,
    }
    for name, call in forbidden.items():
        tap.raises(exceptions.Forbidden, call, "denied: " + name,
                   "permission denied")
    tap.raises(exceptions.InvalidPath, lambda: bench.root.secrets.transit
               .read_key("typo", mount_point=MOUNT),
               "the denied upsert made no key")
    bench.root.secrets.transit.encrypt_data("upserted", plaintext=plain,
                                            mount_point=MOUNT)
    tap.equal(bench.root.secrets.transit.read_key(
        "upserted", mount_point=MOUNT)["data"]["latest_version"], 1,
        "with create, encrypt makes the key")


def approle(tap, bench):
    root = bench.root
    root.sys.enable_auth_method("approle", path=APPROLE)
    role = root.auth.approle
    # Only what is named: the method itself sends nulls for the rest.
    root.adapter.post("/v1/auth/%s/role/host" % APPROLE, json={
        "token_policies": [RUN], "token_ttl": "10m",
        "secret_id_num_uses": 2})
    role_id = role.read_role_id("host", mount_point=APPROLE)["data"]["role_id"]
    secret = root.adapter.post("/v1/auth/%s/role/host/secret-id" % APPROLE,
                               json={})["data"]["secret_id"]
    client = bench.client(None)

    def login(secret_id):
        return client.auth.approle.login(role_id, secret_id, use_token=False,
                                         mount_point=APPROLE)["auth"]

    auth = login(secret)
    tap.equal((auth["lease_duration"], auth["policies"],
               auth["metadata"]["role_name"]),
              (600, ["default", RUN], "host"), "AppRole login")
    tap.ok(bench.client(auth["client_token"]).secrets.transit.read_key(
        "main", mount_point=MOUNT), "its token works")
    tap.raises(exceptions.InvalidRequest, lambda: login(str(uuid.uuid4())),
               "wrong secret id is 400, not 403", "invalid role or secret ID")
    login(secret)
    tap.raises(exceptions.InvalidRequest, lambda: login(secret),
               "secret id is used up", "invalid role or secret ID")


def deletion(tap, bench):
    transit = bench.root.secrets.transit
    tap.raises(exceptions.InvalidRequest, lambda: transit.delete_key(
        "main", mount_point=MOUNT), "deletion needs permission of the key",
        "deletion is not allowed")
    transit.update_key_configuration("main", deletion_allowed=True,
                                     mount_point=MOUNT)
    transit.delete_key("main", mount_point=MOUNT)
    tap.raises(exceptions.InvalidPath, lambda: transit.read_key(
        "main", mount_point=MOUNT), "a deleted key is 404")


def tidy(bench):
    for call in (lambda: bench.root.sys.disable_secrets_engine(MOUNT),
                 lambda: bench.root.sys.disable_auth_method(APPROLE),
                 lambda: bench.root.sys.delete_policy(RUN)):
        try:
            call()
        except exceptions.VaultError as error:
            print("# clean-up: %s" % error)


def run(bench):
    tap = Tap()
    for group in (keys, encryption, rotation, batches, tokens, denials,
                  approle, deletion):
        print("# " + group.__name__)
        tap.group(group, bench)
    tidy(bench)
    return tap.done()


def main():
    if os.environ.get("VAULT_ADDR"):
        return run(Bench(os.environ["VAULT_ADDR"], os.environ["VAULT_TOKEN"],
                         os.environ.get("VAULT_CACERT", True)))
    with Servers() as servers:
        server = servers.vault()
        return run(Bench(server.url, server.token, server.cacert))


if __name__ == "__main__":
    sys.exit(main())
