#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# open --all where nothing can be opened: image files. What it says of each,
# the exit status, a terminal's bar. That it opens: tests/vm/guest/t-open-all.sh
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

ends 1 "open without arguments" open
says "DEV NAME, or --all" "... says what it takes"
ends 1 "open with one" open /dev/null
ends 1 "--all with a device" open --all /dev/null
says "takes no device" "... says so"
ends 1 "--all with --accept-header" open --all --accept-header
ends 0 "no volumes" open --all
shows "no volumes" "... says so"
ends 0 "... in JSON" open --all --json
ok "... too" [ "$OUT" = '{"failed":0,"opened":0,"open":0,"absent":0}' ]

a=$(image a) b=$(image b) c=$(image c)
kl() { k kms set local; }
ok "an entry" kl
for path in "$a" "$b" "$c"; do
	k format "$path"
done
ends 7 "image files" open --all
shows "$a: FAILED: $a is not a block device" "... each is named"
shows "$c: FAILED" "... the last too"
shows "0 opened, 0 open already, 0 absent, 3 failed" "... and counted"
says "3 of 3 volumes do not open" "... as an error"
says "losetup --find --show" "... and what to do"
mv "$a" "$a.away"
ends 7 "one is away" open --all --json
ok "... is absent" [ "$(summary absent)$(summary failed)" = 12 ]
ok "... and says why" grep -q '"result":"absent".*ENOENT' <<<"$OUT"
rm "$b" "$c"
ends 0 "all are" open --all --json
ok "... is no failure" [ "$(summary absent)$(summary failed)" = 30 ]
mv "$a.away" "$a"
dd if=/dev/zero of="$a" bs=64k count=1 conv=notrunc status=none
ends 7 "no header any more" open --all --json
ok "... is a failure" grep -q '"result":"failed".*ENODATA' <<<"$OUT"
for file in "$KMSCRYPT_ROOT"/var/lib/kmscrypt/volumes/*.json; do
	echo '{' >"$file"
done
ends 7 "damaged records" open --all --json
ok "... each fails" [ "$(summary failed)" = 3 ]
ok "... as corrupt" [ "$(grep -c EBADMSG <<<"$OUT")" = 3 ]

# --- a terminal ---
OUT=$(timeout 60 python3 "$CLI_HOME/terminal.py" -- "$KMSCRYPT" open --all \
	2>/dev/null)
CODE=$?
shows "3/3, 3 failed" "a bar says how far it is"
cli_end
