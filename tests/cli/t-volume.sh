#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One volume on an image file: format, list, scan, table, dump, export.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

# --- before anything is destroyed ---
a=$(image a)
ends 0 "an entry" kms set local
k kms show --json
id=$(field entries.0.generations.0.id)
ends 0 "the same again" kms set local
k kms show --json
ok "... changes nothing" [ "$(field entries.0.generations.0.id)" = "$id" ]
ends 0 "it works" kms check
ends 0 "another entry" kms set local --name spare

mkfs.ext4 -q -L precious "$a"
sum=$(sha256sum <"$a")
ends 5 "a file system is not overwritten" format "$a"
says "ext4 (label 'precious')" "... and named"
says "--force" "... with the way to do it"
b=$(image b)
# an MBR with one Linux partition of 8 MiB
printf '\0\0\0\0\x83\0\0\0\0\x08\0\0\0\x40\0\0' |
	dd of="$b" bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' | dd of="$b" bs=1 seek=510 conv=notrunc status=none
ends 5 "a partition table is not overwritten" format "$b"
says dos "... and named"
ends 4 "no such entry" format "$a" --force --name missing
ends 1 "a cipher that does not exist" format "$(image c)" --cipher nonsense
ok "what was refused is unchanged" [ "$(sha256sum <"$a")" = "$sum" ]
ends 4 "a directory" format "$CLI_DIR"
ends 4 "a character device" format /dev/null

# --- format ---
ends 0 "--force overwrites" format "$a" --force --label "one" --json
uuid=$(field uuid)
ok "the answer has a UUID" [ "${#uuid}" = 36 ]
ok "... the entry" [ "$(field entry)" = default ]
ok "... 512 bits of key" [ "$(field key_bytes)" = 64 ]
ends 5 "a volume is not formatted again" format "$a"
says crypto_LUKS "... and named"
ok "stock cryptsetup takes the header" cryptsetup isLuks --type luks2 "$a"
cryptsetup luksDump "$a" >"$CLI_DIR/dump"
ok "... without keyslots" [ "$(grep -cE '^ +[0-9]+: luks2' "$CLI_DIR/dump")" = 0 ]
ok "... with our token" grep -q '0: kmscrypt' "$CLI_DIR/dump"
ok "blkid shows the subsystem" [ "$(blkid -p -s SUBSYSTEM -o value "$a")" = kmscrypt ]

b=$(image b)
ends 0 "with every option" format "$b" --name spare --key-size 256 \
	--sector-size 1024 --iv-large-sectors --cipher aes-xts-plain64
ends 0 "its table" table "$b"
shows ":32:kmscrypt:" "... has the key's length"
shows "sector_size:1024 iv_large_sectors" "... and the options"
ok "... and 4 MiB" [ "$(cut -d' ' -f1,2 <<<"$OUT")" = "0 8192" ]
k table "$b" --allow-discards
shows "3 allow_discards" "... with discards when asked"

# --- look ---
ends 0 "list" list --json
ok "... has both" [ "$(grep -c '"uuid"' <<<"$OUT")" = 2 ]
k list
shows "$a" "... with the place"
ends 0 "dump" dump "$a" --json
ok "... shows the label" [ "$(field label)" = one ]
ok "... the provider" [ "$(field bindings.0.provider)" = local ]
ok "... the entry" [ "$(field bindings.0.entry)" = default ]
k kms show --json
ok "the entry counts its volumes" \
	[ "$(field entries.0.generations.0.volumes)" = 1 ]

# --- export ---
ends 1 "the key needs two options" dump "$a" --dump-volume-key
ends 1 "... both" dump "$a" --volume-key-file "$CLI_DIR/vk"
ok "... nothing was written" [ ! -e "$CLI_DIR/vk" ]
ends 0 "the key is exported" dump "$a" --dump-volume-key \
	--volume-key-file "$CLI_DIR/vk"
says warning "... with a warning"
ok "... into 64 bytes" [ "$(stat -c %s "$CLI_DIR/vk")" = 64 ]
ok "... for root alone" [ "$(stat -c %a "$CLI_DIR/vk")" = 600 ]
ends 5 "... and never over a file" dump "$a" --dump-volume-key \
	--volume-key-file "$CLI_DIR/vk"
cp "$a" "$CLI_DIR/copy.img"
echo passphrase >"$CLI_DIR/passphrase"
add_passphrase() {
	cryptsetup luksAddKey --batch-mode --pbkdf pbkdf2 \
		--pbkdf-force-iterations 1000 --key-size 512 \
		--volume-key-file "$1" \
		"$CLI_DIR/copy.img" "$CLI_DIR/passphrase" 2>/dev/null
}
head -c 64 /dev/urandom >"$CLI_DIR/other"
ok "stock cryptsetup accepts it" add_passphrase "$CLI_DIR/vk"
ok "... and no other" not add_passphrase "$CLI_DIR/other"

# --- the registry lost, the volume moved ---
key=$(key_of "$a")
rm -r "${KMSCRYPT_ROOT:?}/var"
k list --json
ok "a lost registry lists nothing" [ "$(field volumes)" = "[]" ]
ends 0 "scan of a path" scan "$a" "$b"
k list --json
ok "... brings them back" [ "$(grep -c '"registered": true' <<<"$OUT")" = 2 ]
ok "... and it opens" opens "$a" "$key"
mv "$a" "$a.moved"
k list
shows "NOT REACHED" "a volume that is away is listed so"
ends 0 "scan where it is now" scan "$a.moved"
k list --json
ok "... finds it" [ "$(grep -c '"reached": true' <<<"$OUT")" = 2 ]
ends 4 "scan of nothing" scan "$CLI_DIR/none"
ends 4 "scan of a file that is no volume" scan "$(image c)"

# --- another machine ---
cli_root b
ends 4 "without the entry it does not open" dump "$a.moved" \
	--dump-volume-key --volume-key-file "$CLI_DIR/vk2"
says "generation" "... and the missing one is named"
ok "... nothing was written" [ ! -e "$CLI_DIR/vk2" ]
ends 0 "its header can be read" dump "$a.moved"

cli_end
