#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Power lost while the header was written: of its two copies, which are written
# one after the other, one is torn. What only reads works, and the command that
# was cut off repairs both when it is run again.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1

COPY=16384	# bytes of one copy, which the format chooses
a=$(image a)
ok "Vault" set_vault k
k format "$a"
key=$(key_of "$a")
head -c $((2 * COPY)) "$a" >"$CLI_DIR/old"
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
ends 0 "a newer key" kms rewrap
head -c $((2 * COPY)) "$a" >"$CLI_DIR/new"
not cmp -s "$CLI_DIR/old" "$CLI_DIR/new"
result $? "the headers differ"

# put FROM AT LENGTH: these bytes of that file, at the same place
put() {
	dd if="$1" of="$a" bs=1 skip="$2" seek="$2" count="$3" conv=notrunc \
		status=none
}

# tear COPY OFFSET HOW: so far the new one was written, beyond it the old is
# there; or a page there holds nothing, or noise
tear() {
	local start=0 at length=4096
	dd if="$CLI_DIR/old" of="$a" conv=notrunc status=none
	[ "$1" = primary ] || start=$COPY
	[ "$1" = primary ] || put "$CLI_DIR/new" 0 "$COPY"
	put "$CLI_DIR/new" "$start" "$2"
	at=$((start + $2))
	[ $(($2 + length)) -lt "$COPY" ] || length=$((COPY - $2))
	case $3 in
	zeros | noise) put "$CLI_DIR/$3" "$at" "$length" ;;
	esac
}

head -c $((2 * COPY)) /dev/zero >"$CLI_DIR/zeros"
head -c $((2 * COPY)) /dev/urandom >"$CLI_DIR/noise"

# reads NAME: each of the commands that read, at the header as it was torn
reads() {
	local words bad=''
	for words in "dump $a --json" "table $a" "list --json" "kms show" \
		"scan $a" "kms rewrap --dry-run" "lease $a" \
		"header backup $a $CLI_DIR/backup"; do
		tear "$copy" "$offset" "$how"
		rm -f "$CLI_DIR/backup"
		# shellcheck disable=SC2086 # words are what is meant
		k $words
		[ "$CODE" = 0 ] || bad+="$words: $CODE $ERR; "
	done
	tear "$copy" "$offset" "$how"
	opens "$a" "$key" || bad+="opens: $CODE $ERR"
	OUT=$bad
	[ -z "$bad" ]
}

# whole: either copy alone has the newer version
whole() {
	local copy
	for copy in 0 $COPY; do
		head -c $((2 * COPY)) "$a" >"$CLI_DIR/kept"
		put "$CLI_DIR/zeros" "$copy" "$COPY"
		opens "$a" "$key" && k dump "$a" --json &&
			[ "$(field 'bindings.0.key_version')" = 2 ] || return
		dd if="$CLI_DIR/kept" of="$a" conv=notrunc status=none
	done
}

# In the binary header, before its checksum, after it, within the JSON, beyond.
for copy in primary secondary; do
	for offset in 0 16 448 512 4096 4300 5000; do
		for how in old zeros noise; do
			reads
			result $? "$copy, torn at $offset, then $how: it is read"
			tear "$copy" "$offset" "$how"
			k kms rewrap
			[ "$CODE" = 0 ] && whole
			result $? "... and a rewrap makes it whole"
		done
	done
done

# --- control: what is torn is not read, and not whole by itself ---
tear primary 4300 noise
ok "without the rewrap it is not whole" not whole
tear primary 4300 noise
put "$CLI_DIR/noise" $COPY 8192
ok "torn in both copies it does not open" not opens "$a" "$key"
says "damaged in both copies" "... and says why"

cli_vault_end
cli_end
