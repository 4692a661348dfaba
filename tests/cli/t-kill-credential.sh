#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL before system calls that change a file, in a kms set that brings other
# credentials for the same key: a volume opens at once, with what was there or
# with what was to come and never with some of each. The command run again
# finishes, and nothing is left behind. kms create-key, too.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

every=$([ "${SOAK:-}" = 1 ] && echo 1 || echo 3)

save() {
	rm -rf "$CLI_DIR/saved"
	cp -a "$KMSCRYPT_ROOT" "$CLI_DIR/saved"
}

restore() {
	rm -rf "${KMSCRYPT_ROOT:?}"
	cp -a "$CLI_DIR/saved" "$KMSCRYPT_ROOT"
}

it_opens() { opens "$a" "$key"; }

# Each generation has one set of credentials, and nothing is half written.
is_clean() {
	local etc=$KMSCRYPT_ROOT/etc/kmscrypt
	OUT=$(find "$etc/credentials" -mindepth 1 -maxdepth 1 -type d)
	[ "$(wc -l <<<"$OUT")" = "$(grep -o '"id"' "$etc"/entries/*.json |
		wc -l)" ] && [ -z "$(find "$etc" -name '.*')" ]
}

finishes() {
	k "$@"
	[ "$CODE" = 0 ] && it_opens && is_clean && return
	diag "again: exit $CODE: $ERR; $OUT"
	return 1
}

# killed NAME ARGUMENTS
killed() {
	local name=$1
	shift
	save
	cli_kill_each restore "$every" it_opens finishes "$@"
	diag "$name: $KILLS of $PLACES places"
	ok "$name: it was killed in many places" [ "$KILLS" -gt 10 ]
	ok "$name: ... and at last it ran through" [ "$STATUS" = 0 ]
	ok "$name: the volume opens after each kill" [ "$LOST" = 0 ]
	ok "$name: running it again finishes, and is clean" [ "$STUCK" = 0 ]
	ok "$name: ... as the whole run is" is_clean
	restore
}

# --- KMIP: another pair of certificate and key ---
kmip_start || exit 1
a=$(image a)
ok "KMIP" set_kmip "$(kmip_admin create)"
k format "$a"
key=$(key_of "$a")
uid=$(sed -n 's/.*"key_id": *"\([^"]*\)".*/\1/p' \
	"$KMSCRYPT_ROOT/etc/kmscrypt/entries/default.json")
killed "another certificate" kms set kmip "$KMIP_ADDR" "$uid" \
	--client-cert "$SERVERS_PKI/client-rsa.pem" \
	--client-key "$SERVERS_PKI/client-rsa.key" --ca-cert "$KMIP_CACERT"
kmip_stop

# --- Vault: a token, then AppRole, then a token at another address ---
cli_root vault
cli_vault || exit 1
auth=kmscrypt-auth-$$
vault_api POST "sys/auth/$auth" '{"type":"approle"}' >/dev/null
vault_policy "$MOUNT" "path \"$MOUNT/*\" {
	capabilities = [\"read\", \"update\"] }" >/dev/null
vault_api POST "auth/$auth/role/r" "{\"token_policies\":\"$MOUNT\"}" >/dev/null
vault_api POST "auth/$auth/role/r/secret-id" '{}' | json_get data.secret_id \
	>"$CLI_DIR/secret-id"
role=$(vault_api GET "auth/$auth/role/r/role-id" | json_get data.role_id)
vault=(--transit-path "$MOUNT")
[ -z "${VAULT_CACERT:-}" ] || vault+=(--ca-cert "$VAULT_CACERT")
a=$(image b)
ok "Vault" set_vault k
k format "$a"
key=$(key_of "$a")
approle=(kms set vault "$VAULT_ADDR" k "${vault[@]}" --role-id "$role"
	--secret-id-file "$CLI_DIR/secret-id" --auth-path "$auth")
killed "from a token to AppRole" "${approle[@]}"
k "${approle[@]}"
ok "AppRole" [ "$CODE" = 0 ]
killed "from AppRole to a token" kms set vault "$VAULT_ADDR" k "${vault[@]}" \
	--token-file "$CLI_DIR/token"

# --- create-key: it is there or not, and says so ---
made() {
	k "$@"
	[ "$CODE" = 0 ] || { [ "$CODE" = 5 ] && [[ $ERR == *already* ]]; } ||
		return
	vault_api GET "$MOUNT/keys/made" | grep -q aes256-gcm96
}
unmake() {
	vault_api POST "$MOUNT/keys/made/config" '{"deletion_allowed":true}' \
		>/dev/null
	vault_api DELETE "$MOUNT/keys/made" >/dev/null
}
cli_kill_each unmake 1 true made kms create-key vault "$VAULT_ADDR" made \
	"${vault[@]}" --token-file "$CLI_DIR/token"
diag "create-key: $KILLS of $PLACES places"
ok "create-key: it was killed in many places" [ "$KILLS" -gt 3 ]
ok "create-key: ... and at last it ran through" [ "$STATUS" = 0 ]
ok "create-key: again, it makes one or says that there is one" [ "$STUCK" = 0 ]

vault_api DELETE "sys/auth/$auth" >/dev/null
cli_vault_end
cli_end
