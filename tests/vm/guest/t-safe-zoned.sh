#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A host-managed zoned device beneath, beside dm-crypt over the same one: zones,
# limits, data both ways, what is done to zones, appends, and a lock half-way.
# vm: --smp 1 --timeout 900
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=parity-lib.sh
. ./parity-lib.sh

zone=$((4 * 2048)) # sectors
dev='' node=''

# zoned PARAMETER...: 64 zones of 4 MiB as $dev
zoned() {
	modprobe null_blk nr_devices=0 || return
	mkdir -p /sys/kernel/config
	mountpoint -q /sys/kernel/config ||
		mount -t configfs none /sys/kernel/config || return
	node=/sys/kernel/config/nullb/nullb9
	mkdir "$node" || return
	for word in memory_backed=1 size=256 zoned=1 zone_size=4 "$@"; do
		echo "${word#*=}" >"$node/${word%%=*}" || return
	done
	echo 1 >"$node/power" || return
	dev=/dev/$(find /sys/block -name 'nullb*' -printf '%f\n')
}

zoned_remove() {
	echo 0 >"$node/power" && rmdir "$node" && modprobe -r null_blk
}

zones() {
	blkzone report "/dev/mapper/$1"
}

same_zones() {
	[ "$(zones ours | wc -l)" -gt 30 ] &&
		diff <(zones theirs) <(zones ours)
}

# condition NAME ZONE: as blkzone says it, em fu cl oe nw …
condition() {
	blkzone report -o $(($2 * zone)) -c 1 "/dev/mapper/$1" |
		sed 's/.*zcond:[^(]*(\(..\)).*/\1/'
}

# put NAME ZONE FILE
put() {
	dd if="$3" of="/dev/mapper/$1" bs=64k seek=$(($2 * 64)) oflag=direct \
		conv=notrunc status=none
}

# holds NAME ZONE FILE
holds() {
	cmp "$3" <(dd if="/dev/mapper/$1" bs=64k skip=$(($2 * 64)) \
		count=$(($(stat -c %s "$3") / 65536)) iflag=direct status=none)
}

# manage NAME ACTION ZONE CONDITION: of the zone then, as the other sees it too
manage() {
	blkzone "$2" -o $(($3 * zone)) -c 1 "/dev/mapper/$1" &&
		is "$4" "$(condition ours "$3")" &&
		is "$4" "$(condition theirs "$3")"
}

for file in 1 2; do
	head -c 2M /dev/urandom >"$t/plain$file"
done

# with NAME SETTING...: both ways, on the two tables
with() {
	local name=$1 seq=$2
	shift 2

	ok "$name: open both" both "$@"
	ok "$name: the zones are dm-crypt's" same_zones
	# 6.1's dm-crypt may take an append that it then splits
	ok "$name: the limits are, too" same_limits max_segment_size \
		max_hw_sectors_kb max_sectors_kb zone_append_max_bytes
	ok "$name: we take no write that must be split" \
		test "$(limit ours max_hw_sectors_kb)" -le 1024
	ok "$name: writing" put ours "$seq" "$t/plain1"
	ok "$name: dm-crypt reads it" holds theirs "$seq" "$t/plain1"
	ok "$name: dm-crypt is writing" put theirs $((seq + 1)) "$t/plain2"
	ok "$name: we read it" holds ours $((seq + 1)) "$t/plain2"
	ok "$name: encrypted it is" not cmp -s -n 65536 "$t/plain2" \
		<(dd if="$dev" bs=64k skip=$(((seq + 1) * 64)) count=1 status=none)
	ok "$name: not where the zone is to be written" \
		not put ours "$seq" "$t/plain2"
	ok "$name: which did no harm" holds ours "$seq" "$t/plain1"
	ok "$name: the zones afterwards" same_zones
	ok "$name: finish" manage ours finish "$seq" fu
	ok "$name: finished by dm-crypt" manage theirs finish $((seq + 1)) fu
	ok "$name: reset" manage ours reset "$seq" em
	ok "$name: open a zone" manage ours open "$seq" oe
	ok "$name: close it" manage ours close "$seq" em
	ok "$name: write it again" put ours "$seq" "$t/plain2"
	ok "$name: read it" holds theirs "$seq" "$t/plain2"
	ok "$name: reset all" blkzone reset /dev/mapper/ours
	ok "$name: none is left" not grep -E '\((fu|cl|oi|oe)\)' <(zones theirs)
	remove_both
}

