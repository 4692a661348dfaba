#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Swap on a volume over a slow disk: no more of its writes are under way at once
# than dm's swap_bios says, as with dm-crypt; each of them takes memory that is
# short just then.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=parity-lib.sh
. ./parity-lib.sh

limit=8
gcc -O -Wall -Werror -o "$t"/hog safe-hog.c || exit 1

# pages: that went out to swap so far
pages() {
	awk '/^pswpout / { print $2 }' /proc/vmstat
}

# press LINE: 2048 pages go out to swap on such a device, as fast as the kernel
# can, and come back; most is then how many writes were under way below at once,
# out how many pages there were
press() {
	local job now

	most=0 out=$(pages)
	create one "$1" && mkswap /dev/mapper/one && swapon /dev/mapper/one ||
		return
	printf '%s\n' out 'check 2048' | "$t"/hog asked 8 &
	job=$!
	while kill -0 "$job" 2>/dev/null; do
		read -r _ now <"$below/inflight"
		[ "$now" -le "$most" ] || most=$now
	done
	wait "$job" || return
	out=$(($(pages) - out))
	swapoff /dev/mapper/one && remove one
}

# pressed NAME LINE: not in a subshell, for what it leaves behind
pressed() {
	local status=0

	press "$2" >"$t/said" 2>&1 || status=$?
	ok "$1: swap" is 0 $status
	ok "$1: most pages went out" [ "$out" -gt 1500 ]
	ok "$1: and came back" grep 'checked=2048 failed=0 wrong=0' "$t/said"
	echo "# $1: $out pages went out, at most $most at once"
}

echo $limit >/sys/module/dm_mod/parameters/swap_bios
modprobe dm-delay
brd 64
# Only writes are slow; dm-delay counts them only when it is done with them.
create slow "0 $(blockdev --getsz $dev) delay $dev 0 0 $dev 0 20"
create below "0 $(blockdev --getsz $dev) linear /dev/mapper/slow 0"
dev=/dev/mapper/below
below=$(sysfs below)
helper

# the control: what the limit does, shows where there is none
pressed dm-linear "0 $(blockdev --getsz $dev) linear $dev 0"
ok 'dm-linear: more at once than the limit' [ "$most" -gt $limit ]
pressed dm-crypt "$(crypt_line)"
ok 'dm-crypt: up to the limit' is $limit "$most"
pressed kmscrypt "$(line)"
ok 'kmscrypt: up to the limit' is $limit "$most"
remove below slow
done_testing
