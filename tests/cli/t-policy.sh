#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kms policy: each policy that is printed suffices for what it is for, and with
# a line less it does not; kms set --open-only, for hosts with decrypt alone.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1

POLICY=$MOUNT

# use_policy HCL [BARE]: TOKEN has it, and no other policy when BARE is given
use_policy() {
	vault_policy "$POLICY" "$1" >/dev/null || return
	vault_token "$POLICY" "\"period\":\"768h\"${2:+,\"no_default_policy\":true}" \
		>"$CLI_DIR/policy-token"
}

# policy_set ARGUMENTS: kms set with that token
policy_set() {
	k kms set vault "$VAULT_ADDR" k --transit-path "$MOUNT" \
		--token-file "$CLI_DIR/policy-token" \
		${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"} "$@"
	[ "$CODE" = 0 ]
}

# printed ARGUMENTS: HCL becomes what kms policy prints
printed() {
	k kms policy "$@"
	HCL=$OUT
	[ "$CODE" = 0 ] && [ -n "$HCL" ]
}

line() { echo "path \"$MOUNT/$1/k\" { capabilities = [\"$2\"] }"; }

texts() {
	ok "kms policy" printed k --transit-path "$MOUNT"
	OUT=$(printf '%s\n' "$(line keys read)" "$(line encrypt update)" \
		"$(line decrypt update)" "$(line rewrap update)")
	ok "... is these four lines" [ "$HCL" = "$OUT" ]
	ok "... for hosts that only open" printed k --transit-path "$MOUNT" \
		--open-only
	ok "... is one" [ "$HCL" = "$(line decrypt update)" ]
	ok "... of the default mount" printed k --open-only
	ok "... is of transit" [ "$HCL" = \
		'path "transit/decrypt/k" { capabilities = ["update"] }' ]
	ends 1 "a key that is no name" kms policy 'k" {'
	ends 1 "a key and an entry" kms policy k --name x
	ends 1 "a mount without a key" kms policy --transit-path x
	ends 4 "no such entry" kms policy --name x
	ends 0 "local" kms set local --name l
	ends 1 "... has no policy" kms policy --name l
	says "policies are Vault's" "... says so"
	ends 0 "kms unset" kms unset --name l
}

# All of it works, for a token that has that policy alone.
whole() {
	local a
	printed k --transit-path "$MOUNT"
	use_policy "$HCL" bare || exit 1
	ok "the policy suffices: kms set" policy_set
	ok "... without a warning" [ -z "$ERR" ]
	a=$(image whole)
	ends 0 "... kms check" kms check
	ends 0 "... format" format "$a"
	KEY_A=$(key_of "$a")
	ok "... open" opens "$a" "$KEY_A"
	vault_api POST "$MOUNT/keys/k/rotate" '{}' >/dev/null
	ends 0 "... kms rewrap" kms rewrap --json
	ok "... of one volume" [ "$(summary rewrapped)" = 1 ]
	ok "... which opens" opens "$a" "$KEY_A"
	ok "the entry's policy is the same" printed
	OUT=$("$KMSCRYPT" kms policy k --transit-path "$MOUNT")
	ok "... as by the key's name" [ "$HCL" = "$OUT" ]
	ends 0 "... as JSON" kms policy --json
	ok "... the same" [ "$(field policy)" = "$HCL" ]
}

# With a line less, kms set refuses; where it may ask, it names the line.
less() {
	local verb all missing
	printed
	all=$HCL
	for verb in keys encrypt decrypt rewrap; do
		missing=$(grep "/$verb/" <<<"$all")
		use_policy "$(grep -v "/$verb/" <<<"$all")" bare || exit 1
		ok "without $verb" not policy_set --name less
		ok "... denied" [ "$CODE" = 2 ]
		says "$MOUNT/$verb/k" "... names the path"
		use_policy "$(grep -v "/$verb/" <<<"$all")"
		ok "without $verb, and it may ask" not policy_set --name less
		ok "... denied" [ "$CODE" = 2 ]
		says "policy with $missing" "... names the line"
	done
	use_policy "$(grep -v -e /encrypt/ -e /rewrap/ <<<"$all")"
	ok "two are missing" not policy_set --name less
	says "$(line encrypt update), $(line rewrap update)" "... names both"
	ok "nothing was saved" \
		[ ! -e "$KMSCRYPT_ROOT/etc/kmscrypt/entries/less.json" ]
}

creating() {
	printed
	use_policy "$HCL"
	ok "update on encrypt" policy_set
	ok "... no warning" [ -z "$ERR" ]
	use_policy "${HCL/encrypt\/k\" \{ capabilities = [/encrypt\/k\" { capabilities = [\"create\", }"
	ok "create on encrypt" policy_set
	says "allows 'create' on encrypt" "... warns"
	ends 0 "... kms check" kms check --json
	ok "... as well" grep -q "'create'" <<<"$(field warning)"
}

# Another host, which may decrypt and nothing else.
open_only() {
	local a=$CLI_DIR/whole.img b sum
	cli_root b
	printed k --transit-path "$MOUNT" --open-only
	use_policy "$HCL" bare
	ok "decrypt alone: kms set" not policy_set --volume "$a"
	ok "... is denied" [ "$CODE" = 2 ]
	ok "--open-only" policy_set --open-only --volume "$a" --json
	ok "... takes over what another host wrapped" [ "$(field adopted)" = 1 ]
	ok "... opens the volume" opens "$a" "$KEY_A"
	ends 0 "... kms check" kms check
	shows "may decrypt" "... says what was proven"
	ends 0 "... kms show" kms show
	shows "opens only" "... says so"
	ok "... and its policy" printed
	ok "... is the one for that" [ "$HCL" = "$(line decrypt update)" ]
	b=$(image open-only)
	sum=$(sha256sum "$b")
	ends 2 "... format is refused" format "$b"
	says "--open-only" "... says why"
	ok "... before anything is written" [ "$(sha256sum "$b")" = "$sum" ]
	ends 2 "... kms rewrap is refused" kms rewrap
	says "--open-only" "... says why"
	ok "... repeated" policy_set --open-only --volume "$a"
	ok "... opens still" opens "$a" "$KEY_A"
	OUT=$(generations retiring)
	ok "... and is one generation" [ "$OUT" = 0 ]
	ok "another key in the same entry" not k_other
	ok "... is refused" [ "$CODE" = 5 ]
	more_volumes "$a"
	nothing_less "$a"
	with_more "$a"
	cli_root a
}

k_other() {
	k kms set vault "$VAULT_ADDR" other --transit-path "$MOUNT" \
		--token-file "$CLI_DIR/token" --open-only \
		${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"}
	[ "$CODE" = 0 ]
}

# A volume that a third host has made under the same key
more_volumes() {
	local c key old
	cli_root c
	set_vault
	c=$(image third)
	k format "$c"
	key=$(key_of "$c")
	cli_root b
	ok "a third host's volume does not open" not opens "$c" "$key"
	ok "... once it is named" policy_set --open-only --volume "$c"
	ok "... it does" opens "$c" "$key"
	ok "... the first, too" opens "$1" "$KEY_A"
	old=$(cat "$CLI_DIR/policy-token")
	use_policy "$(line decrypt update)" bare
	ok "another token" policy_set --open-only
	vault_api POST auth/token/revoke "{\"token\":\"$old\"}" >/dev/null
	ok "... is all that the first volume needs" opens "$1" "$KEY_A"
	ok "... and the third host's" opens "$c" "$key"
}

nothing_less() {
	use_policy "path \"$MOUNT/other\" { capabilities = [\"read\"] }" bare
	ok "--open-only without decrypt" not policy_set --open-only --name n
	ok "... is denied" [ "$CODE" = 2 ]
	use_policy "path \"$MOUNT/other\" { capabilities = [\"read\"] }"
	ok "... and it may ask" not policy_set --open-only --name n
	says "policy with $(line decrypt update)" "... names that line"
	use_policy "$(line decrypt update)
		path \"$MOUNT/decrypt/absent\" { capabilities = [\"update\"] }" bare
	k kms set vault "$VAULT_ADDR" absent --transit-path "$MOUNT" \
		--token-file "$CLI_DIR/policy-token" --open-only --name n \
		${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"}
	ok "--open-only with a mistyped key" [ "$CODE" = 4 ]
	ok "none of it was saved" \
		[ ! -e "$KMSCRYPT_ROOT/etc/kmscrypt/entries/n.json" ]
	vault_api POST "$MOUNT/keys/k/config" '{"min_decryption_version":2}' \
		>/dev/null
	use_policy "$(line decrypt update)" bare
	ok "version 1 is retired" policy_set --open-only --name n
	says "no volume of this key" "... but there is no new volume"
	vault_api POST "$MOUNT/keys/k/config" '{"min_decryption_version":1}' \
		>/dev/null
	ends 0 "kms unset" kms unset --name n --forget
}

# The same host may encrypt from now on.
with_more() {
	printed k --transit-path "$MOUNT"
	use_policy "$HCL" bare
	ok "without --open-only" policy_set
	ends 0 "... format" format "$(image more)"
	ok "... the first opens" opens "$1" "$KEY_A"
	ends 0 "... kms rewrap" kms rewrap --all
}

texts
whole
less
creating
open_only
vault_api DELETE "sys/policies/acl/$POLICY" >/dev/null
cli_vault_end
cli_end
