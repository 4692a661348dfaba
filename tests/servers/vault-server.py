#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Vault transit test server on a loopback address; see README.md.

The root token comes from --root-token-file, else from VAULT_TEST_ROOT_TOKEN,
else it is made up and written, mode 0600, to --root-token-file's default
place beside the ready file.
"""
import argparse
import os
import secrets
import signal
import sys
import threading

from vault.control import Control, Log
from vault.core import Core
from vault.emulate import DEFAULT, RELEASES
from vault.faults import Faults
from vault.listener import Listener, tls_context


def arguments():
    parser = argparse.ArgumentParser(description="Vault transit test server")
    add = parser.add_argument
    add("--cert", required=True, help="server certificate, PEM")
    add("--key", required=True, help="its private key, PEM")
    add("--client-ca", action="append", default=[],
        help="ask for client certificates and accept this CA's (repeatable)")
    add("--listen", default="127.0.0.1", help="loopback address")
    add("--port", type=int, default=0, help="0: the kernel chooses")
    add("--ready-file", help="receives the port once it answers")
    add("--root-token-file", help="read if it exists, else written")
    add("--control", help="unix socket for faults and states")
    add("--log", help="request log, a JSON object a line")
    add("--state", help="file that keeps keys, policies and tokens")
    add("--release", default=DEFAULT, choices=list(RELEASES),
        help="whose behaviour to show")
    return parser.parse_args()


def write_file(path, text, mode=0o600):
    """The file is there whole or not at all."""
    fd = os.open(path + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "w", encoding="ascii") as out:
        out.write(text)
    os.rename(path + ".tmp", path)


def root_token(path):
    if path and os.path.exists(path):
        with open(path, encoding="ascii") as source:
            return source.read().strip()
    token = os.environ.get("VAULT_TEST_ROOT_TOKEN") \
        or "s." + secrets.token_hex(12)
    if path:
        write_file(path, token + "\n")
    elif "VAULT_TEST_ROOT_TOKEN" not in os.environ:
        sys.exit("vault-server: no --root-token-file and no"
                 " VAULT_TEST_ROOT_TOKEN: nobody could use it")
    return token


def main():
    args = arguments()
    core = Core(root_token(args.root_token_file), args.state, args.release)
    faults, log = Faults(), Log(args.log)
    tls = tls_context(args.cert, args.key, args.client_ca)
    try:
        server = Listener(args.listen, args.port, tls, core, faults, log)
    except (ValueError, OSError) as error:
        sys.exit("vault-server: %s" % error)
    if args.control:
        control = Control(args.control, core, faults, log)
        threading.Thread(target=control.serve_forever, daemon=True).start()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, args=(0.1,),
                     daemon=True).start()
    port = server.server_address[1]
    if args.ready_file:
        write_file(args.ready_file, "%d\n" % port, 0o644)
    print(port, flush=True)
    stop.wait()
    faults.clear()
    server.shutdown()
    server.server_close()
    with core.lock:
        core.state.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
