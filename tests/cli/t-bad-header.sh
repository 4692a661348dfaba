#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Headers that somebody else has written: a flipped bit in each field, another
# volume's token, a null cipher, names that point elsewhere. Checksums are
# right each time: LUKS2 does not authenticate its metadata, the capsule does.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault && vault_watch || exit 1
kmip_start || exit 1
uid=$(kmip_admin create) || exit 1

header() { "$CLI_HOME/header.py" "$@"; }

# What is there for people, or is a hint that nothing depends on: a change
# does no harm, and the key is the same.
harmless='^(label|subsystem|tokens/0/address|tokens/0/key_version)$'

# refuses IMAGE: it does not open; exit 4 or 6, words, no file, nothing written
refuses() {
	local sum
	sum=$(head -c 65536 "$1" | sha256sum)
	rm -f "$CLI_DIR/vk"
	k dump "$1" --dump-volume-key --volume-key-file "$CLI_DIR/vk"
	[ "$CODE" = 4 ] || [ "$CODE" = 6 ] || return 1
	[ -n "$ERR" ] && [ -z "$OUT" ] && [ ! -e "$CLI_DIR/vk" ] &&
		[ "$(head -c 65536 "$1" | sha256sum)" = "$sum" ]
}

# bits NAME IMAGE KEY FIELDS: each field that FIELDS fits. Segment, digest and
# binary header are the same for all providers, so one of them is enough.
bits() {
	local name=$1 image=$2 key=$3 fields=$4 path where n=0
	local bad=$CLI_DIR/bad.img
	while read -r path; do
		for where in first last; do
			cp --sparse=always "$image" "$bad"
			header "$bad" flip "$path" "$where"
			n=$((n + 1))
			if [[ $path =~ $harmless ]]; then
				opens "$bad" "$key"
				result $? "$name, $path, $where: does no harm"
				continue
			fi
			refuses "$bad"
			result $? "$name, $path, $where: exit $CODE"
		done
	done < <(header "$image" fields | grep -E "$fields")
	ok "$name: many fields" [ "$n" -ge "$5" ]
}

a=$(image a) b=$(image b)
k kms set local
k format "$a" --label first
k format "$b"
key_a=$(key_of "$a")
bits local "$a" "$key_a" . 50

# --- the same key, another description ---
bad=$CLI_DIR/bad.img
changed() {
	local name=$1
	shift
	cp --sparse=always "$a" "$bad"
	header "$bad" "$@"
	refuses "$bad"
	result $? "$name is refused"
}
changed "a null cipher" set segments/0/encryption '"cipher_null-ecb"'
says cipher "... and named"
changed "another cipher" set segments/0/encryption '"aes-cbc-essiv:sha256"'
changed "a larger sector" set segments/0/sector_size 512
changed "another offset" set segments/0/offset '"16781312"'
changed "a fixed size" set segments/0/size '"4096"'
changed "another IV" set segments/0/iv_tweak '"8"'
changed "an integrity spec" set segments/0/integrity \
	'{"type":"hmac(sha256)","journal_encryption":"none","journal_integrity":"none"}'
ends 6 "... and no table is made of it" table "$bad"
says "no superblock of dm-integrity" "... and says why"
changed "an integrity spec that is none" set segments/0/integrity \
	'{"type":"none","journal_encryption":"none","journal_integrity":"none"}'
ends 8 "... and no table is made of it, either" table "$bad"
says "not supported" "... and says why"
changed "a segment that is not encrypted" set segments/0/type '"linear"'
changed "a second segment" set segments/1 \
	'{"type":"linear","offset":"16777216","size":"4096"}'
changed "another digest" set digests/0/digest '"AAAAAAAAAAAAAAAAAAAAAA=="'
changed "another UUID" set uuid '"11111111-2222-4333-8444-555555555555"'
changed "an unknown version" set tokens/0/version 2
changed "something that must be understood" set tokens/0/must '["quorum"]'
says "newer kmscrypt" "... and says why"
changed "an unknown provider" set tokens/0/provider '"none"'
changed "another length of key" set tokens/0/key_bytes 32
changed "large IV sectors" set tokens/0/iv_large_sectors true
changed "a negative length" set tokens/0/key_bytes -1
changed "a huge length" set tokens/0/key_bytes 4294967360
changed "a number for a text" set tokens/0/wrapped 5
changed "an empty ciphertext" set tokens/0/wrapped '""'
changed "a long ciphertext" set tokens/0/wrapped \
	"\"$(head -c 6000 /dev/zero | base64 -w 0)\""
