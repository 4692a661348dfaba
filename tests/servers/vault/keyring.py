# SPDX-License-Identifier: GPL-2.0-or-later
"""A transit key with its versions, and the cipher work done with it.

A key is plain data (state.py writes it out): {name, type, versions: {"1":
[base64 key, creation time]}, latest, min_decryption, min_encryption, derived,
deletion_allowed, exportable, plaintext_backup, soft_deleted}.
"""
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import (AESGCM,
                                                         ChaCha20Poly1305)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .values import Base64Error, rfc3339, to_base64, unbase64

CIPHERS = {
    "aes256-gcm96": (32, AESGCM),
    "aes128-gcm96": (16, AESGCM),
    "chacha20-poly1305": (32, ChaCha20Poly1305),
}
# Only so that clients can be seen to refuse them: no encryption with these.
RSA = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}
NONCE = 12
TAG = 16


class ItemError(Exception):
    """One item failed. internal: the server's fault, as it sees it."""

    def __init__(self, text, internal=False):
        super().__init__(text)
        self.text = text
        self.internal = internal


def known_type(key_type):
    return key_type in CIPHERS or key_type in RSA


def create(name, key_type, now, derived=False, exportable=False):
    key = {
        "name": name, "type": key_type, "versions": {}, "latest": 0,
        "min_decryption": 1, "min_encryption": 0, "derived": derived,
        "deletion_allowed": False, "exportable": exportable,
        "plaintext_backup": False, "soft_deleted": False,
    }
    rotate(key, now)
    return key


def rotate(key, now):
    if key["type"] in RSA:
        private = rsa.generate_private_key(
            public_exponent=65537, key_size=RSA[key["type"]])
        secret = private.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo)
    else:
        secret = os.urandom(CIPHERS[key["type"]][0])
    key["latest"] += 1
    key["versions"][str(key["latest"])] = [to_base64(secret), int(now)]


def describe(key):
    """The data of GET keys/<name>: versions below the minimum are hidden."""
    shown = {}
    for version, (secret, created) in key["versions"].items():
        if int(version) < key["min_decryption"]:
            continue
        shown[version] = created
        if key["type"] in RSA:
            shown[version] = {"creation_time": rfc3339(created),
                              "name": key["type"],
                              "public_key": unbase64(secret).decode()}
    symmetric = key["type"] in CIPHERS
    data = {
        "allow_plaintext_backup": key["plaintext_backup"],
        "auto_rotate_period": 0,
        "deletion_allowed": key["deletion_allowed"],
        "derived": key["derived"],
        "exportable": key["exportable"],
        "imported_key": False,
        "keys": shown,
        "latest_version": key["latest"],
        "min_available_version": 0,
        "min_decryption_version": key["min_decryption"],
        "min_encryption_version": key["min_encryption"],
        "name": key["name"],
        "soft_deleted": key["soft_deleted"],
        "supports_decryption": True,
        "supports_derivation": symmetric,
        "supports_encryption": True,
        "supports_signing": not symmetric,
        "type": key["type"],
    }
    if key["derived"]:
        data.update({"kdf": "hkdf_sha256", "convergent_encryption": False})
    return data


def cipher(key, version, context):
    if key["type"] in RSA:
        raise ItemError("this test server does not encrypt with RSA keys")
    secret = unbase64(key["versions"][str(version)][0])
    size, algorithm = CIPHERS[key["type"]]
    if key["derived"]:
        if not context:
            raise ItemError(
                "missing 'context' for key derivation; the key was created"
                " using a derived key, which means additional, per-request"
                " information must be included in order to perform operations"
                " with the key")
        secret = HKDF(algorithm=hashes.SHA256(), length=size, salt=None,
                      info=context).derive(secret)
    return algorithm(secret)


def encrypt_version(key, asked):
    if asked < 0:
        raise ItemError("requested version for encryption is negative")
    if asked > key["latest"]:
        raise ItemError("requested version for encryption is higher than the"
                        " latest key version")
    if asked == 0:
        return key["latest"]
    if asked < key["min_encryption"]:
        raise ItemError("requested version for encryption is less than the"
                        " minimum encryption key version")
    return asked


def encrypt(key, plaintext, asked=0, context=None, aad=None):
    """Returns (ciphertext text, version)."""
    version = encrypt_version(key, asked)
    nonce = os.urandom(NONCE)
    sealed = cipher(key, version, context).encrypt(nonce, plaintext, aad)
    return "vault:v%d:%s" % (version, to_base64(nonce + sealed)), version


def decrypt(key, text, context=None, aad=None, release=None):
    if not text.startswith("vault:v"):
        raise ItemError("invalid ciphertext: no prefix")
    fields = text[len("vault:v"):].split(":", 1)
    if len(fields) != 2:
        raise ItemError("invalid ciphertext: wrong number of fields")
    if not fields[0].isdigit():
        raise ItemError(
            "invalid ciphertext: version number could not be decoded")
    version = int(fields[0]) or 1
    if version > key["latest"]:
        raise ItemError("invalid ciphertext: version is too new")
    if version < key["min_decryption"]:
        raise ItemError("ciphertext or signature version is disallowed by"
                        " policy (too old)")
    try:
        sealed = unbase64(fields[1])
    except Base64Error:
        raise ItemError("invalid ciphertext: could not decode base64") \
            from None
    worker = cipher(key, version, context)
    if len(sealed) < NONCE:
        raise ItemError("invalid ciphertext length")
    if len(sealed) < NONCE + TAG:
        raise ItemError(release.bad_tag_text, release.bad_tag_status == 500)
    try:
        return worker.decrypt(sealed[:NONCE], sealed[NONCE:], aad)
    except InvalidTag:
        raise ItemError(release.bad_tag_text,
                        release.bad_tag_status == 500) from None
