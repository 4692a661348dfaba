#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# File systems on a volume: made, filled until nothing more fits, and checked by
# their own tools; what is in the files is the same after another mount, and
# after the volume was closed and opened.
# vm: --smp 1 --disk 320M --timeout 900
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=safe-lib.sh
. ./safe-lib.sh

top=/dev/mapper/one

# in_order FILESYSTEM: what its own tool says of it
in_order() {
	case $1 in
	ext4) e2fsck -fn "$top" ;;
	xfs) xfs_repair -n "$top" ;;
	btrfs) btrfs check --check-data-csum "$top" ;;
	f2fs) fsck.f2fs --dry-run "$top" ;;
	esac
}

tree() {
	/usr/bin/python3 safe-tree.py "$1" "$t"/mnt
}

# same: the files are as they were listed
same() {
	tree list >"$t"/found && cmp "$t"/listed "$t"/found
}

again() {
	umount "$t"/mnt && mount "$top" "$t"/mnt
}

# closed: and opened, with a key from the helper, not with one that is left
closed() {
	umount "$t"/mnt && remove one && create one "$table" && mount "$top" "$t"/mnt
}

# made FILESYSTEM: mkfs.btrfs and mkfs.f2fs do not write over what was there
made() {
	wipefs -q -a "$top" && "mkfs.$1" "$top"
}

# on FILESYSTEM MIB OPTIONS
on() {
	local name=$1 table
	table=$(line length=$(($2 * 2048)) options="$3")

	ok "$name: open ($3)" create one "$table"
	ok "$name: made" made "$name"
	ok "$name: mounted" mount -t "$name" "$top" "$t"/mnt
	# else we would fill the machine's memory
	mountpoint -q "$t"/mnt || {
		remove one
		return
	}
	ok "$name: filled" tree fill
	tree list >"$t"/listed
	ok "$name: with many files" [ "$(wc -l <"$t"/listed)" -gt 300 ]
	ok "$name: mounted again" again
	ok "$name: the files are the same" same
	[ "$name" != btrfs ] ||
		ok "$name: scrub" btrfs scrub start -Bd "$t"/mnt
	[[ $3 != *allow_discards* ]] || ok "$name: fstrim" fstrim "$t"/mnt
	ok "$name: closed and opened" closed
	ok "$name: the files are still the same" same
	umount "$t"/mnt
	ok "$name: in order" in_order "$name"
	ok "$name: all memory is back" in_time 10 settled
	remove one
}

helper
modprobe -a ext4 xfs btrfs f2fs
mkdir "$t"/mnt
dev=/dev/disk/by-id/virtio-disk0
list=('sector_size:512 allow_discards' 'sector_size:4096')
turn=1
for filesystem in 'ext4 96' 'xfs 304' 'btrfs 192' 'f2fs 96'; do
	read -r name mib <<<"$filesystem"
	turn=$((1 - turn))
	# one of them when there is no time for both
	for options in "${list[@]}"; do
		[ "${SOAK:-}" = 1 ] || [ "$options" = "${list[turn]}" ] ||
			continue
		on "$name" "$mib" "$options"
	done
done
done_testing
