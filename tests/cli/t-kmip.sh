#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Keys and modes: kms create-key for KMIP and Vault, and how a KMIP server
# encrypts, found out by kms set, pinned in the entry, changed with the volumes.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
kmip_start || exit 1
cli_vault || exit 1

kmip_options=(--client-cert "$KMIP_CERT" --client-key "$KMIP_KEY"
	--ca-cert "$KMIP_CACERT")

# set_old UID ARGUMENTS: kms set at the server on $PORT
set_old() {
	local uid=$1
	shift
	k kms set kmip "127.0.0.1:$PORT" "$uid" "${kmip_options[@]}" "$@"
	[ "$CODE" = 0 ]
}

# mode: that the current generation of the default entry pins
mode() {
	python3 -c '
import json, sys
print(*[g["mode"] for g in json.load(open(sys.argv[1]))["generations"]
        if g["state"] == "current"])
' "$KMSCRYPT_ROOT/etc/kmscrypt/entries/default.json"
}

kmip_keys() {
	local a uid key
	ends 0 "create-key kmip" kms create-key kmip "$KMIP_ADDR" \
		"${kmip_options[@]}"
	uid=$OUT
	ok "... prints a UID" [ -n "$uid" ]
	OUT=$(kmip_admin state "$uid")
	ok "... of an active key" [ "${OUT,,}" = active ]
	ok "... that kms set takes" set_kmip "$uid"
	ok "... by GCM" [ "$(mode)" = gcm ]
	a=$(image a)
	ends 0 "... format" format "$a"
	key=$(key_of "$a")
	ends 0 "create-key, with the entry's credentials" kms create-key --json
	uid=$(field key_id)
	ends 0 "... rewrap to it" kms rewrap --new-key-uid "$uid"
	ok "... opens" opens "$a" "$key"
	ends 1 "without a client certificate" kms create-key kmip "$KMIP_ADDR"
	ends 0 "... check" kms check
	ends 0 "... show" kms show
	ok "a certificate that ends in ten days" "$KMSCRYPT" kms set kmip \
		"$KMIP_ADDR" "$uid" --client-cert "$SERVERS_PKI/client-ending.pem" \
		--client-key "$SERVERS_PKI/client-ending.key" \
		--ca-cert "$KMIP_CACERT"
	certificate_ends
	ok "the other one again" set_kmip "$uid"
	ends 3 "nobody there" kms create-key kmip 127.0.0.1:1 \
		"${kmip_options[@]}" --timeout 3
	older_server "$a" "$key" "$uid"
}

# The same server, spoken to in KMIP 1.3: another mode, the same volumes.
older_server() {
	ok "KMIP 1.3, where PyKMIP loses the tag" set_kmip "$3" \
		--kmip-version 1.3
	ok "... is CTR" [ "$(mode)" = ctr ]
	ok "... the volume has followed" opens "$1" "$2"
	k dump "$1" --json
	ok "... and its header says so" grep -q '"ctr"' <<<"$OUT"
	ok "KMIP 1.4 again" set_kmip "$3"
	ok "... is GCM" [ "$(mode)" = gcm ]
	ok "... the volume has followed" opens "$1" "$2"
	OUT=$(generations retiring)
	ok "... and no old generation is left" [ "$OUT" = 0 ]
	ends 0 "kms unset" kms unset --forget
}

modes() {
	local b key log=$CLI_DIR/log
	PORT=$(bad_server_start old --refuse 9,6 --versions 1.2 --log "$log")
	ok "neither GCM nor CTR" not set_old 1
	says "--allow-cbc" "... says what would help"
	ok "... saves nothing" [ -z "$(find "$KMSCRYPT_ROOT" -name default.json)" ]
	printf 'pass word\n' >"$CLI_DIR/password"
	ok "--allow-cbc" set_old 1 --allow-cbc --username me --password-file \
		"$CLI_DIR/password"
	says "AES-CBC" "... warns"
	ok "... is CBC" [ "$(mode)" = cbc ]
	OUT=$(grep '"operation": 31' "$log" | tail -n 1)
	ok "... with the credential" grep -q '"me", "password_bytes": 9' <<<"$OUT"
	OUT=$(find "$KMSCRYPT_ROOT/etc" -name password -printf %m)
	ok "... whose file is 0600" [ "$OUT" = 600 ]
	b=$(image b)
	ends 0 "... format" format "$b"
	key=$(key_of "$b")
	ok "... opens" opens "$b" "$key"
	ends 1 "a name without a password" kms set kmip "127.0.0.1:$PORT" 1 \
		"${kmip_options[@]}" --username me
	ends 6 "ciphers that there are not" kms set kmip "127.0.0.1:$PORT" 1 \
		"${kmip_options[@]}" --tls-ciphers nonsense
	bad_server_stop old
	ends 0 "kms unset" kms unset --forget
	ok "... and the password is gone" \
		[ -z "$(find "$KMSCRYPT_ROOT" -name password)" ]
}

vault_keys() {
	local options=(--transit-path "$MOUNT" --token-file "$CLI_DIR/token"
		${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"})
	ends 0 "create-key vault" kms create-key vault "$VAULT_ADDR" made \
		"${options[@]}"
	ok "... prints the name" [ "$OUT" = made ]
	ok "... of a key that kms set takes" set_vault made
	OUT=$(vault_api GET "$MOUNT/keys/made" | json_get data.type)
	ok "... of the right type" [ "$OUT" = aes256-gcm96 ]
	ends 5 "again" kms create-key vault "$VAULT_ADDR" made "${options[@]}"
	says "has a key 'made'" "... says so"
	ends 1 "create-key, where a key is rotated" kms create-key
	vault_policy "$MOUNT" "path \"$MOUNT/keys/*\" {
		capabilities = [\"read\"] }" >/dev/null
	vault_token "$MOUNT" '"ttl":"1h"' >"$CLI_DIR/reader"
	ends 2 "a token that may not" kms create-key vault "$VAULT_ADDR" other2 \
		"${options[@]/%token/reader}"
	vault_api DELETE "sys/policies/acl/$MOUNT" >/dev/null
	ends 0 "kms unset" kms unset
}

kmip_keys
modes
vault_keys
cli_vault_end
cli_end
