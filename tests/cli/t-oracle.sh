#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Whoever can write the disk must not learn from us why a wrapped key was
# rejected: by the KMS (tag, padding) or by the capsule (MAC, form, volume).
# Exit codes, errnos and words are counted over many changes: there is one.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
kmip_start || exit 1
cli_vault || exit 1
uid=$(kmip_admin create) || exit 1
steps=$([ "${SOAK:-}" = 1 ] && echo 1 || echo 24)

header() { "$CLI_HOME/header.py" "$@"; }

# changes MODE: wrapped and iv of a token, JSON on stdin; a line a change, as
# "iv BASE64" or "wrapped BASE64" (or Vault's text)
changes() {
	/usr/bin/python3 -c '
import base64, json, sys
mode, step = sys.argv[1], int(sys.argv[2])
token = json.load(sys.stdin)
def show(name, data, prefix=""):
    print(name, prefix + base64.b64encode(data).decode())
def flips(name, data, places, bits, prefix=""):
    for at in places:
        for bit in bits:
            new = bytearray(data)
            new[at] ^= bit
            show(name, bytes(new), prefix)
text, prefix = token["wrapped"], ""
if mode == "vault":
    prefix, _, text = text.rpartition(":")
    prefix += ":"
data = base64.b64decode(text)
size = len(data)
# magic, version, UUID, key, MAC, tag or padding, and all between
flips("wrapped", data, sorted({*range(0, size, step), 8, 16, size - 1,
      size - 16, size - 17}), [1, 0x80], prefix)
if mode == "cbc":
    # the last block is padding: right ones, wrong ones, each length
    flips("wrapped", data, [size - 17], range(1, 32), prefix)
    show("wrapped", data[:-16])
    show("wrapped", data[16:])
if "iv" in token:
    flips("iv", base64.b64decode(token["iv"]), range(0, 12, 3), [1, 0x80])
' "$1" "$steps"
}

# oracle MODE: with the current entry
oracle() {
	local a b bad=$CLI_DIR/bad.img kinds=$CLI_DIR/kinds n=0 name value
	a=$(image a) b=$(image b)
	ok "$1: format" k_format "$a"
	k_format "$b"
	header "$a" get tokens/0 >"$CLI_DIR/token"
	: >"$kinds"
	while read -r name value; do
		cp --sparse=always "$a" "$bad"
		header "$bad" set "tokens/0/$name" "\"$value\""
		rejected "$bad"
		n=$((n + 1))
	done < <(changes "$1" <"$CLI_DIR/token"
		# what the KMS unwraps, of another volume
		header "$b" get tokens/0 | /usr/bin/python3 -c '
import json, sys
print("wrapped", json.load(sys.stdin)["wrapped"])')
	cp --sparse=always "$a" "$bad"
	header "$bad" graft "$b"
	rejected "$bad"
	OUT=$(sort "$kinds" | uniq -c)
	ok "$1: $n changes are many" [ "$n" -ge 25 ]
	ok "$1: one kind of answer" [ "$(sort -u "$kinds" | wc -l)" = 1 ]
	ok "$1: which is a rejection" grep -q '^6 .*"errno":"EKEYREJECTED"' \
		"$kinds"
}

k_format() { k format "$1" && [ "$CODE" = 0 ]; }

rejected() {
	rm -f "$CLI_DIR/vk"
	k dump "$1" --dump-volume-key --volume-key-file "$CLI_DIR/vk" --json
	[ ! -e "$CLI_DIR/vk" ] || ERR="a key"
	echo "$CODE ${ERR//$'\n'/ }" >>"$kinds"
}

ok "Vault" set_vault
oracle vault
cli_root gcm
ok "KMIP 1.4" set_kmip "$uid"
oracle gcm
cli_root ctr
ok "KMIP 1.2" set_kmip "$uid" --kmip-version 1.2
oracle ctr
cli_root cbc
PORT=$(bad_server_start cbc --refuse 9,6 --versions 1.2)
k kms set kmip "127.0.0.1:$PORT" 1 --client-cert "$KMIP_CERT" --client-key \
	"$KMIP_KEY" --ca-cert "$KMIP_CACERT" --allow-cbc
ok "CBC" [ "$CODE" = 0 ]
# the same mode with PyKMIP, whose padding is real
sed -i "s/127.0.0.1:$PORT/$KMIP_ADDR/; s/\"key_id\": *\"1\"/\"key_id\":\"$uid\"/" \
	"$KMSCRYPT_ROOT/etc/kmscrypt/entries/default.json"
bad_server_stop cbc
oracle cbc
cli_vault_end
cli_end
