#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL before every system call that changes a file (SOAK=1; otherwise some
# of them), in the commands that change one volume: it opens at once, and the
# command run again finishes.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
k kms set local
k kms set local --name l2

every=$([ "${SOAK:-}" = 1 ] && echo 1 || echo 6)
often=$([ "${SOAK:-}" = 1 ] && echo 1 || echo 10)

save() {
	rm -rf "$CLI_DIR/saved"
	mkdir "$CLI_DIR/saved"
	cp -a --sparse=always "$KMSCRYPT_ROOT" "$CLI_DIR/saved/root"
	cp --sparse=always "$b" "$CLI_DIR/saved/b.img"
}

restore() {
	rm -rf "${KMSCRYPT_ROOT:?}"
	cp -a "$CLI_DIR/saved/root" "$KMSCRYPT_ROOT"
	cp --sparse=always "$CLI_DIR/saved/b.img" "$b"
	rm -f "$CLI_DIR"/file "$CLI_DIR"/.file.kmscrypt-new
}

# again ARGUMENTS: it ends with one of the codes, and what was wanted is there
again() {
	k "$@"
	[[ " $codes " == *" $CODE "* ]] && "$finished" && return
	diag "again: exit $CODE: $ERR"
	return 1
}

# killed NAME STEP SAFE DONE CODES ARGUMENTS: SAFE has to succeed after each
# kill, DONE after the second run, which ends with one of CODES: a command that
# was killed in its last step is done, and says so when it is repeated
killed() {
	local name=$1 step=$2 safe=$3 finished=$4 codes=$5
	shift 5
	save
	cli_kill_each restore "$step" "$safe" again "$@"
	diag "$name: $KILLS of $PLACES places"
	ok "$name: there are places" [ "$PLACES" -ge 3 ]
	ok "$name: it was killed in many of them" \
		[ "$KILLS" -ge $((PLACES / step)) ]
	ok "$name: ... and at last it ran through" [ "$STATUS" = 0 ]
	ok "$name: ... to the same end" "$finished"
	ok "$name: nothing is lost after each kill" [ "$LOST" = 0 ]
	ok "$name: running it again finishes" [ "$STUCK" = 0 ]
	restore
}

# --- format: what is empty, and over a volume ---
nothing_half() { [ -z "$(find "$CLI_DIR" -name '.*.kmscrypt-new')" ]; }
formatted() {
	[ "$CODE" = 0 ] ||
		{ [[ $ERR == *--force* ]] && k format "$b" --force; }
	[ "$CODE" = 0 ] && bound_to "$b" local && read_key "$b" && nothing_half
}
b=$(image f)
killed format "$often" true formatted "0 5" format "$b"
k format "$b"
[ "$CODE" = 0 ]
result $? "a volume to be formatted over"
old=$(cryptsetup luksUUID "$b")
# What it held is lost, as was wanted. Whoever was killed could not say so.
over() {
	formatted && k list --json && [ "$CODE" = 0 ] || return
	[[ $OUT != *"$old"* ]] || k forget "$old"
	[ "$CODE" = 0 ]
}
killed "format --force" "$often" true over 0 format "$b" --force

# --- forget ---
forgotten() {
	k list --json
	[ "$CODE" = 0 ] && [[ $OUT != *"$old"* ]]
}
killed forget 1 true forgotten "0 4" forget "$old" --force

b=$(image b)
k format "$b"
key=$(key_of "$b")
uuid=$(cryptsetup luksUUID "$b")
it_opens() { opens "$b" "$key"; }

# --- bind, unbind ---
bound() { it_opens && bound_to "$b" local local; }
unbound() { it_opens && bound_to "$b" local; }
killed bind "$every" it_opens bound 0 bind "$b" --name l2
k bind "$b" --name l2
killed unbind "$every" it_opens unbound "0 4" unbind "$b" --name l2
k unbind "$b" --name l2

# --- the volume key into a file: all of it, or no file ---
exported() { [ "$(od -An -v -tx1 "$CLI_DIR/file" | tr -d ' \n')" = "$key" ]; }
exported_or_none() { [ ! -e "$CLI_DIR/file" ] || exported; }
export_clean() { exported && nothing_half; }
killed "dump --dump-volume-key" 1 exported_or_none export_clean "0 5" dump \
	"$b" --dump-volume-key --volume-key-file "$CLI_DIR/file"

# --- header backup ---
cryptsetup luksHeaderBackup "$b" --header-backup-file "$CLI_DIR/stock"
whole() { cmp -s "$CLI_DIR/file" "$CLI_DIR/stock"; }
whole_or_none() { [ ! -e "$CLI_DIR/file" ] || whole; }
clean() { whole && [ -z "$(find "$CLI_DIR" -name '.file*')" ]; }
killed "header backup" 1 whole_or_none clean "0 5" \
	header backup "$b" "$CLI_DIR/file"

# --- header restore, over a newer one and over a damaged one ---
k lease "$b" --lease 60
restored() {
	it_opens && cmp -s -n "$(stat -c %s "$CLI_DIR/stock")" \
		"$b" "$CLI_DIR/stock"
}
killed "header restore" "$every" it_opens restored 0 \
	header restore "$b" "$CLI_DIR/stock" --accept-header
dd if=/dev/zero of="$b" bs=64k count=1 conv=notrunc status=none
killed "header restore, of one that is gone" "$every" true restored 0 \
	header restore "$b" "$CLI_DIR/stock" --accept-header
k header restore "$b" "$CLI_DIR/stock" --accept-header

# --- reidentify, with one binding and with two ---
# The registry has the original elsewhere.
move_original() {
	cp --sparse=always "$b" "$CLI_DIR/original"
	sed -i "s|$b|$CLI_DIR/original|" \
		"$KMSCRYPT_ROOT/var/lib/kmscrypt/volumes/$uuid.json"
}
another() {
	it_opens && bound_to "$b" "$@" &&
		[ "$(cryptsetup luksUUID "$b")" != "$uuid" ] &&
		[ "$(grep -l "$b\"" "$KMSCRYPT_ROOT"/var/lib/kmscrypt/volumes/* |
			wc -l)" = 1 ]
}
one() { another local; }
two() { another local local; }
move_original
killed reidentify "$often" it_opens one "0 5" reidentify "$b"
k bind "$b" --name l2
killed "reidentify with two" "$often" it_opens two "0 5" reidentify "$b"

# --- enroll, recover ---
printf secret >"$CLI_DIR/pass"
stock() {
	cryptsetup open --test-passphrase --key-file "$CLI_DIR/pass" "$b" \
		2>/dev/null
}
FAST="--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --batch-mode"
b=$(image b)
# shellcheck disable=SC2086
cryptsetup luksFormat $FAST --type luks2 "$b" "$CLI_DIR/pass"
cryptsetup luksDump --dump-volume-key --batch-mode --key-file "$CLI_DIR/pass" \
	--volume-key-file "$CLI_DIR/theirs" "$b" >/dev/null
key=$(od -An -v -tx1 "$CLI_DIR/theirs" | tr -d ' \n')
enrolled() { it_opens && stock && bound_to "$b" local; }
killed enroll "$every" stock enrolled 0 enroll "$b" --key-file "$CLI_DIR/pass"

# argon2id takes seconds and memory, as it should
b=$(image b)
k format "$b"
key=$(key_of "$b")
recovered() { it_opens && stock; }
killed recover "$([ "${SOAK:-}" = 1 ] && echo 1 || echo 9)" it_opens \
	recovered 0 recover "$b" --key-file "$CLI_DIR/pass"

cli_end
