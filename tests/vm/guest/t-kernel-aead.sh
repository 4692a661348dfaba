#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Authenticated ciphers over dm-integrity: what dm-crypt writes we read, and the
# other way; what was changed beneath is refused by both, and none of it is read.
# vm: --smp 1 --mem 1G
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=parity-lib.sh
. ./parity-lib.sh

brd 16
ram=$dev
dev=/dev/mapper/integ

# A program's start over 9p takes a second: touched, they are in memory.
for program in dmsetup dd cmp sed od head blockdev grep; do
	type -P "$program"
	ldd "$(type -P "$program")" | grep -o '/[^ ):]*'
done | sort -u | xargs touch -c

size=$((256 * 1024))
for plain in 1 2; do
	head -c "$size" /dev/urandom >"$t/plain$plain"
done

# setting CIPHER KEY_BYTES TAG_BYTES OPTIONS [SETTING...]: for line, in $setting
setting() {
	setting=("cipher=$1" "key_bytes=$2" "length=$((size / 512))"
		"options=integrity:$3:aead $4" "${@:5}")
}

open_both() {
	both "${setting[@]}"
}

# write NAME FILE
write() {
	dd if="$2" of="/dev/mapper/$1" bs=100K oflag=direct status=none
}

# read_sector NAME N: in sectors of $sector bytes, to standard output
read_sector() {
	dd if="/dev/mapper/$1" bs="$sector" skip="$2" count=1 iflag=direct \
		status=none
}

# the devices are new, so nothing is read from a cache
both_ways() {
	open_both || return
	write ours "$t/plain1" && cmp "$t/plain1" /dev/mapper/theirs || return
	write theirs "$t/plain2" && cmp "$t/plain2" /dev/mapper/ours || return
	# the control: something was encrypted at all
	not cmp -s -n 512 "$t/plain2" "$dev" || return
	remove ours theirs
}

# matrix WHETHER CIPHER KEY_BYTES TAG_BYTES: if it may be "absent", dm-crypt
# says whether this kernel has it, and so whether we must have it
matrix() {
	local may=$1 mode options place sector

	for mode in D J; do
		for options in sector_size:512 sector_size:4096 \
			'iv_large_sectors sector_size:4096'; do
			# once each, with one journal mode
			case $mode$options in
			Jsector_size:4096 | Div*) continue ;;
			esac
			sector=${options#*:}
			place='0 0'
			[ $mode = D ] || place='34359738360 16'
			integ "$4" "$sector" $mode || return
			setting "$2" "$3" "$4" "$options" "iv_offset=${place% *}" \
				"offset=${place#* }"
			if [ "$may" = absent ] && ! { create theirs \
				"$(crypt_line "${setting[@]}")" 2>/dev/null &&
				remove theirs; }; then
				ok "$2 # SKIP this kernel's dm-crypt does not \
have it" not create ours "$(line "${setting[@]}")"
				remove integ
				return
			fi
			ok "$2, $3 byte key, $4 byte tag, $options, mode $mode" \
				both_ways
			dmsetup remove_all --force
		done
	done
}

matrix here 'capi:authenc(hmac(sha256),xts(aes))-plain64' 96 32
matrix here 'capi:authenc(hmac(sha256),xts(aes))-random' 96 48
matrix here 'capi:authenc(hmac(sha512),cbc(aes))-essiv:sha256' 96 64
matrix here 'capi:authenc(hmac(sha256),ctr(aes))-random' 64 32
matrix here 'capi:gcm(aes)-random' 32 28
matrix here 'capi:rfc7539(chacha20,poly1305)-random' 32 28
matrix absent 'capi:aegis128-random' 16 32

# --- what is refused ---
sector=512
integ 28 512 D
gcm='capi:gcm(aes)-random'

# bad TEXT CIPHER KEY_BYTES TAG_BYTES OPTIONS: and nobody is asked for a key
bad() {
	helper
	setting "${@:2}"
	refused "$1" "$(line "${setting[@]}")" && is 0 "$(upcalls)"
}

