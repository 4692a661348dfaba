#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# header backup and header restore: what is saved is proven, what is put back
# is the right one, and stock cryptsetup takes and makes the same files.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1
ok "Vault" set_vault k

header() { python3 "$CLI_HOME/header.py" "$@"; }
sum() { sha256sum <"$1"; }

a=$(image a)
b=$(image b)
k format "$a"
k format "$b"
key=$(key_of "$a")
key_b=$(key_of "$b")
f=$CLI_DIR/a.header

# --- backup ---
ends 4 "a backup of nothing" header backup "$(image none)" "$f"
ends 0 "a backup" header backup "$a" "$f" --json
ok "... as JSON" [ "$(field bindings),$(field keyslots)" = "1,0" ]
ok "... has mode 0600" [ "$(stat -c %a "$f")" = 600 ]
ok "... is as cryptsetup makes it" cryptsetup luksHeaderBackup "$a" \
	--header-backup-file "$CLI_DIR/stock"
ok "... byte for byte" cmp "$f" "$CLI_DIR/stock"
before=$(sum "$f")
ends 5 "never over a file that is there" header backup "$a" "$f"
ok "... which stays" [ "$(sum "$f")" = "$before" ]
ends 4 "no folder for it" header backup "$a" "$CLI_DIR/none/x"
cli_vault_dies
ends 3 "no backup while the KMS is dead" header backup "$a" \
	"$CLI_DIR/dead" --timeout 3
ok "... and no file" [ -z "$(find "$CLI_DIR" -name '*dead*')" ]
cli_vault_returns
touch "$CLI_DIR/.b.header.kmscrypt-new"
ends 0 "what a killed run left is in nobody's way" header backup "$b" \
	"$CLI_DIR/b.header"
ok "... and is gone" [ ! -e "$CLI_DIR/.b.header.kmscrypt-new" ]
ln -s "$CLI_DIR/elsewhere" "$CLI_DIR/link"
ends 5 "a link that leads nowhere is there, too" header backup "$b" \
	"$CLI_DIR/link"
ok "... and not followed" [ ! -e "$CLI_DIR/elsewhere" ]

# swapped NAME COMMAND...: COMMAND puts another in the place of the file that
# is being written, in a folder of somebody else's
swapped() {
	local name=$1
	shift
	rm -f "$CLI_DIR/s" "$CLI_DIR/.s.kmscrypt-new"
	cli_stop_at write header backup "$b" "$CLI_DIR/s"
	ok "$name: it is there while it is written" \
		[ -f "$CLI_DIR/.s.kmscrypt-new" ]
	"$@" "$CLI_DIR/.s.kmscrypt-new"
	not cli_go_on
	result $? "$name: is refused"
	OUT=$(cat "$CLI_DIR/out")
	ok "$name: nothing is saved" [ ! -e "$CLI_DIR/s" ]
	ok "$name: what it stands for has the mode that it had" \
		[ "$(stat -c %a "$CLI_DIR/theirs")" = 644 ]
}
touch "$CLI_DIR/theirs"
chmod 644 "$CLI_DIR/theirs"
swapped "a symbolic link" ln -sf "$CLI_DIR/theirs"
swapped "a second name" ln -f "$CLI_DIR/theirs"
cp "$CLI_DIR/b.header" "$CLI_DIR/torn"
header "$CLI_DIR/torn" set tokens/0/wrapped '"vault:v1:AAAA"'

# --- restore ---
before=$(sum "$a")
ends 0 "restored over itself" header restore "$a" "$f" --json
ok "... nothing is changed" [ "$(field changed)" = false ]
ok "... not a byte" [ "$(sum "$a")" = "$before" ]
dd if=/dev/zero of="$a" bs=1M count=4 conv=notrunc status=none
ends 4 "a header that is gone" dump "$a"
ends 0 "is restored" header restore "$a" "$f" --json
ok "... is changed" [ "$(field changed)" = true ]
ok "... to what it was" [ "$(sum "$a")" = "$before" ]
ok "... and opens" opens "$a" "$key"
header "$a" raw 12000
header "$a" raw 28500
ends 6 "a header that is damaged in both copies" dump "$a"
ends 0 "... is restored" header restore "$a" "$f"
ok "... and opens" opens "$a" "$key"
ok "cryptsetup restores it, too" cryptsetup luksHeaderRestore -q "$a" \
	--header-backup-file "$f"
