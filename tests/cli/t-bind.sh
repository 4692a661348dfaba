#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bind and unbind: a volume that two KMSs open, if either answers; and what
# kms set, kms rewrap and kms unset do to such a volume.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault && vault_watch || exit 1
kmip_start || exit 1
uid=$(kmip_admin create) || exit 1

pins() {
	cat "$KMSCRYPT_ROOT"/var/lib/kmscrypt/volumes/*.json |
		grep -c '"generation"'
}

silent() {
	find "$KMSCRYPT_ROOT/run/kmscrypt/silent" -type f -size +0 | wc -l
}

# asks PORT: does opening a connect there?
asks() {
	rm -f "$CLI_DIR/again"
	strace -f -o "$CLI_DIR/trace" -e trace=connect "$KMSCRYPT" dump "$a" \
		--dump-volume-key --volume-key-file "$CLI_DIR/again" \
		>/dev/null 2>&1
	grep -q "htons($1)" "$CLI_DIR/trace"
}

# An entry that is moved away is asked as little as a KMS that is dead.
entries=$KMSCRYPT_ROOT/etc/kmscrypt/entries

a=$(image a)
ok "Vault" set_vault k --name vault
ok "KMIP" set_kmip "$uid" --name kmip
ends 0 "a volume of Vault" format "$a" --name vault
key=$(key_of "$a")

# --- bind ---
ends 1 "bind needs --name" bind "$a"
ends 4 "bind to no entry" bind "$a" --name nothing
ends 0 "bind to KMIP" bind "$a" --name kmip --json
ok "... as JSON" [ "$(field changed),$(field bindings)" = "true,2" ]
ok "... both are there" bound_to "$a" vault kmip
ok "... and pinned" [ "$(pins)" = 2 ]
before=$(sha256sum <"$a")
ends 0 "bind again" bind "$a" --name kmip
shows "already" "... says so"
ok "... and writes nothing" [ "$(sha256sum <"$a")" = "$before" ]

# --- either opens ---
ok "it opens with both" opens "$a" "$key"
ok "... nobody is silent" [ "$(silent)" = 0 ]
kmip_stop
ok "it opens with KMIP dead" opens "$a" "$key"
both_dead() {
	cli_vault_dies
	ok "with both dead it does not" not opens "$a" "$key"
	ok "... exit 3" [ "$CODE" = 3 ]
	ok "... which is noted" [ "$(silent)" = 2 ]
	kmip_start
	ok "it opens with Vault dead" opens "$a" "$key"
	ok "... and KMIP is not silent any more" [ "$(silent)" = 1 ]
	cli_vault_returns
}
both_dead
rm -r "$KMSCRYPT_ROOT/run/kmscrypt/silent"
ok "Vault is asked first" asks "${VAULT_ADDR##*:}"
vault_hang /decrypt/
k dump "$a" --dump-volume-key --volume-key-file "$CLI_DIR/hung" --timeout 6
ok "it opens while Vault hangs" [ "$CODE" = 0 ]
ok "... and KMIP is asked first then" not asks "${VAULT_ADDR##*:}"
vault_heal
rm -r "$KMSCRYPT_ROOT/run/kmscrypt/silent"

# --- what kms does to it ---
ends 5 "unset of one refuses" kms unset --name kmip
says "unbind" "... and says what can be done"
uid2=$(kmip_admin create)
ends 0 "a new key at KMIP" kms rewrap --name kmip --new-key-uid "$uid2"
ok "... leaves Vault's binding" bound_to "$a" vault kmip
mv "$entries/vault.json" "$CLI_DIR/"
ok "... and its own opens" opens "$a" "$key"
mv "$CLI_DIR/vault.json" "$entries/"
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
ends 0 "rewrap at Vault" kms rewrap --name vault
ok "... leaves KMIP's" bound_to "$a" vault kmip
kmip_stop
ok "... and its own opens" opens "$a" "$key"

# --- unbind ---
ends 4 "unbind of an entry that it has not" unbind "$a" --name nothing
before=$(sha256sum <"$a")
ends 3 "unbind proves what stays" unbind "$a" --name vault --timeout 3
ok "... and changes nothing if that fails" \
	[ "$(sha256sum <"$a")" = "$before" ]
ends 0 "unbind of the dead one" unbind "$a" --name kmip --json
ok "... as JSON" [ "$(field changed),$(field bindings)" = "true,1" ]
ok "... one is left" bound_to "$a" vault
ok "... one pin, too" [ "$(pins)" = 1 ]
ok "... it opens" opens "$a" "$key"
ends 4 "unbind again" unbind "$a" --name kmip
ends 5 "unbind of the last" unbind "$a" --name vault
ends 5 "... also with --force without a keyslot" unbind "$a" --name vault \
	--force
kmip_start

# --- a dead KMS, with another binding to help ---
ends 0 "bind to KMIP again" bind "$a" --name kmip
kmip_stop
ends 5 "kms set local for a KMS" kms set local --name kmip
ends 0 "a downgrade with the KMS dead, through the other" \
	kms unset --allow-downgrade --name kmip
ok "... has moved only its own" bound_to "$a" vault local
ok "... which opens" opens "$a" "$key"
ends 0 "unset of an entry after unbind" unbind "$a" --name kmip
ends 0 "... works" kms unset --name kmip
kmip_start
ok "KMIP once more" set_kmip "$uid2" --name kmip
ends 0 "... bound" bind "$a" --name kmip
cli_vault_dies
ends 0 "a downgrade with the KMS dead, through the other" \
	kms unset --allow-downgrade --name vault
ok "... takes one binding" bound_to "$a" kmip local
ends 0 "unbind the local one" unbind "$a" --name vault
cli_vault_returns

# --- a decision of one KMS and silence of the other ---
ends 0 "drop the local entry" kms unset --name vault
ok "Vault once more" set_vault k --name vault
ends 0 "... bound" bind "$a" --name vault
kmip_admin deactivate "$uid2"
ok "one deactivated, one alive: it opens" opens "$a" "$key"
cli_vault_dies
ok "one deactivated, one dead" not opens "$a" "$key"
ok "... is revoked" [ "$CODE" = 9 ]
cli_vault_returns

# --- alone and dead: what is left to do ---
ends 0 "unbind the deactivated one" unbind "$a" --name kmip
cli_vault_dies
before=$(sha256sum <"$a")
ends 3 "a downgrade alone, with the KMS dead" kms unset --allow-downgrade \
	--name vault --timeout 3
says "Left to do" "... says what is left to do"
ok "... and changes nothing" [ "$(sha256sum <"$a")" = "$before" ]
cli_vault_returns

# --- the last one, with a passphrase ---
rm -f "$CLI_DIR/vk"
k dump "$a" --dump-volume-key --volume-key-file "$CLI_DIR/vk"
printf secret >"$CLI_DIR/pass"
cryptsetup luksAddKey -q --volume-key-file "$CLI_DIR/vk" --key-size 512 \
	--pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$a" "$CLI_DIR/pass"
ends 5 "the last one with a keyslot" unbind "$a" --name vault
says "--force" "... names --force"
ends 0 "... which removes it" unbind "$a" --name vault --force
says "keyslots" "... and warns"
ok "... the passphrase opens" cryptsetup open --test-passphrase \
	--key-file "$CLI_DIR/pass" "$a"

# --- at most 8 ---
b=$(image b)
k kms set local
k format "$b"
for n in 2 3 4 5 6 7 8 9; do
	k kms set local --name "l$n"
done
for n in 2 3 4 5 6 7 8; do
	k bind "$b" --name "l$n"
done
ok "eight bindings" [ "$CODE" = 0 ]
ends 8 "not nine" bind "$b" --name l9
for n in 2 3 4 5 6 7 8; do
	k unbind "$b" --name "l$n"
done
ok "... and one again" bound_to "$b" local

cli_vault_end
# a header whose JSON area is full
f=$(image full)
k format "$f"
key=$(key_of "$f")
python3 "$CLI_HOME/header.py" "$f" set tokens/0/comment \
	"\"$(printf '%10900s' '' | tr ' ' x)\""
k kms set local --name more
ends 8 "a header without room" bind "$f" --name more
says "the header of $f has no room" "... says that it is the header"
ok "... which opens" opens "$f" "$key"
cli_end
