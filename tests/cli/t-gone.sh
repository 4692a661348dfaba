#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A master key that was there and is not any more (deleted, destroyed,
# deactivated), and a version of it that is retired: the KMS has said no for
# good, whichever command hears it. Exit 9, and EKEYREVOKED for each volume.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1
kmip_start || exit 1

printf 'the passphrase' >"$CLI_DIR/pass"
theirs=$CLI_DIR/theirs.img
image theirs >/dev/null
cryptsetup luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
	--batch-mode --type luks2 "$theirs" "$CLI_DIR/pass"

# What the last command's JSON says of its failure, and of failed volumes
errno() { json_get error.errno <<<"$ERR" 2>/dev/null; }
volume_errno() {
	grep -o '"errno": *"[A-Z]*"' <<<"$OUT" | head -n 1 | cut -d'"' -f4
}

# gone CODE SAYS NAME ARGUMENTS: exit CODE, and what SAYS tells is EKEYREVOKED
gone() {
	local code=$1 says=$2 name=$3
	shift 3
	k "$@" --json
	[ "$CODE $("$says")" = "$code EKEYREVOKED" ]
	result $? "$WHAT: $name"
}

# revoked NAME ARGUMENTS: the command fails, of that
revoked() { gone 9 errno "$@"; }

# moves_none NAME ARGUMENTS: the command is done, but a volume fails, of that
moves_none() { gone 7 volume_errno "$@"; }

# volume: a new one of the entry, as $a; and a copy of it
volume() {
	a=$CLI_DIR/a.img copy=$CLI_DIR/copy.img
	image a >/dev/null
	k format "$a"
	cp --sparse=always "$a" "$copy"
	k kms set local --name other
}

# What needs the volume's own key
opening() {
	revoked "dump of the key" dump "$a" --dump-volume-key \
		--volume-key-file "$CLI_DIR/vk"
	revoked "recover" recover "$a" --passphrase-file "$CLI_DIR/pass"
	revoked "header backup" header backup "$a" "$CLI_DIR/backup"
	revoked "lease" lease "$a" --lease 60
	revoked "bind" bind "$a" --name other
	revoked "reidentify" reidentify "$copy"
	revoked "kms unset --allow-downgrade" kms unset --allow-downgrade
	ok "$WHAT: no key was written" [ ! -e "$CLI_DIR/vk" ]
	ok "$WHAT: ... and no backup" [ ! -e "$CLI_DIR/backup" ]
}

# What asks for a key that works now
using() {
	revoked "kms check" kms check
	revoked "format" format "$(image new)"
	revoked "enroll" enroll "$theirs" --passphrase-file "$CLI_DIR/pass"
}

# kms set to another KMS
moving() {
	local options=(--client-cert "$KMIP_CERT" --client-key "$KMIP_KEY"
		--ca-cert "$KMIP_CACERT")
	moves_none "kms set" kms set kmip "$KMIP_ADDR" "$(kmip_admin create)" \
		"${options[@]}"
	k kms unset --forget
}

vault_deleted() {
	WHAT="Vault, deleted"
	cli_root deleted
	vault_api POST "$MOUNT/keys/mortal" '{}' >/dev/null
	set_vault mortal
	volume
	vault_api POST "$MOUNT/keys/mortal/config" \
		'{"deletion_allowed":true}' >/dev/null
	vault_api DELETE "$MOUNT/keys/mortal" >/dev/null
	opening
	using
	revoked "kms rewrap" kms rewrap
	k kms set vault "$VAULT_ADDR" mortal --token-file "$CLI_DIR/token" \
		--transit-path "$MOUNT" \
		${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"} --name fresh
	ok "$WHAT: who names it anew hears that it is not there" [ "$CODE" = 4 ]
	moving
}

vault_retired() {
	WHAT="Vault, version retired"
	cli_root retired
	vault_api POST "$MOUNT/keys/turned" '{}' >/dev/null
	set_vault turned
	volume
	vault_api POST "$MOUNT/keys/turned/rotate" >/dev/null
	vault_api POST "$MOUNT/keys/turned/config" \
		'{"min_decryption_version":2}' >/dev/null
	opening
	ends 0 "$WHAT: the key itself works" kms check
	moves_none "kms rewrap" kms rewrap
	moving
}

# kmip_gone WORD ACTION...: a key that ends so
kmip_gone() {
	local uid fresh action
	WHAT="KMIP, $1"
	cli_root "$1"
	shift
	uid=$(kmip_admin create) && fresh=$(kmip_admin create)
	set_kmip "$uid"
	volume
	for action; do
		kmip_admin "$action" "$uid"
	done
	opening
	using
	moves_none "kms rewrap" kms rewrap --new-key-uid "$fresh"
	moves_none "kms rewrap once more" kms rewrap --new-key-uid "$fresh"
	kmip_admin deactivate "$fresh"
	kmip_admin destroy "$fresh"
	revoked "kms rewrap, the new one is gone, too" \
		kms rewrap --new-key-uid "$fresh"
	ends 4 "$WHAT: one that never was is none" \
		kms rewrap --new-key-uid 999999
	moving
}

vault_deleted
vault_retired
kmip_gone deactivated deactivate
kmip_gone destroyed deactivate destroy
cli_vault_end
cli_end
