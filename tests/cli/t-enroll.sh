#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# enroll and recover: volumes of cryptsetup's become ours and lose nothing,
# ours get a passphrase, and cryptsetup opens them with it.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

FAST="--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --batch-mode"
printf 'the old passphrase' >"$CLI_DIR/old"
printf 'another one\n' >"$CLI_DIR/second"
printf 'a line' >"$CLI_DIR/line"
printf 'a line\n' >"$CLI_DIR/line-and-newline"
head -c 64 /dev/urandom >"$CLI_DIR/keyfile"

# luks IMAGE [OPTIONS]: what cryptsetup makes
luks() {
	local path=$1
	shift
	# shellcheck disable=SC2086
	cryptsetup luksFormat $FAST --type luks2 "$@" "$path" "$CLI_DIR/old"
}

# stock IMAGE FILE: does cryptsetup open it with that key file?
stock() {
	cryptsetup open --test-passphrase --key-file "$2" "$1" 2>/dev/null
}

# rest IMAGE: all of the header that is not ours to change
rest() {
	local part
	for part in keyslots segments digests; do
		header "$1" get "$part"
	done
	blkid -p -s LABEL -s SUBSYSTEM -s UUID -o export "$1" | grep -v DEVNAME
}

header() { python3 "$CLI_HOME/header.py" "$@"; }

# enroll_old IMAGE [OPTIONS]
enroll_old() {
	k enroll "$1" --passphrase-file "$CLI_DIR/old" --json "${@:2}"
	[ "$CODE" = 0 ]
}

# --- what is refused, with nothing changed ---
a=$(image a)
luks "$a" --label precious --subsystem theirs
cryptsetup token add --key-description theirs "$a"
# shellcheck disable=SC2086
cryptsetup luksAddKey $FAST --key-file "$CLI_DIR/old" "$a" "$CLI_DIR/keyfile"
sum=$(sha256sum <"$a")
ends 4 "no entry to bind it to" enroll "$a" --passphrase-file "$CLI_DIR/old"
says "kmscrypt kms set" "... says how to make one"
k kms set local
ends 1 "no terminal, no file: no prompt" enroll "$a"
says "--passphrase-file" "... says what is needed"
ends 1 "two files" enroll "$a" --passphrase-file "$CLI_DIR/old" \
	--key-file "$CLI_DIR/old"
ends 2 "a wrong passphrase" enroll "$a" --passphrase-file "$CLI_DIR/second"
says "no keyslot" "... says so"
ends 4 "no such file" enroll "$a" --passphrase-file "$CLI_DIR/none"
ends 1 "an empty passphrase" enroll "$a" --passphrase-file /dev/null
ends 4 "no LUKS2 header" enroll "$(image c)" --passphrase-file "$CLI_DIR/old"
ok "what was refused is unchanged" [ "$(sha256sum <"$a")" = "$sum" ]

# --- enroll ---
before=$(rest "$a")
ends 0 "a volume of cryptsetup's" enroll "$a" \
	--passphrase-file "$CLI_DIR/old" --json
ok "... is changed" [ "$(field changed)" = true ]
ok "... has its keyslots" [ "$(field keyslots)" = 2 ]
ok "... keyslots, digest, label and subsystem are as before" \
	[ "$(rest "$a")" = "$before" ]
ok "... and the other token" [ "$(header "$a" get tokens/0/type)" = \
	'"luks2-keyring"' ]
read_key "$a"
key=$KEY
ok "... the KMS gives a key" [ "${#key}" = 128 ]
cryptsetup luksDump --dump-volume-key --batch-mode --key-file "$CLI_DIR/old" \
	--volume-key-file "$CLI_DIR/theirs" "$a" >/dev/null
ok "... which is cryptsetup's" [ "$key" = \
	"$(od -An -v -tx1 "$CLI_DIR/theirs" | tr -d ' \n')" ]
ok "... the passphrase still works" stock "$a" "$CLI_DIR/old"
k list
shows "$a" "... it is registered"
sum=$(sha256sum <"$a")
ends 0 "again" enroll "$a" --key-file "$CLI_DIR/keyfile" --json
ok "... changes nothing" [ "$(field changed)" = false ]
ok "... not a byte" [ "$(sha256sum <"$a")" = "$sum" ]

# a passphrase is typed
# types ANSWER... -- ARGUMENTS
types() {
	local answers=()
	while [ "$1" != -- ]; do
		answers+=("$1")
		shift
	done
	shift
	CODE=0 ERR=''
	OUT=$(python3 "$CLI_HOME/terminal.py" "${answers[@]}" -- \
		"$KMSCRYPT" "$@") || CODE=$?
	[ "$CODE" = 0 ]
}
ok "the passphrase is typed" types 'the old passphrase' -- enroll "$a"
shows "Passphrase of $a:" "... is asked for"
[[ $OUT != *"old passphrase"* ]]
result $? "... and not echoed"
ok "a wrong one is typed" not types wrong -- enroll "$a"
ok "... and is exit 2" [ "$CODE" = 2 ]

