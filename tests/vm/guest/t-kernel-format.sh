#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is on the disk is byte for byte what dm-crypt writes, both ways.
# vm: --smp 1 --mem 1G
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

modprobe dm-crypt
brd 2

# both_ways SETTING...: what one writes the other reads
both_ways() {
	local size bytes

	create ours "$(line "$@")" && create theirs "$(crypt_line "$@")" ||
		return
	size=$(blockdev --getsize64 /dev/mapper/ours)
	# one that does not divide it
	bytes=$((size / 3 / 4096 * 4096))
	head -c "$size" "$t/plain1" | dd of=/dev/mapper/ours bs="$bytes" \
		iflag=fullblock oflag=direct status=none || return
	dd if=/dev/mapper/theirs of="$t/seen1" bs="$size" iflag=direct status=none
	dd if="$t/plain2" of=/dev/mapper/theirs bs="$size" count=1 oflag=direct \
		status=none
	dd if=/dev/mapper/ours of="$t/seen2" bs="$bytes" iflag=direct \
		status=none
	remove ours theirs
	cmp -n "$size" "$t/plain1" "$t/seen1" &&
		cmp -n "$size" "$t/plain2" "$t/seen2" &&
		# the control: something was encrypted at all
		not cmp -s -n 4096 -i 0:$((offset * 512)) "$t/plain2" "$dev"
}

for plain in 1 2; do
	head -c 2M /dev/urandom >"$t/plain$plain"
done

# Each key length, sector size and IV unit, and in turn each place
places=('0 0' '24 8' '4294967288 2048')
count=0
for key_bytes in 32 64; do
	for sector in 512 1024 2048 4096; do
		for large in '' iv_large_sectors; do
			place=${places[count % 3]}
			count=$((count + 1))
			iv_offset=${place% *}
			offset=${place#* }
			options="$large sector_size:$sector"
			ok "$key_bytes byte key, $options, IV and offset $place" \
				both_ways key_bytes=$key_bytes \
				iv_offset="$iv_offset" offset="$offset" \
				options="$options"
			dmsetup remove_all --force
		done
	done
done

# A number that wraps behind the first sector, which is within a page
ok 'IV offset 2 below 2^64' both_ways iv_offset=18446744073709551614 offset=8 \
	options='iv_large_sectors sector_size:1024'
dmsetup remove_all --force
ok 'IV offset 4 below 2^64' both_ways iv_offset=18446744073709551612 offset=8 \
	options='iv_large_sectors sector_size:2048'
dmsetup remove_all --force
done_testing
