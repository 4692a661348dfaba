#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Forward progress: swap and a file system on one volume, in a machine with less
# memory than is wanted of it. Whatever was swapped out comes back as it was,
# nothing hangs, and nothing is killed for want of memory that is not killed over
# dm-crypt too.
# vm: --mem 192M --disk 640M --timeout 900
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=safe-lib.sh
. ./safe-lib.sh

seconds=$([ "${SOAK:-}" = 1 ] && echo 600 || echo 25)
swap_sectors=$((448 * 2048))
gcc -O -Wall -Werror -o "$t"/hog safe-hog.c || exit 1

# events NAME: of /proc/vmstat
events() {
	awk -v name="$1" '$1 == name { print $2 }' /proc/vmstat
}

# hog ARGUMENT...: in the background; the first to go if memory is short
hogs=()
hog() {
	(
		echo 500 >/proc/self/oom_score_adj
		exec "$t"/hog "$@"
	) >"$t/hog${#hogs[@]}" 2>&1 &
	hogs+=($!)
}

# All four: each wants more than half of the memory, or writes files.
pressed() {
	local status=0 process share

	share=$(awk '/^MemTotal/ { print int($2 / 1024 * 6 / 10) }' \
		/proc/meminfo)
	hogs=()
	hog memory "$share" "$seconds"
	hog memory "$((share + 1))" "$seconds"
	hog file "$t"/mnt/a 32 "$seconds"
	hog file "$t"/mnt/b 33 "$seconds"
	for process in "${hogs[@]}"; do
		wait "$process" || status=1
	done
	cat "$t"/hog?
	return "$status"
}

# under NAME TABLE: swap, files and hogs on such a volume; their events are
# then in killed, out and in
under() {
	local name=$1 before

	ok "$name: open" create one "$2"
	mapped swap "0 $swap_sectors linear /dev/mapper/one 0"
	mapped files "0 $(($(blockdev --getsz /dev/mapper/one) - \
		swap_sectors)) linear /dev/mapper/one $swap_sectors"
	mkswap /dev/mapper/swap >/dev/null
	mkfs.ext4 -q /dev/mapper/files
	mount /dev/mapper/files "$t"/mnt
	ok "$name: swapon" swapon /dev/mapper/swap

	before=$(events oom_kill)
	out=$(events pswpout)
	in=$(events pswpin)
	ok "$name: all pages are right" pressed
	killed=$(($(events oom_kill) - before))
	out=$(($(events pswpout) - out))
	in=$(($(events pswpin) - in))
	echo "# $name: $out pages went out, $in came in, $killed killed"
	# more than the hogs' own: they came and went
	ok "$name: it was much" [ "$out" -gt 8192 ]
	ok "$name: and came back" [ "$in" -gt 8192 ]
	[ "$name" = dm-crypt ] || echo "# $name: $(info one)"
}

# gone NAME: all of it
gone() {
	ok "$1: swapoff" swapoff /dev/mapper/swap
	ok "$1: umount" umount "$t"/mnt
	ok "$1: e2fsck" e2fsck -fn /dev/mapper/files
	remove swap files
}

helper
modprobe dm-crypt
dev=/dev/disk/by-id/virtio-disk0
mkdir "$t"/mnt
under dm-crypt "$(crypt_line options=)"
gone dm-crypt
remove one
crypt_killed=$killed

under kmscrypt "$(line options=)"
ok 'nothing was killed that dm-crypt would have kept' \
	[ "$killed" -le "$crypt_killed" ]
# what swaps out may take the last pages there are, and must not
ok 'many writes took the reserve' \
	[ "$(counter reserve_writes)" -gt $((out / 100)) ]
ok 'the kernel asked for kept pages, and got them' \
	[ "$(counter pool_shrunk)" -gt 0 ]
ok 'no more is kept than the cap' \
	[ "$(counter pool)" -le "$(counter pool_max)" ]
gone kmscrypt
ok 'all memory is back' in_time 20 settled
remove one
done_testing
