#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Volumes with integrity tags, the whole way: made by kmscrypt, or by cryptsetup
# and enrolled; opened over dm-integrity, each reading what the other wrote; and
# nothing is left when something fails or is killed.
# vm: --smp 1 --mem 1G --disk 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
top=$PWD/../../..
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh

modprobe -a dm-crypt dm-integrity
in_memory dd cmp blockdev
echo secret >"$t/pass"
for n in 1 2; do
	head -c 256K /dev/urandom >"$t/plain$n"
done

# exits CODE ARGUMENTS: of kmscrypt; what it says is in $said
exits() {
	local code=$1 status=0
	shift

	said=$(kmscrypt "$@" 2>&1) || status=$?
	is "$code" "$status" || echo "$said" && [ "$code" = "$status" ]
}

# write NAME N, same NAME N: with $t/plainN
write() {
	dd if="$t/plain$2" of="/dev/mapper/$1" bs=256K oflag=direct status=none
}

same() {
	dd if="/dev/mapper/$1" bs=256K count=1 iflag=direct status=none |
		cmp - "$t/plain$2"
}

# nothing: there is no device of device-mapper
nothing() {
	is 'No devices found' "$(dmsetup ls)"
}

# luks_format CIPHER INTEGRITY KEY_BITS SECTOR_SIZE: as cryptsetup's users do
luks_format() {
	cryptsetup luksFormat --batch-mode --type luks2 --cipher "$1" \
		--integrity "$2" --key-size "$3" --sector-size "$4" \
		--pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
		--integrity-no-wipe --key-file "$t/pass" "$disk"
}

# stock: open it with cryptsetup alone
stock() {
	cryptsetup open --key-file "$t/pass" "$disk" stock
}

# both_ways CIPHER INTEGRITY KEY_BITS SECTOR_SIZE
both_ways() {
	luks_format "$@" && stock && write stock 1 &&
		cryptsetup close stock || return
	kmscrypt enroll "$disk" --key-file "$t/pass" &&
		kmscrypt open "$disk" vol && same vol 1 && write vol 2 &&
		kmscrypt close vol && nothing || return
	stock && same stock 2 && cryptsetup close stock
}

ok 'aes-gcm-random, aead' both_ways aes-gcm-random aead 256 4096
ok 'aes-xts-plain64, hmac-sha256' both_ways aes-xts-plain64 hmac-sha256 512 512
ok 'aes-xts-random, hmac-sha256' both_ways aes-xts-random hmac-sha256 512 4096
ok 'aes-xts-random, hmac-sha512' both_ways aes-xts-random hmac-sha512 256 4096
ok 'chacha20-random, poly1305' both_ways chacha20-random poly1305 256 4096

# --- what there is while it is open ---
kmscrypt open "$disk" vol
as_cryptsetup() {
	local ours theirs

	ours=$(dmsetup table vol_dif)
	kmscrypt close vol && stock && theirs=$(dmsetup table stock_dif)
	cryptsetup close stock
	kmscrypt open "$disk" vol && is "$theirs" "$ours"
}
ok "dm-integrity's table is cryptsetup's" as_cryptsetup
ok 'its DM UUID says whose it is' like ^KMSCRYPT-DIF-.*-vol$ \
	"$(dmsetup info -c --noheadings -o uuid vol_dif)"
ok 'list knows that it is open' like 'open as vol' "$(kmscrypt list)"
ok 'status has the table' like 'integrity:28:aead' "$(kmscrypt status vol)"
ok 'its header is found by name' kmscrypt lease vol
ok 'a second mapping is refused' exits 5 open "$disk" other
ok 'and leaves nothing' is '2' "$(dmsetup ls | wc -l)"
ok 'format is refused' exits 5 format --force "$disk"
locked() {
	kmscrypt lock vol && not same vol 2 && kmscrypt unlock vol && same vol 2
}
ok 'lock, unlock' locked
renewed() {
	dmesg -C
	dmsetup message vol 0 renew && in_time 20 state_ok && same vol 2
}
state_ok() {
	like '^0 [0-9]* kmscrypt active reason=none error=0' \
		"$(dmsetup status vol)"
}
ok 'a renewal' renewed
reloaded() {
	dmsetup table vol | dmsetup reload --noudevsync vol &&
		dmsetup suspend --noudevsync vol &&
		dmsetup resume --noudevsync vol && same vol 2
}
ok 'the same table again' reloaded
ok 'resize is refused' exits 8 resize vol
kmscrypt close vol
ok 'closed: nothing is left' nothing
ok 'closed: resize is refused' exits 8 resize "$disk"
ok 'discards are refused' exits 8 open --allow-discards "$disk" vol

# --- with dmsetup alone ---
by_hand() {
	local uuid

	uuid=$(cryptsetup luksUUID "$disk")
	create "${uuid}_dif" "$(kmscrypt table --beneath "$disk")" &&
		create hand "$(kmscrypt table "$disk")" && same hand 2 &&
		like 'open as hand' "$(kmscrypt list)" &&
		kmscrypt close hand && remove "${uuid}_dif"
}
ok 'two tables and dmsetup' by_hand