# --- data that fio checks, with a queue, zone for zone ---
flood() {
	fio --name=zbd --filename=/dev/mapper/ours --direct=1 --zonemode=zbd \
		--ioengine=libaio --rw=write --bs="$1" --iodepth="$2" \
		--offset=$((16 * zone * 512)) --size=$((8 * zone * 512)) \
		--verify=crc32c --do_verify=1 --verify_fatal=1 "${@:3}"
}

# During it the volume is locked and unlocked again and again: what is held
# goes on in its order.
flood_locked() {
	local job locks=0

	flood 64k 4 --rate=8m >"$t/flood" 2>&1 &
	job=$!
	while kill -0 "$job" 2>/dev/null; do
		dmsetup message ours 0 lock || break
		in_time 5 held
		dmsetup message ours 0 unlock || break
		in_time 20 active || break
		locks=$((locks + 1))
		sleep 0.2
	done
	wait "$job" || {
		cat "$t/flood"
		return 1
	}
	echo "# locked $locks times" >&2
	[ "$locks" -gt 0 ]
}

held() {
	like ' held=[1-9]' "$(info ours)"
}

active() {
	like ^active "$(info ours)"
}

# --- a file system that appends: btrfs ---
fill() {
	local i

	mkdir -p "$t/mnt"
	mount -t btrfs "/dev/mapper/$1" "$t/mnt" || return
	for i in 1 2 3 4 5 6 7 8; do
		head -c 1500000 /dev/urandom >"$t/mnt/$i" || break
	done
	(cd "$t/mnt" && sha256sum ./* >"$t/sums") && umount "$t/mnt"
}

check() {
	mount -t btrfs "/dev/mapper/$1" "$t/mnt" || return
	(cd "$t/mnt" && sha256sum --quiet -c "$t/sums")
	status=$?
	umount "$t/mnt"
	return "$status"
}

helper
zoned zone_nr_conv=4
ok 'a zoned device' in_time 10 test -b "$dev"
with 'whole device' 6
with 'from its third zone on' 6 offset=$((2 * zone))
with 'sectors of 4096' 6 options='sector_size:4096 iv_large_sectors'
ok 'with discards: open both' both options=allow_discards
ok 'with discards: the limits' same_limits max_segment_size max_hw_sectors_kb \
	max_sectors_kb zone_append_max_bytes
remove_both

helper policy=1 cap=60
ok 'open' create ours "$(line)"
ok 'a queue of small writes' flood 8k 16
blkzone reset /dev/mapper/ours
ok 'of large ones' flood 4m 4
blkzone reset /dev/mapper/ours
ok 'and locked meanwhile' flood_locked
remove ours
ok 'it goes' zoned_remove

helper
zoned zone_nr_conv=0
ok 'a device of sequential zones alone' in_time 10 test -b "$dev"
if modprobe btrfs; then
	ok 'open' create ours "$(line)"
	ok 'btrfs, zoned' mkfs.btrfs -q -f -O zoned -d single -m single \
		/dev/mapper/ours
	ok 'files' fill ours
	remove ours
	ok 'dm-crypt' create theirs "$(crypt_line)"
	ok 'dm-crypt reads the files' check theirs
	ok 'dm-crypt: more of them' fill theirs
	remove theirs
	ok 'open again' create ours "$(line)"
	ok 'we read those' check ours
	remove ours
else
	skip 'appends' 'this kernel has no btrfs'
fi
ok 'it goes, too' zoned_remove
done_testing
