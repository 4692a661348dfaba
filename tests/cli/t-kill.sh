#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL before every system call that changes a file (SOAK=1; otherwise some
# of them), one run for each: the volume opens with the same key at once, and
# the command run again finishes.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

save() {
	rm -rf "$CLI_DIR/saved"
	mkdir "$CLI_DIR/saved"
	cp -a --sparse=always "$KMSCRYPT_ROOT" "$CLI_DIR/saved/root"
	cp --sparse=always "$CLI_DIR"/?.img "$CLI_DIR/saved/"
}

restore() {
	rm -rf "${KMSCRYPT_ROOT:?}"
	cp -a "$CLI_DIR/saved/root" "$KMSCRYPT_ROOT"
	cp --sparse=always "$CLI_DIR"/saved/?.img "$CLI_DIR/"
}

both_open() { opens "$a" "$key_a" && opens "$b" "$key_b"; }

# finishes ARGUMENTS: the same again, and all are bound to the provider. A
# downgrade that was killed in its last step is one, and says so.
finishes() {
	local status=0
	k "$@"
	[ "$CODE" = 0 ] || [[ $CODE$ERR == 5*"on this host already"* ]] ||
		return
	both_open && bound_to "$a" "$provider" &&
		bound_to "$b" "$provider" || status=1
	[ "$(generations retiring)" = 0 ] || left=$((left + 1))
	return "$status"
}

# kill_everywhere NAME STEP PROVIDER ARGUMENTS: every STEPth place
kill_everywhere() {
	local name=$1 step=$2 provider=$3 left=0
	shift 3
	[ "${SOAK:-}" != 1 ] || step=1
	save
	cli_kill_each restore "$step" both_open finishes "$@"
	diag "$name: $KILLS of $PLACES places"
	ok "$name: there are places" [ "$PLACES" -gt 10 ]
	ok "$name: it was killed in many of them" \
		[ "$KILLS" -ge $((PLACES / step)) ]
	ok "$name: ... and at last it ran through" [ "$STATUS" = 0 ]
	ok "$name: the volumes open after each kill" [ "$LOST" = 0 ]
	ok "$name: running it again finishes" [ "$STUCK" = 0 ]
	ok "$name: ... and leaves nothing retiring" [ "$left" = 0 ]
	restore
}

a=$(image a) b=$(image b)
k kms set local
k format "$a"
k format "$b"
key_a=$(key_of "$a") key_b=$(key_of "$b")

kill_everywhere "a new local key" 6 local kms rewrap

if ! kmip_start; then
	result 1 "the KMIP server starts"
	cli_end
fi
uid=$(kmip_admin create)
kill_everywhere "local to KMIP" 9 kmip kms set kmip "$KMIP_ADDR" "$uid" \
	--client-cert "$KMIP_CERT" --client-key "$KMIP_KEY" \
	--ca-cert "$KMIP_CACERT"
set_kmip "$uid"
kmip_admin create >"$CLI_DIR/uid2"
kill_everywhere "a new KMIP key" 9 kmip kms rewrap \
	--new-key-uid "$(cat "$CLI_DIR/uid2")"
kill_everywhere "a downgrade" 9 local kms unset --allow-downgrade
k kms unset --allow-downgrade
kmip_stop

cli_vault || exit 1
set_vault k
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
kill_everywhere "rewrap in Vault" 3 vault kms rewrap
cli_vault_end
cli_end