# --- after a re-encryption ---
# What cryptsetup leaves behind: same UUID, same tokens, another key and digest.
# (Its own run needs device-mapper.)
reencrypt() {
	cp "$a" "$CLI_DIR/before"
	luks "$a" --uuid "$(blkid -p -s UUID -o value "$a")" &&
		header "$a" graft "$CLI_DIR/before"
}
ok "a re-encrypted volume" reencrypt
ends 6 "now it does not open" dump "$a" --dump-volume-key \
	--volume-key-file "$CLI_DIR/vk"
ends 6 "enroll notices the other key" enroll "$a" \
	--passphrase-file "$CLI_DIR/old"
says "--accept-header" "... and says what to do"
ends 0 "enroll --accept-header" enroll "$a" --accept-header \
	--passphrase-file "$CLI_DIR/old" --json
ok "... removes the stale binding" [ "$(field stale_removed)" = 1 ]
ok "... and makes one" bound_to "$a" local
read_key "$a"
ok "... that opens" [ "${#KEY}" = 128 ]
ok "... with another key" [ "$KEY" != "$key" ]
key=$KEY
reencrypt
rm -r "${KMSCRYPT_ROOT:?}/var"
ok "without pins nothing is to be accepted" enroll_old "$a"
ok "... it has one binding" bound_to "$a" local
read_key "$a"
ok "... and opens" [ -n "$KEY" ]

# --- a header that was changed meanwhile ---
key=$KEY
cp "$a" "$CLI_DIR/safe"
header "$a" set segments/0/sector_size 1024
rm -r "${KMSCRYPT_ROOT:?}/var"
ends 6 "the same key under another description" enroll "$a" \
	--passphrase-file "$CLI_DIR/old"
says "sector size" "... is named"
ok "... its binding is still there" bound_to "$a" local
cp "$CLI_DIR/safe" "$a"
ok "... put back, it opens" opens "$a" "$key"

# --- other sizes ---
b=$(image b)
luks "$b" --key-size 256 --sector-size 512
ok "256 bits, small sectors" enroll_old "$b"
read_key "$b"
ok "... opens" [ "${#KEY}" = 64 ]
header "$b" set segments/0/encryption '"cipher_null-ecb"'
ends 6 "a null cipher" enroll "$b" --passphrase-file "$CLI_DIR/old"

# --- recover ---
b=$(image b)
k format "$b"
key=$(key_of "$b")
ends 1 "recover without a terminal" recover "$b"
ends 0 "recover" recover "$b" --passphrase-file "$CLI_DIR/second" --json
ok "... adds keyslot 0" [ "$(field keyslot)" = 0 ]
ok "... says so" [ "$(field changed)" = true ]
says "without any KMS" "... and warns"
printf 'another one' >"$CLI_DIR/exact"
ok "... cryptsetup opens it, the newline cut" stock "$b" "$CLI_DIR/exact"
ok "... and no other passphrase" not stock "$b" "$CLI_DIR/old"
ok "... with argon2id" [ "$(header "$b" get keyslots/0/kdf/type)" = \
	'"argon2id"' ]
ok "... the KMS still opens it" opens "$b" "$key"
ends 0 "again" recover "$b" --passphrase-file "$CLI_DIR/second" --json
ok "... changes nothing" [ "$(field changed)" = false ]
ok "two typed ones that differ" not types one two -- recover "$b"
ok "... are exit 1" [ "$CODE" = 1 ]
cryptsetup luksDump --dump-volume-key --batch-mode --volume-key-file \
	"$CLI_DIR/vk2" --key-file "$CLI_DIR/exact" "$b" >/dev/null
ok "... it holds the volume key" [ "$key" = \
	"$(od -An -v -tx1 "$CLI_DIR/vk2" | tr -d ' \n')" ]

# the KMS is gone, and its entry: the passphrase binds the volume anew
k kms unset --forget
ends 4 "without the entry there is no recover" recover "$b" \
	--passphrase-file "$CLI_DIR/line"
k kms set local
ends 0 "enroll with the recovery passphrase" enroll "$b" \
	--passphrase-file "$CLI_DIR/second"
ok "... opens with the new entry" opens "$b" "$key"
large=$(image large)
k format "$large" --iv-large-sectors
ends 0 "recover of large IVs" recover "$large" --key-file "$CLI_DIR/keyfile"
says "cannot map it" "... says that cryptsetup cannot"
cli_end