ok 'tag of another size' bad 'Tag size differs' "$gcm" 32 26 ''
ok 'sectors of another size' bad 'Sector size differs' "$gcm" 32 28 \
	sector_size:4096
ok 'tag smaller than the IV' bad 'Tag size does not fit' "$gcm" 32 12 ''
ok 'tag that the cipher has not' bad 'Tag size does not fit' "$gcm" 32 35 ''
ok 'GCM with an IV that repeats' bad 'Authenticated cipher needs IV mode' \
	'capi:gcm(aes)-plain64' 32 16 ''
ok 'integrity without a cipher for it' bad 'Authenticated cipher is not' \
	'capi:xts(aes)-random' 64 16 ''
ok 'integrity in the older grammar' bad 'Authenticated cipher needs capi' \
	aes-xts-plain64 64 16 ''
ok 'key without room for the MAC' bad 'Key length does not fit' \
	'capi:authenc(hmac(sha256),xts(aes))-random' 32 48 ''
ok 'key of a length that XTS has not' bad 'Key length does not fit' \
	'capi:authenc(hmac(sha256),xts(aes))-random' 72 48 ''
dev=$ram
ok 'device without tags' bad 'Device keeps no tags' "$gcm" 32 28 ''
dev=/dev/mapper/integ

# --- a key that is bound to something else ---
setting "$gcm" 32 28 ''
differs() {
	helper "$1"
	refused 'Integrity differs from what the volume key is bound to' \
		"$(line "${setting[@]}")" && is 1 "$(upcalls)"
}
ok 'bound to another tag' differs integrity=24:aead
bound_to() {
	helper "integrity=$1"
	refused "$2" "$(line "${setting[@]}")"
}
ok 'bound to no tag: no authenticated cipher' bound_to '' \
	'KMS key request failed'
ok 'bound to what we do not know' bound_to hmac \
	'KMS key request failed: the key needs'
helper
ok 'a volume with tags opens' create ours "$(line "${setting[@]}")"
ok 'the helper is told of the tags' like ' flags=0 integrity=28:aead timeout' \
	"$(<$t/log)"
ok 'no other table of it without' refused 'Cipher differs' \
	"$(line length=8 key_bytes=32)"
round_trip() {
	local shown

	shown=$(dmsetup table ours)
	like ' 1 integrity:28:aead$' "$shown" && remove ours &&
		create ours "$shown" && is "$shown" "$(dmsetup table ours)"
}
ok 'what is shown loads again' round_trip
dmsetup remove_all --force

# --- what was changed beneath ---
# hex FILE OFFSET BYTES: as grep -P wants it
hex() {
	od -An -v -tx1 -j "$2" -N "$3" "$1" | tr -d '\n' | sed 's/ /\\x/g'
}

# find_sealed: where in the ramdisk is what $t/sealed begins with? Of its first
# pieces, one has no newline, at which grep would end.
find_sealed() {
	local from at

	dd if="$ram" of="$t/image" bs=1M iflag=direct status=none
	for from in 0 16 32 48 64; do
		at=$(LC_ALL=C grep -obUaP "$(hex "$t/sealed" "$from" 16)" \
			"$t/image" | head -n1 | cut -d: -f1)
		[ -z "$at" ] || {
			echo $((at - from))
			return
		}
	done
	return 1
}

# flip OFFSET: another byte in the ramdisk there
flip() {
	local at=$1 block=$(($1 / 512)) old

	dd if="$ram" of="$t/block" bs=512 skip="$block" count=1 iflag=direct \
		status=none
	old=$(od -An -tu1 -j $((at % 512)) -N1 "$t/block")
	# shellcheck disable=SC2059
	printf "\\x$(printf %x $((old ^ 1)))" |
		dd of="$t/block" bs=1 seek=$((at % 512)) conv=notrunc status=none
	dd if="$t/block" of="$ram" bs=512 seek="$block" oflag=direct status=none
}

