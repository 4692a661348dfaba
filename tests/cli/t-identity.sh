#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes that are not what the registry says: reidentify for copies, forget
# for what is lost, --accept-header for what differs, resize of what is closed.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1
ok "Vault" set_vault k
ok "a local entry" "$KMSCRYPT" kms set local --name local

header() { python3 "$CLI_HOME/header.py" "$@"; }
uuid_of() { cryptsetup luksUUID "$1"; }
sum() { sha256sum <"$1"; }
copy() { cp --sparse=always "$1" "$2"; }

a=$(image a)
b=$CLI_DIR/b.img
k format "$a" --lease 100 --iv-large-sectors
uuid=$(uuid_of "$a")
key=$(key_of "$a")

# --- reidentify ---
ends 5 "the original is no copy" reidentify "$a"
says "no copy" "... says so"
copy "$a" "$b"
header "$b" set tokens/0/comment '"kept"'
before=$(sum "$a")
ends 0 "a copy" reidentify "$b" --json
ok "... says what it was" [ "$(field before)" = "$uuid" ]
new=$(field uuid)
ok "... has the UUID that it says" [ "$(uuid_of "$b")" = "$new" ]
ok "... which is another" [ "$new" != "$uuid" ]
ok "... of version 4" grep -qE '^.{14}4.{4}[89ab]' <<<"$new"
ok "... opens with the same key" opens "$b" "$key"
ok "... has one binding" bound_to "$b" vault
ok "... which kept what is not ours" [ "$(header "$b" get \
	tokens/1/comment)" = '"kept"' ]
k lease "$b" --json
ok "... and its lease" [ "$(field lease_s)" = 100 ]
k dump "$b" --json
shows '"iv_large_sectors": true' "... and its large IVs"
ok "the original is untouched" [ "$(sum "$a")" = "$before" ]
ok "... and opens" opens "$a" "$key"
k list
shows "$new" "both are registered"
shows "$uuid" "... the other one, too"
before=$(sum "$b")
ends 5 "again" reidentify "$b"
ok "... changes nothing" [ "$(sum "$b")" = "$before" ]
ends 0 "... by force" reidentify "$b" --force --json
ok "... is yet another" [ "$(field before),$(uuid_of "$b")" = \
	"$new,$(field uuid)" ]
k list
[[ $OUT != *"$new"* ]]
result $? "... and the one before is not registered any more"

# several bindings
k bind "$a" --name local
copy "$a" "$b"
cli_vault_dies
ends 3 "one KMS is dead" reidentify "$b" --timeout 3
ok "... nothing is changed" [ "$(uuid_of "$b")" = "$uuid" ]
cli_vault_returns
ends 0 "two bindings" reidentify "$b" --json
ok "... are two" [ "$(field bindings)" = 2 ]
ok "... of the same" bound_to "$b" vault local
ok "... it opens" opens "$b" "$key"
cli_vault_dies
ok "... by the other alone" opens "$b" "$key"
cli_vault_returns
c=$CLI_DIR/c.img
copy "$a" "$c"
copy "$KMSCRYPT_ROOT/etc/kmscrypt/entries/local.json" "$CLI_DIR/local.json"
rm "$KMSCRYPT_ROOT/etc/kmscrypt/entries/local.json"
ends 4 "one entry is not here" reidentify "$c"
says "--force" "... names --force"
ends 0 "... which drops its binding" reidentify "$c" --force --json
ok "... one" [ "$(field dropped)" = 1 ]
ok "... is gone" bound_to "$c" vault
ok "... the other opens" opens "$c" "$key"
cp "$CLI_DIR/local.json" "$KMSCRYPT_ROOT/etc/kmscrypt/entries/"

# eight bindings leave no room for a ninth
e=$(image e)
g=$CLI_DIR/g.img
k format "$e" --name local
for n in 2 3 4 5 6 7 8; do
	k kms set local --name "l$n"
	k bind "$e" --name "l$n"
done
key_e=$(key_of "$e")
copy "$e" "$g"
ends 0 "eight bindings" reidentify "$g" --json
ok "... are eight" [ "$(field bindings)" = 8 ]
ok "... it opens" opens "$g" "$key_e"

# cryptsetup gave it a UUID
copy "$a" "$c"
cryptsetup luksUUID -q --uuid 11111111-2222-4333-8444-555555555555 "$c"
ends 6 "a UUID of cryptsetup's does not open" dump "$c" --dump-volume-key \
	--volume-key-file "$CLI_DIR/x"
ends 6 "... and is not just taken" reidentify "$c"
ends 0 "... but told so" reidentify "$c" --accept-header --json
ok "... it is" [ "$(field uuid)" = 11111111-2222-4333-8444-555555555555 ]
ok "... and opens" opens "$c" "$key"

