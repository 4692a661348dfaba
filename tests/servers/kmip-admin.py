#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of the KMIP test server, through PyKMIP's own client.

    kmip-admin.py DIR create [--name N] [--no-activate] [--length BITS]
                             [--mask encrypt,decrypt]      prints the uid
    kmip-admin.py DIR activate|deactivate|compromise|destroy|state UID

DIR is kmip-server.sh's. KMIP_ADDR (host:port) with KMIP_CACERT, KMIP_CERT and
KMIP_KEY in the environment name another server; DIR may be - then.
Exit 1 and the reason on stderr when the server refuses.
"""
import argparse
import os
import sys

from kmip.core import enums
from kmip.core.enums import CryptographicUsageMask, RevocationReasonCode
from kmip.pie.client import ProxyKmipClient
from kmip.pie.exceptions import ClientConnectionFailure, KmipOperationFailure

VERSIONS = {v.name[len("KMIP_"):].replace("_", "."): v
            for v in enums.KMIPVersion}


def client(args):
    host, port = "127.0.0.1", None
    pki = os.path.join(args.dir, "pki")
    files = {"ca": os.path.join(pki, "ca.pem"),
             "cert": os.path.join(pki, args.client + ".pem"),
             "key": os.path.join(pki, args.client + ".key")}
    if os.environ.get("KMIP_ADDR") and args.dir == "-":
        host, port = os.environ["KMIP_ADDR"].rsplit(":", 1)
        files = {"ca": os.environ["KMIP_CACERT"],
                 "cert": os.environ["KMIP_CERT"],
                 "key": os.environ["KMIP_KEY"]}
    else:
        with open(os.path.join(args.dir, "port"), encoding="ascii") as source:
            port = source.read()
    # A missing config file is fine: every setting is given here.
    return ProxyKmipClient(
        hostname=host, port=int(port), ssl_version="PROTOCOL_TLSv1_2",
        config_file=os.devnull, kmip_version=VERSIONS[args.kmip_version],
        **files)


def create(kmip, args):
    masks = [CryptographicUsageMask[m.upper()] for m in args.mask.split(",")]
    uid = kmip.create(enums.CryptographicAlgorithm.AES, args.length,
                      name=args.name, cryptographic_usage_mask=masks)
    if args.activate:
        kmip.activate(uid)
    print(uid)


def activate(kmip, args):
    kmip.activate(args.uid)


def revoke(reason):
    def call(kmip, args):
        date = {"compromise_occurrence_date": 0} \
            if reason is RevocationReasonCode.KEY_COMPROMISE else {}
        kmip.revoke(reason, args.uid, **date)
    return call


def destroy(kmip, args):
    kmip.destroy(args.uid)


def state(kmip, args):
    _, attributes = kmip.get_attributes(args.uid, ["State"])
    print(attributes[0].attribute_value.value.name)


ACTIONS = {
    "create": create,
    "activate": activate,
    "deactivate": revoke(RevocationReasonCode.CESSATION_OF_OPERATION),
    "compromise": revoke(RevocationReasonCode.KEY_COMPROMISE),
    "destroy": destroy,
    "state": state,
}


def arguments():
    parser = argparse.ArgumentParser(
        usage=__doc__, description="administer the KMIP test server")
    add = parser.add_argument
    add("dir")
    add("action", choices=list(ACTIONS))
    add("uid", nargs="?")
    add("--client", default="client", help="PKI name: whose keys")
    add("--kmip-version", default="1.4", choices=list(VERSIONS))
    add("--name")
    add("--length", type=int, default=256)
    add("--mask", default="encrypt,decrypt")
    add("--no-activate", dest="activate", action="store_false")
    args = parser.parse_args()
    if (args.action == "create") != (args.uid is None):
        parser.error("a UID is for all actions but create")
    return args


def main():
    args = arguments()
    try:
        with client(args) as kmip:
            ACTIONS[args.action](kmip, args)
    except KmipOperationFailure as error:
        print("kmip-admin: %s: %s" % (error.reason.name, error.message),
              file=sys.stderr)
        return 1
    except (ClientConnectionFailure, OSError) as error:
        print("kmip-admin: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
