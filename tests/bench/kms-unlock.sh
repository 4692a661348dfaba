#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What getting at a volume's key costs (make bench-kms): kmscrypt with Vault and
# KMIP, cryptsetup with argon2id and with a key file, clevis with tang; all
# servers on loopback. No device is mapped: each gets as far as the volume key.
# One alone, the median of several; then AT_ONCE (64) volumes at once. Writes
# build/bench/unlock.md. It measures and does not judge.
#
# usage: kms-unlock.sh [AT_ONCE]
set -euo pipefail

at_once=${1:-64}

# shellcheck source=kms-lib.sh
. "$(dirname "$0")/kms-lib.sh"

# Not installed: its package starts a server for everybody.
tangd=/usr/libexec/tangd keygen=/usr/libexec/tangd-keygen
if [ ! -x "$tangd" ]; then
	mkdir -p "$out/tang"
	(cd "$out/tang" && apt-get -q download tang >/dev/null &&
		dpkg-deb -x tang_*.deb .)
	tangd=$out/tang$tangd keygen=$out/tang$keygen
fi

cli_vault
kmip_start
trap 'kill "$tang" 2>/dev/null || true; servers_end' EXIT
work=$CLI_DIR/work
mkdir "$work" "$CLI_DIR/tang"

"$keygen" "$CLI_DIR/tang"
port=$("$PYTHON" -c '
import socket
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    print(probe.getsockname()[1])')
socat "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr,backlog=128" \
	"EXEC:$tangd $CLI_DIR/tang" 2>"$CLI_DIR/tang.log" &
tang=$!
wait_for 10 curl -sf "http://127.0.0.1:$port/adv" -o "$CLI_DIR/adv"

# luks IMAGE KEYFILE [OPTIONS]
luks() {
	truncate -s 32M "$1"
	cryptsetup luksFormat --type luks2 --batch-mode "$1" --key-file "$2" \
		"${@:3}"
}
fast=(--pbkdf pbkdf2 --pbkdf-force-iterations 1000)

set_vault k --name vault
set_kmip "$(kmip_admin create)" --name kmip
printf 'a good long passphrase' >"$work/pass"
head -c 64 /dev/urandom >"$work/keyfile"
luks "$work/first.img" "$work/pass"
cryptsetup luksDump "$work/first.img" >"$CLI_DIR/argon2id"
luks "$work/key.img" "$work/keyfile" "${fast[@]}"
luks "$work/clevis.img" "$work/pass" "${fast[@]}"
clevis luks bind -y -k "$work/pass" -d "$work/clevis.img" tang \
	"{\"url\":\"http://127.0.0.1:$port\",\"adv\":\"$CLI_DIR/adv\"}"
slot=$(clevis luks list -d "$work/clevis.img" | head -n 1 | cut -d: -f1)
echo "bench: making $at_once volumes for each" >&2
for ((i = 0; i < at_once; i++)); do
	cp --sparse=always "$work/first.img" "$work/argon2id-$i.img"
	cp --sparse=always "$work/key.img" "$work/key-$i.img"
	cp --sparse=always "$work/clevis.img" "$work/clevis-$i.img"
	for name in vault kmip; do
		truncate -s 20M "$work/$name-$i.img"
		"$KMSCRYPT" format "$work/$name-$i.img" --name "$name" >/dev/null
	done
done

/usr/bin/python3 "$here/unlock.py" "$work" "$KMSCRYPT" "$slot" "$at_once" \
	"$CLI_DIR/argon2id" "$out/unlock"
cat "$out/unlock.md"
cli_vault_end