# --- forget ---
ends 4 "forget what is not known" forget "$CLI_DIR/none"
ends 5 "forget what is there" forget "$uuid"
says "$a" "... says where"
ok "a key of its own" set_vault other --name own
d=$(image d)
k format "$d" --name own
rm "$d"
vault_api POST "$MOUNT/keys/third" '{}' >/dev/null
k kms set vault "$VAULT_ADDR" third --token-file "$CLI_DIR/token" --name own \
	--transit-path "$MOUNT" ${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"}
ok "a lost volume holds a generation" [ "$CODE" = 7 ]
ok "... retiring" [ "$(generations retiring)" = 1 ]
ends 0 "forgotten" forget "$d" --json
ok "... says whose" [ "$(field device)" = "$d" ]
ends 0 "... the next rewrap" kms rewrap --name own
ok "... ends the generation" [ "$(generations retiring)" = 0 ]
ends 4 "forget again" forget "$d"
ends 0 "forget what is there, by force" forget "$g" --force
k list
[[ $OUT != *"$g"* ]]
result $? "... it is not listed any more"

# --- --accept-header ---
copy "$a" "$CLI_DIR/old"
k lease "$a" --lease 200
[ "$CODE" = 0 ]
result $? "a newer wrap of both bindings"
copy "$CLI_DIR/old" "$a"
# differs NAME ARGUMENTS: refused, and with --accept-header it is not
differs() {
	local name=$1
	shift
	copy "$CLI_DIR/root.saved" "$record"
	copy "$CLI_DIR/old" "$a"
	ends 6 "$name of an old header" "$@"
	says "--accept-header" "... names --accept-header"
	rm -f "$CLI_DIR/x"
	ends 0 "... which does it" "$@" --accept-header
	ok "... for good" opens "$a" "$key"
}
record=$KMSCRYPT_ROOT/var/lib/kmscrypt/volumes/$uuid.json
copy "$record" "$CLI_DIR/root.saved"
rm -f "$CLI_DIR/x"
differs dump dump "$a" --dump-volume-key --volume-key-file "$CLI_DIR/x"
cli_vault_dies
ok "... the other binding, too" opens "$a" "$key"
cli_vault_returns
# what was accepted while the other KMS was silent holds for it, too
copy "$CLI_DIR/root.saved" "$record"
copy "$CLI_DIR/old" "$a"
cli_vault_dies
ends 0 "accepted with one KMS dead" lease "$a" --accept-header --timeout 6
cli_vault_returns
mv "$KMSCRYPT_ROOT/etc/kmscrypt/entries/local.json" "$CLI_DIR/local.json"
ok "... its binding opens when it is back" opens "$a" "$key"
mv "$CLI_DIR/local.json" "$KMSCRYPT_ROOT/etc/kmscrypt/entries/"
differs lease lease "$a"
differs bind bind "$a" --name l2
differs unbind unbind "$a" --name local
rm -f "$CLI_DIR/h"
differs "header backup" header backup "$a" "$CLI_DIR/h"
copy "$CLI_DIR/root.saved" "$record"
copy "$CLI_DIR/old" "$a"
ends 1 "nothing to accept" dump "$a" --accept-header
ok "it does not open" not opens "$a" "$key"
ends 7 "scan --accept-header" scan --accept-header
shows "$b" "... names what it did not open"
ok "... and what it opened is accepted" opens "$a" "$key"
rm "$b" "$c" "$e"
# several volumes were at one place, one after the other
for lost in "$b" "$c" "$e" "$g"; do
	k forget "$lost"
	while [ "$CODE" = 0 ]; do k forget "$lost"; done
done
ends 0 "... and with all there is exit 0" scan --accept-header

# --- resize of a volume that is closed ---
k resize "$a" --json
ok "resize says how long it is" [ "$(field sectors)" = $((4 * 2048)) ]
ok "... no more" [ "$(field changed)" = false ]
truncate -s 30M "$a"
before=$(sum "$a")
k resize "$a" --json
ok "grown, it is longer" [ "$(field sectors)" = $((14 * 2048)) ]
ok "... nothing is written" [ "$(sum "$a")" = "$before" ]
ok "... the sealed key fits" opens "$a" "$key"
k table "$a"
shows "0 $((14 * 2048)) kmscrypt" "... the table has it"
truncate -s 18M "$a"
k resize "$a" --json
ok "shrunk, it is shorter" [ "$(field sectors)" = $((2 * 2048)) ]
truncate -s 16M "$a"
ends 8 "no room for data" resize "$a"
ends 4 "no such volume" resize "$CLI_DIR/none"

cli_vault_end
cli_end
