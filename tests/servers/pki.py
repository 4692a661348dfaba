#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the test PKI: pki.py DIR

Each entity of TABLE becomes DIR/<name>.pem and DIR/<name>.key (mode 0600,
unencrypted PKCS#8). A directory that already has all of them is left alone,
so that a restarted server keeps its identity; --force makes it anew.

PyKMIP's suite list has only CBC for an RSA server certificate and GCM for an
ECDSA one, so there are both.
"""
import argparse
import datetime
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
SERVER_NAMES = ["localhost", "kms.test"]
SERVER_ADDRESSES = ["127.0.0.1", "::1", "192.0.2.2"]
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH

# name: issuer (None: self-signed CA), common name(s), what differs from usual
TABLE = {
    "ca":              (None, "kmscrypt test CA", {}),
    "other-ca":        (None, "kmscrypt unrelated CA", {}),
    "server":          ("ca", "kms.test", {"server": True}),
    "server-rsa":      ("ca", "kms.test", {"server": True, "rsa": True}),
    "server-expired":  ("ca", "kms.test", {"server": True, "expired": True}),
    "server-future":   ("ca", "kms.test", {"server": True, "future": True}),
    "server-wrong-host": ("ca", "wrong.test",
                          {"server": True, "names": ["wrong.test"]}),
    "server-foreign":  ("other-ca", "kms.test", {"server": True}),
    "client":          ("ca", "kmscrypt", {"eku": CLIENT_AUTH}),
    "client-rsa":      ("ca", "kmscrypt", {"eku": CLIENT_AUTH, "rsa": True}),
    "client-other":    ("ca", "other", {"eku": CLIENT_AUTH}),
    "client-noeku":    ("ca", "kmscrypt", {}),
    "client-expired":  ("ca", "kmscrypt",
                        {"eku": CLIENT_AUTH, "expired": True}),
    "client-future":   ("ca", "kmscrypt",
                        {"eku": CLIENT_AUTH, "future": True}),
    "client-ending":   ("ca", "kmscrypt", {"eku": CLIENT_AUTH, "days": 10}),
    "client-nocn":     ("ca", (), {"eku": CLIENT_AUTH}),
    "client-twocn":    ("ca", ("kmscrypt", "two"), {"eku": CLIENT_AUTH}),
    "client-foreign":  ("other-ca", "kmscrypt", {"eku": CLIENT_AUTH}),
}


def name_of(common_names):
    """One name, or a tuple of none or several."""
    if isinstance(common_names, str):
        common_names = (common_names,)
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "test")]
                     * (not common_names)
                     + [x509.NameAttribute(NameOID.COMMON_NAME, name)
                        for name in common_names])


def add_ca_extensions(builder):
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True,
        content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False)
    return (builder
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .add_extension(usage, True))


def add_leaf_extensions(builder, differs):
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), True)
    eku = SERVER_AUTH if differs.get("server") else differs.get("eku")
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage([eku]), False)
    if differs.get("server"):
        names = [x509.DNSName(n) for n in differs.get("names", SERVER_NAMES)]
        if "names" not in differs:
            names += [x509.IPAddress(ipaddress.ip_address(a))
                      for a in SERVER_ADDRESSES]
        builder = builder.add_extension(
            x509.SubjectAlternativeName(names), False)
    return builder


def make(common_name, issuer, differs):
    """Returns (certificate, private key); issuer is such a pair or None."""
    if differs.get("rsa"):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.utcnow()
    start, end = now - 2 * DAY, now + differs.get("days", 3650) * DAY
    if differs.get("expired"):
        start, end = now - 30 * DAY, now - DAY
    if differs.get("future"):
        start, end = now + DAY, now + 30 * DAY
    issuer_cert, issuer_key = issuer or (None, key)
    issuer_name = issuer_cert.subject if issuer else name_of(common_name)
    builder = (x509.CertificateBuilder()
               .subject_name(name_of(common_name))
               .issuer_name(issuer_name)
               .public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(start)
               .not_valid_after(end)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(
                   key.public_key()), False)
               .add_extension(
                   x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       issuer_key.public_key()), False))
    if issuer:
        builder = add_leaf_extensions(builder, differs)
    else:
        builder = add_ca_extensions(builder)
    return builder.sign(issuer_key, hashes.SHA256()), key


def store(directory, name, cert, key):
    def put(suffix, mode, data):
        path = os.path.join(directory, name + suffix)
        fd = os.open(path + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                     mode)
        with os.fdopen(fd, "wb") as out:
            out.write(data)
        os.rename(path + ".tmp", path)

    put(".key", 0o600, key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    put(".pem", 0o644, cert.public_bytes(serialization.Encoding.PEM))


def complete(directory):
    return all(os.path.exists(os.path.join(directory, name + suffix))
               for name in TABLE for suffix in (".pem", ".key"))


def main():
    parser = argparse.ArgumentParser(description="make the test PKI")
    parser.add_argument("dir")
    parser.add_argument("--force", action="store_true",
                        help="make it anew even if it is there")
    args = parser.parse_args()

    os.makedirs(args.dir, mode=0o755, exist_ok=True)
    if complete(args.dir) and not args.force:
        return 0
    made = {}
    for name, (issuer, common_name, differs) in TABLE.items():
        made[name] = make(common_name, made.get(issuer), differs)
        store(args.dir, name, *made[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
