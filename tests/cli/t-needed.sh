#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A generation stays as long as something needs it: what was put away, put back,
# copied, made meanwhile or written by a newer kmscrypt. With local entries,
# where a key that goes is gone for good.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

header() { python3 "$CLI_HOME/header.py" "$@"; }
uuid_of() { cryptsetup luksUUID "$1"; }

# machine NAME: a new one, with a volume $a that has the key $key
machine() {
	cli_root "$1"
	k kms set local
	a=$(image "$1")
	k format "$a"
	key=$(key_of "$a")
}

# --- a binding that this kmscrypt cannot read ---
machine newer
header "$a" set tokens/0/version 2
ends 5 "unset, with a binding of a newer kmscrypt" kms unset
shows "$a" "... names the volume"
ends 7 "rewrap does not move it" kms rewrap
shows "needs a newer kmscrypt" "... says why"
ok "... and keeps what it needs" [ "$(generations retiring)" = 1 ]
header "$a" set tokens/0/version 1
ok "... it opens" opens "$a" "$key"
ends 0 "read again it is moved" kms rewrap
ok "... and nothing stays behind" [ "$(generations retiring)" = 0 ]
k kms set local --name second
k bind "$a" --name second
header "$a" set tokens/0/version 2
ends 0 "beside another entry's, which is moved" kms rewrap
ends 7 "... and stays for its own" kms rewrap --name second
header "$a" set tokens/0/version 1
ends 0 "... until it is read again" kms rewrap --name second
ok "... it opens" opens "$a" "$key"

# --- an entry that somebody has put away ---
machine away
entry=$KMSCRYPT_ROOT/etc/kmscrypt/entries/default.json
mv "$entry" "$CLI_DIR/entry"
ends 0 "an entry is put away, and another set" kms set local --name other
mv "$CLI_DIR/entry" "$entry"
ok "... its key is there when it is back" opens "$a" "$key"

lost=0 refused=0
for n in 1 2 3 4 5 6 7 8; do
	strace -f -qq -o /dev/null -e trace=getdents64 \
		-e inject=getdents64:error=EIO:when="$n" \
		"$KMSCRYPT" kms set local --name other >/dev/null 2>&1 ||
		refused=$((refused + 1))
	opens "$a" "$key" || lost=$((lost + 1))
done
ok "a folder that cannot be listed is noticed" [ "$refused" -gt 0 ]
ok "... and passes for no empty one" [ "$lost" = 0 ]

# --- an old copy of the header, put back ---
machine back
cp "$a" "$CLI_DIR/old"
k kms rewrap
mv "$a" "$CLI_DIR/new"
cp "$CLI_DIR/old" "$a"
ends 7 "rewrap meets an old copy" kms rewrap
shows "may be an old copy" "... says so"
mv "$CLI_DIR/new" "$a"
ok "... the new one opens when it is back" opens "$a" "$key"
ends 0 "... and is moved" kms rewrap
ok "... and nothing stays behind" [ "$(generations retiring)" = 0 ]
cp "$CLI_DIR/old" "$a"
ends 7 "an old copy that is to stay" kms rewrap
k unbind "$a" --name default
ends 0 "... unbound it holds nothing" kms rewrap
ok "... any more" [ "$(generations retiring)" = 0 ]

# --- a copy is erased ---
machine copy
cp "$a" "$CLI_DIR/copy"
k erase "$CLI_DIR/copy" --yes
OUT=$(python3 "$CLI_HOME/terminal.py" -- "$KMSCRYPT" erase "$CLI_DIR/copy" \
	--yes 2>&1)
shows "the registry keeps volume $(uuid_of "$a")" "the erased was a copy"
k list
shows "$a" "... the original is known on"
mv "$a" "$CLI_DIR/away"
ends 7 "... and missed while it is away" kms rewrap
mv "$CLI_DIR/away" "$a"
ok "... it opens when it is back" opens "$a" "$key"

# --- written while the entry changes ---
# meanwhile NAME ARGUMENTS: stopped at its first write, and a rewrap runs
meanwhile() {
	local name=$1
	shift
	cli_stop_at write,pwrite64 "$@"
	ends 5 "$name: no rewrap meanwhile" kms rewrap --timeout 1
	cli_go_on
	result $? "$name: is done"
	ok "$name: it opens" [ -n "$(key_of "$a")" ]
}

machine meanwhile
printf 'a passphrase' >"$CLI_DIR/pass"
meanwhile "format" format "$a" --force
meanwhile "lease" lease "$a" --lease 100
k header backup "$a" "$CLI_DIR/header"
k lease "$a" --lease 200
meanwhile "header restore" header restore "$a" "$CLI_DIR/header" --accept-header
ends 0 "a rewrap afterwards" kms rewrap
ok "... it opens" [ -n "$(key_of "$a")" ]
cp "$a" "$CLI_DIR/clone.img"
a=$CLI_DIR/clone.img
meanwhile "reidentify" reidentify "$a"
a=$(image plain)
cryptsetup luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
	--batch-mode --type luks2 "$a" "$CLI_DIR/pass"
meanwhile "enroll" enroll "$a" --passphrase-file "$CLI_DIR/pass"
cli_end