changed "a deep member" set tokens/0/wrapped "$(printf '[%.0s' {1..60})$(printf ']%.0s' {1..60})"
changed "another volume's token" graft "$b"
cp --sparse=always "$a" "$bad"
header "$bad" set tokens/0/x-later '{"kept":true}'
ok "an unknown member does no harm" opens "$bad" "$key_a"
cp "$CLI_DIR/bad.img" "$CLI_DIR/later.img"

# --- damage without repair: LUKS2's second copy serves ---
cp --sparse=always "$a" "$bad"
header "$bad" raw 4200
ok "one damaged copy does no harm" opens "$bad" "$key_a"
cp --sparse=always "$a" "$bad"
header "$bad" raw 4200
header "$bad" raw $((16384 + 4200))
ok "two do" refuses "$bad"
head -c 30000 "$a" >"$CLI_DIR/short.img"
ok "a truncated header" refuses "$CLI_DIR/short.img"

# --- an old header: the registry remembers ---
cp --sparse=always "$a" "$CLI_DIR/old.img"
cp -r "$KMSCRYPT_ROOT/etc" "$CLI_DIR/etc.old"
k kms rewrap --volume "$a"
cp -r "$CLI_DIR/etc.old/." "$KMSCRYPT_ROOT/etc/"
ok "an old header is refused by the pin" refuses "$CLI_DIR/old.img"
says "registry" "... which says so"
cli_root fresh
cp -r "$CLI_DIR/etc.old" "$KMSCRYPT_ROOT/etc"
ok "... and by nothing else: it opens elsewhere" \
	opens "$CLI_DIR/old.img" "$key_a"
cli_root a

# --- names that point elsewhere ---
# named NAME PATH JSON...: each value is refused, without asking the KMS
named() {
	local name=$1 path=$2 value
	shift 2
	for value in "$@"; do
		cp --sparse=always "$c" "$bad"
		header "$bad" set "$path" "$value"
		refuses "$bad"
		result $? "$name, $path = $value: exit $CODE"
	done
}
# KMIP answers slowly, and checks less of a name
few=('"../other"' '"k\r\nx"' '"a//b"' '5')
elsewhere=('"../other"' '"k/../other"' '"."' '".."' '"k\r\nX-Vault-Token: x"'
	'"/k"' '"k/"' '"a//b"' '"other"' '"k%2e"' '"k?x=1"' '"k\u0000x"' '5')

c=$(image c)
cli_root vault
set_vault k
k format "$c"
key_c=$(key_of "$c")
bits vault "$c" "$key_c" ^tokens 20
vault_log_clear
named vault tokens/0/key_id "${elsewhere[@]}"
named vault tokens/0/mount "${elsewhere[@]}" '"sys"' '"auth/token"' '""'
named vault tokens/0/namespace "${elsewhere[@]}" '"ns"'
named vault tokens/0/wrapped '"vault:v1:../../x"' '"vault:v99999999999:AAAA"' \
	'"vault:v1:"' '"x"' '"vault:v1:AAAA\r\n"'
vault_log >"$CLI_DIR/log"
ok "no such name goes to Vault" not \
	grep -qE 'other|sys/|auth/token|\.\.|%2e|X-Vault' "$CLI_DIR/log"
cp --sparse=always "$c" "$bad"
header "$bad" set tokens/0/address '"https://127.0.0.1:1"'
ok "an address in a token is never asked" opens "$bad" "$key_c"

c=$(image d)
cli_root kmip
set_kmip "$uid"
k format "$c"
bits kmip "$c" "$(key_of "$c")" '^tokens.*/(wrapped|iv|tag|mode|key_id|entry)$' 12
uid2=$(kmip_admin create)
named kmip tokens/0/key_id "${few[@]}" "\"$uid2\""
named kmip tokens/0/mode '"none"' '"ctr"' '"cbc"' '"gcm-appended"' '""' 5
named kmip tokens/0/iv '""' '"AAAA"' '"%"'
named kmip tokens/0/tag '""' '"AAAA"'

# --- what is not ours is kept ---
cli_root a
rm -rf "${KMSCRYPT_ROOT:?}/var"
cp -r "$CLI_DIR/etc.old/." "$KMSCRYPT_ROOT/etc/"
ends 0 "a move of a volume with an unknown member" kms rewrap \
	--volume "$CLI_DIR/later.img"
ok "... keeps it" [ "$(header "$CLI_DIR/later.img" get tokens/1/x-later)" = \
	'{"kept": true}' ]

cli_vault_end
cli_end
