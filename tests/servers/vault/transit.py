# SPDX-License-Identifier: GPL-2.0-or-later
"""The transit engine: routes below one mount, single and batch requests."""
import os

from . import keyring
from .keyring import ItemError
from .reply import Refusal, empty, envelope, nested
from .values import Base64Error, boolean, integer, to_base64, unbase64

COMMON = {"context", "key_version", "nonce", "batch_input", "type",
          "convergent_encryption"}
FIELDS = {
    "encrypt": COMMON | {"plaintext", "associated_data",
                         "partial_failure_response_code"},
    "decrypt": COMMON | {"ciphertext", "associated_data",
                         "partial_failure_response_code"},
    "rewrap": COMMON | {"ciphertext"},
}
SUBJECT = {"encrypt": "plaintext", "decrypt": "ciphertext",
           "rewrap": "ciphertext"}
MISSING = {"encrypt": "missing plaintext to encrypt",
           "decrypt": "missing ciphertext to decrypt",
           "rewrap": "missing ciphertext to decrypt"}


def new_mount():
    return {"keys": {}, "disable_upsert": False}


class Transit:
    """One mount's data for the length of one request."""

    def __init__(self, mount, clock, release):
        self.mount = mount
        self.keys = mount["keys"]
        self.clock = clock
        self.release = release

    def exists(self, parts):
        """Does the target exist? None where the real one does not ask."""
        if len(parts) == 2 and parts[0] == "encrypt":
            return parts[1] in self.keys
        return None

    def handle(self, operation, parts, body):
        if parts == ["keys"]:
            return self.list_keys(operation)
        if parts == ["config", "keys"]:
            return self.config_keys(operation, body)
        if len(parts) == 2 and parts[0] == "keys":
            return self.key(operation, parts[1], body)
        if len(parts) == 3 and parts[0] == "keys":
            return self.key_action(operation, parts[1], parts[2], body)
        if len(parts) == 2 and parts[0] in FIELDS:
            if operation != "update":
                raise Refusal(405, nested("unsupported operation"))
            return self.work(parts[0], parts[1], body)
        if len(parts) == 3 and parts[0] == "datakey":
            return self.datakey(parts[1], parts[2], body)
        raise Refusal(404, nested("unsupported path"))

    # keys

    def list_keys(self, operation):
        if operation != "list":
            raise Refusal(405, nested("unsupported operation"))
        if not self.keys:
            raise Refusal(404)
        return envelope({"keys": sorted(self.keys)})

    def config_keys(self, operation, body):
        if operation == "update":
            self.mount["disable_upsert"] = boolean(
                body, "disable_upsert", self.mount["disable_upsert"])
        return envelope({"disable_upsert": self.mount["disable_upsert"]})

    def key(self, operation, name, body):
        if operation == "read":
            if name not in self.keys:
                raise Refusal(404)
            return envelope(keyring.describe(self.keys[name]))
        if operation == "delete":
            return self.delete(name)
        if operation != "update":
            raise Refusal(405, nested("unsupported operation"))
        if name not in self.keys:
            key_type = body.get("type", "aes256-gcm96")
            if not keyring.known_type(key_type):
                raise Refusal(400, "unknown key type %s" % key_type)
            self.keys[name] = keyring.create(
                name, key_type, self.clock(), boolean(body, "derived"),
                boolean(body, "exportable"))
        return self.key_reply(self.keys[name])

    def key_reply(self, key):
        if self.release.key_replies:
            return envelope(keyring.describe(key))
        return empty()

    def delete(self, name):
        key = self.keys.get(name)
        problem = None
        if key is None:
            problem = "could not delete key; not found"
        elif not key["deletion_allowed"]:
            problem = "deletion is not allowed for this key"
        if problem:
            raise Refusal(400, "error deleting policy %s: %s"
                          % (name, problem))
        del self.keys[name]
        return empty()

    def key_action(self, operation, name, action, body):
        key = self.keys.get(name)
        if action == "rotate" and operation == "update":
            if key is None:
                raise Refusal(400, "key not found")
            keyring.rotate(key, self.clock())
            return self.key_reply(key)
        if action == "config" and operation == "update":
            if key is None:
                raise Refusal(
                    400, "no existing key named %s could be found" % name)
            return self.config(key, body)
        if (action, operation) in (("soft-delete", "delete"),
                                   ("soft-delete", "update"),
                                   ("soft-delete-restore", "update")):
            if key is None:
                raise Refusal(404)
            key["soft_deleted"] = action == "soft-delete"
            return self.key_reply(key)
        raise Refusal(404, nested("unsupported path"))

    def config(self, key, body):
        least_open = integer(body, "min_decryption_version",
                             key["min_decryption"]) or 1
        least_seal = integer(body, "min_encryption_version",
                             key["min_encryption"])
        for verb, value in (("decryption", least_open),
                            ("encryption", least_seal)):
            if value < 0:
                raise Refusal(400, "min %s version cannot be negative" % verb)
            if value > key["latest"]:
                raise Refusal(400, "cannot set min %s version of %d, latest"
                              " key version is %d"
                              % (verb, value, key["latest"]))
        if 0 < least_seal < least_open:
            raise Refusal(400, "cannot set min encryption version of %d;"
                          " min decryption version is %d"
                          % (least_seal, least_open))
        deletion = boolean(body, "deletion_allowed", key["deletion_allowed"])
        key.update(min_decryption=least_open, min_encryption=least_seal,
                   deletion_allowed=deletion)
        return self.key_reply(key)

    # encrypt, decrypt, rewrap

    def work(self, verb, name, body):
        release = self.release
        warnings = []
        unknown = sorted(set(body) - FIELDS[verb])
        if unknown and release.unknown_warning:
            warnings.append("Endpoint ignored these unrecognized parameters:"
                            " [%s]" % " ".join(unknown))
        batch = body.get("batch_input")
        if batch is not None:
            items = self.parse_batch(verb, batch)
            key = self.find_key(verb, name, body)
            return self.batch_reply(verb, key, items, body, warnings)
        if verb == "encrypt" and "plaintext" not in body \
                or verb != "encrypt" and not body.get("ciphertext"):
            raise Refusal(400, MISSING[verb])
        key = self.find_key(verb, name, body)
        item = {k: v for k, v in body.items() if k in FIELDS[verb]}
        item["key_version"] = integer(body, "key_version")
        try:
            return envelope(self.one(verb, key, item, 0), warnings=warnings)
        except ItemError as error:
            if error.internal:
                raise Refusal(500, nested(error.text)) from None
            raise Refusal(400, error.text) from None

    def find_key(self, verb, name, body):
        key = self.keys.get(name)
        if key is None:
            if verb != "encrypt" or self.mount["disable_upsert"]:
                raise Refusal(400, "encryption key not found")
            key_type = body.get("type", "aes256-gcm96")
            if key_type not in keyring.CIPHERS:
                raise Refusal(400, "unknown key type %s" % key_type)
            key = self.keys[name] = keyring.create(name, key_type,
                                                   self.clock())
        if key["soft_deleted"]:
            raise Refusal(400, "refusing to use soft-deleted key")
        return key

    def parse_batch(self, verb, batch):
        """A fault in the shape of any item refuses the whole request."""
        subject = SUBJECT[verb]

        def broken(text):
            return Refusal(
                500, nested("failed to parse batch input: " + text))

        if not isinstance(batch, list):
            kind = "string" if isinstance(batch, str) else "map"
            raise broken("source data must be an array or slice, got " + kind)
        if not batch:
            raise Refusal(400, "missing batch input to process")
        for at, item in enumerate(batch):
            if not isinstance(item, dict):
                raise broken("'[%d]' expected a map" % at)
            for name in (subject, "context", "associated_data", "reference"):
                if name in item and not isinstance(item[name], str):
                    raise broken("'[%d].%s' expected type 'string', got"
                                 " unconvertible type 'json.Number'"
                                 % (at, name))
            if verb != "rewrap" and subject not in item:
                raise broken("'[%d].%s' %s" % (at, subject, MISSING[verb]))
            version = item.get("key_version", 0)
            if isinstance(version, bool) or not isinstance(version, int):
                raise broken("'[%d].key_version' expected type 'int'" % at)
        if len({bool(item.get("context")) for item in batch}) > 1:
            raise Refusal(400, "context should be set either in all the"
                          " request blocks or in none")
        return batch

    def batch_reply(self, verb, key, items, body, warnings):
        release = self.release
        results, user, internal = [], 0, 0
        for at, item in enumerate(items):
            try:
                result = self.one(verb, key, item, at)
            except ItemError as error:
                if error.internal and (verb == "rewrap"
                                       or release.batch_user_error == 200):
                    raise Refusal(500, nested(error.text)) from None
                user += not error.internal
                internal += error.internal
                result = {"plaintext": ""} if verb == "decrypt" else {}
                result["error"] = error.text
            if release.reference:
                result["reference"] = item.get("reference", "")
            results.append(result)
        status = 200
        if verb != "rewrap" and (user or internal):
            status = release.batch_user_error if user else 500
            partial = integer(body, "partial_failure_response_code")
            if partial and release.partial_code \
                    and user + internal < len(items):
                status = partial
        return envelope({"batch_results": results}, warnings=warnings,
                        status=status)

    def one(self, verb, key, item, at):
        context = self.decoded(item, "context", "failed to base64-decode"
                               " context")
        aad = None
        if self.release.associated_data and verb != "rewrap" \
                and item.get("associated_data"):
            try:
                aad = unbase64(item["associated_data"])
            except Base64Error as error:
                raise ItemError(
                    "unable to get associated_data/additional_data from"
                    " factory[%d]: %s" % (at, error), internal=True) from None
        if verb == "encrypt":
            plain = self.decoded(item, "plaintext", None)
            return self.sealed(key, plain, item, context, aad)
        if not item.get("ciphertext"):
            raise ItemError(MISSING[verb])
        plain = keyring.decrypt(key, str(item["ciphertext"]), context, aad,
                                self.release)
        if verb == "decrypt":
            return {"plaintext": to_base64(plain)}
        return self.sealed(key, plain, item, context, None)

    @staticmethod
    def decoded(item, name, complaint):
        value = item.get(name)
        if value is None:
            return b""
        try:
            return unbase64(value)
        except Base64Error as error:
            raise ItemError(complaint or str(error)) from None

    def sealed(self, key, plain, item, context, aad):
        text, version = keyring.encrypt(
            key, plain, item.get("key_version", 0), context, aad)
        result = {"ciphertext": text}
        if self.release.key_version:
            result["key_version"] = version
        return result

    def datakey(self, kind, name, body):
        bits = integer(body, "bits", 256)
        if kind not in ("plaintext", "wrapped"):
            raise Refusal(400, "Invalid path, must be 'plaintext' or"
                          " 'wrapped'")
        if bits not in (128, 256, 512):
            raise Refusal(400, "invalid bit length")
        if name not in self.keys:
            raise Refusal(400, "encryption key not found")
        plain = os.urandom(bits // 8)
        item = dict(body, plaintext=to_base64(plain),
                    key_version=integer(body, "key_version"))
        try:
            data = self.one("encrypt", self.find_key("decrypt", name, body),
                            item, 0)
        except ItemError as error:
            raise Refusal(500 if error.internal else 400, error.text) from None
        if kind == "plaintext":
            data["plaintext"] = to_base64(plain)
        return envelope(data)
