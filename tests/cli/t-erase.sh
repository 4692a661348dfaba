#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# erase: no key is left in the image, in neither copy of the header.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

FAST="--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --batch-mode"
printf 'the old passphrase' >"$CLI_DIR/old"

# a volume with a keyslot, two tokens and a record
volume() {
	a=$(image a)
	# shellcheck disable=SC2086
	cryptsetup luksFormat $FAST --type luks2 "$a" "$CLI_DIR/old"
	cryptsetup token add --key-description theirs "$a"
	k enroll "$a" --passphrase-file "$CLI_DIR/old"
}

wrapped() { grep -aq '"wrapped"' "$a"; }
# All between the two copies of the metadata and the data is zero.
area_is_zero() { cmp -s -i 32768 -n $((16777216 - 32768)) "$a" /dev/zero; }

k kms set local
volume
sum=$(sha256sum <"$a")
ok "the test sees a wrapped key" wrapped
ok "... and a keyslot" not area_is_zero
ends 5 "without a terminal it needs --yes" erase "$a"
says "--yes" "... says so"
ok "... nothing is changed" [ "$(sha256sum <"$a")" = "$sum" ]
OUT=$(python3 "$CLI_HOME/terminal.py" -- "$KMSCRYPT" erase "$a" --yes --json)
ok "erase" [ "$(field tokens)" = 2 ]
ok "... names the keyslot" [ "$(field keyslots)" = 1 ]
ok "... no wrapped key is left" not wrapped
ok "... no keyslot" area_is_zero
ok "... cryptsetup still sees a header" cryptsetup isLuks "$a"
k list --json
ok "... the registry has no record" [ "$(field volumes)" = "[]" ]
ends 0 "again" erase "$a" --yes --json
ok "... finds nothing" [ "$(field tokens)" = 0 ]

# shellcheck disable=SC2086
cryptsetup luksFormat $FAST --type luks2 "$(image b)" "$CLI_DIR/old"
ends 4 "a volume that is not ours" erase "$CLI_DIR/b.img" --yes
ends 4 "no volume" erase "$(image c)" --yes

# --- killed anywhere, and run again ---
again() {
	k "$@"
	[ "$CODE" = 0 ] && ! wrapped && area_is_zero
}
a=$CLI_DIR/a.img
cli_kill_each volume 2 true again erase "$a" --yes
diag "$KILLS of $PLACES places"
ok "it was killed in several places" [ "$KILLS" -gt 3 ]
ok "... and at last it ran through" [ "$STATUS" = 0 ]
ok "... and run again finishes" [ "$STUCK" = 0 ]
cli_end
