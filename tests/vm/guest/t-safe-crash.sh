#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The power fails after any flush, or any write with FUA, that reached the lower
# device (dm-log-writes): the volume opens, its file system recovers and is
# clean, and it holds what was synced before.
# vm: --smp 1 --mem 1536M --disk 64M --disk 320M --disk 512M --timeout 900
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=safe-lib.sh
. ./safe-lib.sh

# how many files are synced, and how many points of all are looked at
rounds=$(often 40 8)
points_max=$(often 100000 12)
log=$(readlink -f /dev/disk/by-id/virtio-disk2)
mnt=$t/mnt
top=/dev/mapper/one
head -c 4M /dev/urandom >$t/data
gcc -O -Wall -Werror -o $t/replay safe-replay.c || exit 1
# the replayed device, and for what a recovery changes on it
replayed=/dev/ram0
changes=/dev/ram1

# version NUMBER: what a file holds
version() {
	local bytes=$(($1 * 9001 % 200000 + 1))

	head -c $(($1 * 7919 + bytes)) "$t"/data | tail -c "$bytes"
}

mark() {
	dmsetup message logged 0 mark "$1"
}

# work: each round syncs a new file and replaces another one; and writes what
# nobody syncs
work() {
	local n

	for ((n = 1; n <= rounds; n++)); do
		version "$n" >"$mnt"/f"$n" && sync "$mnt"/f"$n" "$mnt" && mark "$n" || return
		version $((n + 100)) >"$mnt"/loose"$n" || return
		version "$n" >"$mnt"/new && sync "$mnt"/new &&
			mv "$mnt"/new "$mnt"/current && sync "$mnt" && mark c"$n" ||
			return
	done
}

# record MKFS...: all of a file system's life, on $disk
record() {
	local size

	size=$(blockdev --getsz "$disk")
	mapped logged "0 $size log-writes $disk $log" || return
	dev=/dev/mapper/logged
	create one "$(line)" && "$@" "$top" && mount "$top" "$mnt" && mark made &&
		work && umount "$mnt" && remove one logged
}

# synced MARK...: what is in the file system now is at least that
synced() {
	local n whole least=0

	for n; do
		case $n in
		made) ;;
		c*) least=${n#c} ;;
		*)
			version "$n" | cmp - "$mnt"/f"$n" || return
			;;
		esac
	done
	[ "$least" -gt 0 ] || return 0
	# one that was synced later may be there already
	for ((whole = least; whole <= rounds; whole++)); do
		! version "$whole" | cmp -s - "$mnt"/current || return 0
	done
	echo "current is none of the versions from $least on"
	return 1
}

# recovers FSCK -- MARK...: after a power cut the file system is as it should
# be. The recovery goes into a snapshot.
recovers() {
	local fsck=() status

	while [ "$1" != -- ]; do
		fsck+=("$1")
		shift
	done
	shift
	mapped cut "0 $(blockdev --getsz "$replayed") snapshot $replayed $changes N 8" ||
		return
	dev=/dev/mapper/cut
	length=$(blockdev --getsz "$disk")
	create one "$(line length=$((length / 8 * 8)))" && mount "$top" "$mnt" &&
		synced "$@" && umount "$mnt" && "${fsck[@]}" "$top"
	status=$?
	! mountpoint -q "$mnt" || umount "$mnt"
	remove one cut || return
	return "$status"
}

# cuts FSCK...: at all points after the file system was made
cuts() {
	local number kind text last=-1 seen=() points=0 total step

	total=$(awk '$5 == "made" { made = 1 } made && $2 == "point"' "$t"/list |
		wc -l)
	step=$(((total + points_max - 1) / points_max))
	[ "$total" -ge $((rounds * 2)) ] || {
		echo "only $total points"
		return 1
	}
	while read -r number kind _ _ text; do
		[ "$kind" != mark ] || seen+=("$text")
		if [ "$kind" != point ] || [ ${#seen[@]} -eq 0 ]; then
			continue
		fi
		points=$((points + 1))
		[ $((points % step)) -eq 0 ] || [ "$points" -eq "$total" ] ||
			continue
		"$t"/replay "$log" "$replayed" $((last + 1)) "$number" || return
		last=$number
		recovers "$@" -- "${seen[@]}" || {
			echo "at entry $number, after: ${seen[*]}"
			return 1
		}
	done <"$t"/list
	echo "$points points" >"$t"/points
}

# crashes NAME MKFS FSCK
crashes() {
	local mkfs fsck

	read -r -a mkfs <<<"$2"
	read -r -a fsck <<<"$3"
	modprobe -r brd
	modprobe brd rd_nr=2 rd_size=$(($(blockdev --getsz "$disk") / 2))
	ok "$1: recorded" record "${mkfs[@]}"
	ok "$1: a log" eval "$t/replay $log >$t/list"
	ok "$1: all files are marked in it" grep -q " c$rounds\$" $t/list
	ok "$1: clean after each cut, with all that was synced" cuts "${fsck[@]}"
	echo "# $1: $(cat $t/points 2>/dev/null)"
}

helper
mkdir -p $mnt
modprobe -a dm-log-writes dm-snapshot brd ext4 xfs
disk=$(readlink -f /dev/disk/by-id/virtio-disk0)
crashes ext4 'mkfs.ext4 -q -F' 'fsck.ext4 -fn'
disk=$(readlink -f /dev/disk/by-id/virtio-disk1)
crashes xfs 'mkfs.xfs -q -f' 'xfs_repair -n'
done_testing