# --- half-way ---
ok 'read-only' kmscrypt open --readonly "$disk" vol
ok 'it reads' same vol 2
ok 'it does not write' not write vol 1
kmscrypt close vol
mv /etc/request-key.d/kmscrypt.conf "$t"
ok 'no key' not kmscrypt open "$disk" vol
ok 'no key: nothing is left' nothing
mv "$t/kmscrypt.conf" /etc/request-key.d
# as a process leaves it that was killed in an open or a close
leftover() {
	dmsetup create --noudevsync --noudevrules "$1_dif" --uuid \
		"KMSCRYPT-DIF-$(cryptsetup luksUUID "$disk")-$1" \
		--table "$(kmscrypt table --beneath "$disk")"
}
finished() {
	leftover old && kmscrypt open "$disk" vol && same vol 2 &&
		is 2 "$(dmsetup ls | wc -l)" && kmscrypt close vol
}
ok 'what a killed open left is taken away by the next' finished
ok 'or by a close' eval 'leftover old && kmscrypt close old && nothing'
not_ours() {
	create vol_dif "$(kmscrypt table --beneath "$disk")" &&
		not kmscrypt close vol && dmsetup info vol_dif &&
		not kmscrypt open "$disk" vol && dmsetup info vol_dif &&
		remove vol_dif
}
ok "another's dm-integrity device stays" not_ours
ok 'open --all' kmscrypt open --all
all() {
	local uuid

	uuid=$(cryptsetup luksUUID "$disk")
	same "$uuid" 2 && kmscrypt close "$uuid" && nothing
}
ok 'it is the volume' all
# --- made by kmscrypt ---
# exported KEY_BITS: cryptsetup opens it with the volume key
exported() {
	rm -f "$t/key"
	kmscrypt dump "$disk" --dump-volume-key --volume-key-file "$t/key" &&
		is "$(($1 / 8))" "$(stat -c %s "$t/key")" &&
		cryptsetup open --volume-key-file "$t/key" --key-size "$1" \
			"$disk" stock
}

# made KEY_BITS OPTIONS: no sector was written yet; cryptsetup's key sizes are
# those of the cipher and of the MAC together
made() {
	local bits=$1
	shift

	kmscrypt format --force --integrity-no-wipe "$@" "$disk" &&
		nothing && kmscrypt open "$disk" vol && not same vol 1 &&
		write vol 1 && kmscrypt close vol && exported "$bits" || return
	same stock 1 && write stock 2 && cryptsetup close stock &&
		kmscrypt open "$disk" vol && same vol 2 && kmscrypt close vol
}

ok 'format: aead' made 256 --integrity aead
ok '... with what it says' like '^integrity +aead$' \
	"$(kmscrypt dump "$disk" | grep ^integ)"
ok 'format: poly1305' made 256 --integrity poly1305
ok 'format: hmac-sha256' made 768 --integrity hmac-sha256
ok 'format: hmac-sha512' made 768 --integrity hmac-sha512 --sector-size 512
ok 'format: hmac-sha256, XTS with a random IV' made 512 --integrity \
	hmac-sha256 --cipher aes-xts-random --key-size 256
# json SECTION MEMBER ARGUMENTS: what kmscrypt says has it, as the manual has it
json() {
	local section=$1 member=$2
	shift 2

	kmscrypt "$@" --json >"$t/json" && grep -q "\"$member\": \"" "$t/json" &&
		python3 "$top/tests/cli/json-schema.py" \
			"$top/man/kmscrypt-json.5" check "$section" <"$t/json"
}
ok 'format --json' json format integrity format --force --integrity aead \
	--integrity-no-wipe "$disk"
ok 'dump --json' json dump integrity dump "$disk"
ok 'table --json' json table dif_device table "$disk"
ok 'table --beneath --json' json table dif_device table --beneath "$disk"
ok 'format: keys that are too long' exits 1 format --force \
	--integrity hmac-sha512 --key-size 512 "$disk"
ok 'format: GCM with an IV that repeats' exits 8 format --force \
	--integrity aead --cipher aes-gcm-plain64 "$disk"
image() {
	truncate -s 32M "$t/image" &&
		exits 4 format --integrity aead "$t/image" &&
		like losetup "$said"
}
ok 'format: an image file' image
unharmed() {
	kmscrypt open "$disk" vol && kmscrypt close vol
}
ok 'what was refused has done no harm' unharmed

small=/dev/mapper/small
only_small() {
	is small "$(dmsetup ls | cut -f1)"
}
create small "0 49152 linear $disk 0"
blank() {
	dd if=/dev/mapper/"$1" bs=1M iflag=direct status=none | cmp -n \
		"$(blockdev --getsize64 "/dev/mapper/$1")" - /dev/zero
}
wiped() {
	kmscrypt format --force --integrity aead "$small" &&
		only_small && not compgen -G '/dev/mapper/kmscrypt*' &&
		kmscrypt open "$small" vol && blank vol && kmscrypt close vol
}
ok 'format writes all of it' wiped
readable() {
	local disk=$small

	exported 256 && blank stock && cryptsetup close stock
}
ok 'cryptsetup reads all of it' readable
# killed: while it writes
writing() {
	dmsetup info -c --noheadings -o open,name |
		grep '^1:kmscrypt-format-[-0-9a-f]*$'
}
killed() {
	local format

	kmscrypt format --force --integrity aead "$small" &
	format=$!
	in_time 30 writing && kill -KILL "$format" || return
	wait "$format"
	in_time 20 only_small
}
ok 'format killed while it writes: no mapping is left' killed
ok '... and a second one does it all' wiped
# as if it had been killed a moment earlier
half() {
	local uuid

	uuid=$(cryptsetup luksUUID "$small")
	kmscrypt open "$small" "kmscrypt-format-$uuid" && wiped
}
ok '... also one whose mapping was left' half
remove small
no_module() {
	rmmod dm_integrity &&
		echo 'install dm-integrity /bin/false' >/etc/modprobe.d/no.conf ||
		return
	exits 8 format --force --integrity aead "$disk" &&
		like 'modprobe dm-integrity' "$said"
	local status=$?
	rm /etc/modprobe.d/no.conf
	return "$status"
}
ok 'a kernel without dm-integrity' no_module
ok 'what it refused has done no harm' unharmed
done_testing