# forged NAME N: it says so, reads nothing, and reads the next one
forged() {
	dmesg -C
	not read_sector "$1" "$2" >"$t/out" 2>"$t/said" &&
		grep -q 'Invalid or incomplete' "$t/said" &&
		like "INTEGRITY AEAD ERROR, sector $(($2 * sector / 512))" \
			"$(dmesg)" && is 0 "$(stat -c %s "$t/out")"
}

good() {
	read_sector "$1" "$2" | cmp - <(dd if="$t/plain1" bs="$sector" \
		skip="$2" count=1 status=none)
}

# tampered CIPHER KEY_BYTES TAG_BYTES SECTOR_SIZE: a byte of sector 5's data
tampered() {
	local at

	sector=$4
	integ "$3" "$sector" D || return
	setting "$1" "$2" "$3" "sector_size:$sector"
	create ours "$(line "${setting[@]}")" &&
		write ours "$t/plain1" && remove ours || return
	read_sector integ 5 >"$t/sealed"
	remove integ
	at=$(find_sealed) || return
	flip "$at"
	integ_open "$((size / 512))" "$3" "$sector" D && open_both || return
	forged ours 5 && forged theirs 5 && good ours 6 && good theirs 6 &&
		good ours 4
}

gone() {
	dmsetup remove_all --force
}

hmac='capi:authenc(hmac(sha256),xts(aes))-random'
ok 'changed data, GCM, 512' tampered "$gcm" 32 28 512
# A large read has an authentic part; all of it fails.
ok 'a read across it fails' not dd if=/dev/mapper/ours of=/dev/null bs=$size \
	iflag=direct status=none
# What a reader who looks at his memory all the same finds there
nothing_of() {
	python3 -IS - "$1" "$2" <<-'END'
		import mmap, os, sys

		memory = mmap.mmap(-1, 4096)
		memory.write(b"x" * 512)
		fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
		try:
		    os.preadv(fd, [memoryview(memory)[:512]], int(sys.argv[2]))
		    sys.exit("it was read")
		except OSError as error:
		    assert error.errno == 84, error
		assert memory[:512] == bytes(512), memory[:512]
	END
}
ok 'nothing of it is in memory' nothing_of /dev/mapper/ours $((5 * 512))
repaired() {
	dd if="$t/plain1" of=/dev/mapper/ours bs=512 skip=5 seek=5 count=1 \
		oflag=direct status=none && good ours 5 && good theirs 5
}
ok 'whoever writes it anew can read it' repaired
gone
ok 'changed data, HMAC, 4096' tampered "$hmac" 96 48 4096
gone

# Without a tag dm-integrity, in journal mode, keeps zeroes for one.
no_tag() {
	sector=512
	integ 48 512 J && setting "$hmac" 96 48 '' && open_both &&
		write ours "$t/plain1" || return
	read_sector integ 3 >"$t/sealed"
	dd if="$t/sealed" of="$dev" bs=512 seek=3 oflag=direct status=none
	forged ours 3 && forged theirs 3 && good ours 2
}
ok 'changed tag, same data' no_tag
gone

# Sector 8's data and tag, read as another's: its number is authenticated.
moved() {
	sector=512
	integ 28 512 D && setting "$gcm" 32 28 '' &&
		create ours "$(line "${setting[@]}")" &&
		write ours "$t/plain1" && good ours 8 && remove ours || return
	setting "$gcm" 32 28 '' offset=8 "length=$((size / 512 - 8))"
	open_both && forged ours 0 && forged theirs 0
}
ok 'a sector at another place' moved
gone

another_key() {
	sector=512
	integ 28 512 D && setting "$gcm" 32 28 '' &&
		create ours "$(line "${setting[@]}")" &&
		write ours "$t/plain1" && remove ours || return
	cp "$t/key" "$t/key.old"
	head -c 96 /dev/urandom >"$t/key"
	create ours "$(line "${setting[@]}")" && forged ours 0 && remove ours
	cp "$t/key.old" "$t/key"
	create ours "$(line "${setting[@]}")" && good ours 0
}
ok 'another key reads nothing' another_key
gone