ok "... the same" [ "$(sum "$a")" = "$before" ]

# the registry was lost with the header
rm -r "${KMSCRYPT_ROOT:?}/var"
ends 0 "without a registry" header restore "$a" "$f"
k list
shows "$a" "... it is registered"

# --- refused ---
before=$(sum "$b")
ends 6 "another volume's header" header restore "$b" "$f"
says "--force" "... names --force"
ok "... nothing is written" [ "$(sum "$b")" = "$before" ]
ends 4 "what is no backup" header restore "$a" "$(image empty 1)"
ends 6 "a backup that the KMS does not open" header restore "$b" \
	"$CLI_DIR/torn"
ok "... nothing is written" [ "$(sum "$b")" = "$before" ]
cli_vault_dies
ends 3 "no restore while the KMS is dead" header restore "$b" \
	"$CLI_DIR/b.header" --timeout 3
cli_vault_returns
d=$(image d)
mkfs.ext4 -q "$d"
before=$(sum "$d")
ends 5 "over a file system" header restore "$d" "$f"
ok "... nothing is written" [ "$(sum "$d")" = "$before" ]
ends 0 "... with --force" header restore "$d" "$f" --force
ok "... it opens" opens "$d" "$key"
small=$CLI_DIR/small.img
truncate -s 1M "$small"
ends 8 "a device that is too small" header restore "$small" "$f"
k lease "$b" --lease 60
[ "$CODE" = 0 ]
result $? "a newer wrap"
before=$(sum "$b")
ends 6 "an older one than was seen" header restore "$b" "$CLI_DIR/b.header"
says "--accept-header" "... names --accept-header"
rm -r "${KMSCRYPT_ROOT:?}/var"
ends 6 "... and without a registry than is there" header restore "$b" \
	"$CLI_DIR/b.header"
says "wrapped later" "... says so"
ok "... nothing is written" [ "$(sum "$b")" = "$before" ]
k scan "$b"
ends 0 "told so, it is restored" header restore "$b" "$CLI_DIR/b.header" \
	--accept-header
ok "... opens" opens "$b" "$key_b"
k lease "$b" --json
ok "... with what it said" [ "$(field lease_s)" = 0 ]
ends 0 "another volume's, by force" header restore "$b" "$f" --force
ok "... is that volume" opens "$b" "$key"

# the same UUID, made anew: what is there now is not what the backup is of
e=$(image e)
printf 'a passphrase' >"$CLI_DIR/passphrase"
cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 \
	--pbkdf-force-iterations 1000 \
	--type luks2 --uuid "$(cryptsetup luksUUID "$a")" "$e" \
	"$CLI_DIR/passphrase"
rm -r "${KMSCRYPT_ROOT:?}/var"
ends 0 "a volume with the same UUID and another key" enroll "$e" \
	--passphrase-file "$CLI_DIR/passphrase"
rm -r "${KMSCRYPT_ROOT:?}/var"
before=$(sum "$e")
ends 6 "... is not replaced" header restore "$e" "$f"
says "another volume key" "... says why"
ok "... nothing is written" [ "$(sum "$e")" = "$before" ]

# --- the key is destroyed ---
vault_api POST "$MOUNT/keys/k/config" '{"deletion_allowed":true}' >/dev/null
vault_api DELETE "$MOUNT/keys/k" >/dev/null
ends 9 "a key that is gone is a KMS that says no" header backup "$a" \
	"$CLI_DIR/late"
says "key not found" "... says so"
ok "... keeps no file" [ ! -e "$CLI_DIR/late" ]

cli_vault_end
cli_end