# --- the rest of a data path ---
integ 28 512 J
setting "$gcm" 32 28 ''
open_both
ok 'never written' forged ours 1
ivs() {
	write ours "$t/plain1" && read_sector integ 1 >"$t/first" &&
		write ours "$t/plain1" && read_sector integ 1 >"$t/second" &&
		not cmp -s "$t/first" "$t/second"
}
ok 'a sector that is written again looks different' ivs
gone

# Memory at odd places, sizes up to more than one bio may carry
verified() {
	fio --name=verify --filename=/dev/mapper/ours --direct=1 \
		--rw=randwrite --bsrange="$1"-1M --blockalign="$1" \
		--iodepth=8 --ioengine=libaio --verify=crc32c --verify_fatal=1 \
		--size=6M --iomem_align="$1" --randseed=7
}
big=12288
for mode in J D; do
	integ 48 512 $mode
	setting "$hmac" 96 48 '' length=$big
	create ours "$(line "${setting[@]}")"
	ok "much at once, mode $mode, 512" verified 512
	remove ours integ
	integ 48 4096 $mode
	setting "$hmac" 96 48 sector_size:4096 length=$big
	create ours "$(line "${setting[@]}")"
	ok "much at once, mode $mode, 4096" verified 4096
	gone
done

# An allocated page cache above: flushes, FUA, writeback
filesystem() {
	mkfs.ext4 -q -O ^has_journal /dev/mapper/ours &&
		mkdir -p "$t/mnt" && mount /dev/mapper/ours "$t/mnt" &&
		cp "$t/plain1" "$t/mnt/file" && umount "$t/mnt" &&
		mount /dev/mapper/ours "$t/mnt" &&
		cmp "$t/plain1" "$t/mnt/file"
	local status=$?
	umount "$t/mnt"
	return "$status"
}

# --- the lock ---
helper policy=1 cap=60
integ 28 512 J
setting "$gcm" 32 28 ''
create ours "$(line "${setting[@]}")"
write ours "$t/plain1"

state() {
	like "$1" "$(info ours)"
}

# held COMMAND...: until it is held; then unlock, and wait for it
held() {
	dmsetup message ours 0 lock && state ^locked || return
	"$@" &
	in_time 60 state ' held=[1-9]' || return
	kill -0 $! && dmsetup message ours 0 unlock && wait $!
}
ok 'locked: a read waits, and is right' held good ours 9
ok 'locked: a write waits' held write ours "$t/plain2"
ok 'and is right' cmp "$t/plain2" /dev/mapper/ours
write ours "$t/plain1"
remove ours
helper
create ours "$(line "${setting[@]}")"
dmsetup message ours 0 lock
ok 'locked: a read fails' not read_sector ours 9
ok 'locked: a write fails' not write ours "$t/plain2"
dmsetup message ours 0 unlock
in_time 20 state ^active
ok 'unlocked: what was there is there' good ours 9

# held I/O when the table goes: nothing is lost or left
remove ours
helper policy=1 cap=60
create ours "$(line "${setting[@]}")"
suspended() {
	dmsetup message ours 0 lock
	read_sector ours 9 >/dev/null 2>&1 &
	in_time 60 state ' held=[1-9]' && dmsetup suspend ours || return
	not wait $!
}
ok 'locked: a suspend fails what is held' suspended
dmsetup resume --noudevsync ours
dmsetup message ours 0 unlock
in_time 20 state ^active
ok 'and all is well after that' good ours 9
gone

integ 48 4096 J
setting "$hmac" 96 48 sector_size:4096 length=$big
create ours "$(line "${setting[@]}")"
# written once, since what was not cannot be read
dd if=/dev/zero of=/dev/mapper/ours bs=1M oflag=direct status=none 2>/dev/null
ok 'a file system' filesystem
gone
done_testing
