#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Many volumes at once: never more than 16 helpers, however many wait; when the
# KMS hangs each caller has its answer within its deadline, the time in the
# queue included, and afterwards nothing is left of it.
# vm: --mem 1G --timeout 900
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

# more than there may be helpers
volumes=$(often 256 48 24)
hung=64
helpers=16
parameters=/sys/module/kmscrypt/parameters

# open_all N: that many at once, of one device; how each ended is in $t/ended
open_all() {
	local n

	for ((n = 1; n <= $1; n++)); do
		dmsetup create --noudevsync --noudevrules --notable "v$n"
	done
	line uuid=N-2222-4333-8444-555555555555 | $t/loader 1 "$1" >$t/ended
	while read -r n status _; do
		[ "$status" = 0 ] || continue
		dmsetup resume --noudevsync --noudevrules "v$n"
	done <$t/ended
}

# how ERRNO: so many loads ended
how() {
	grep -c "^[0-9]* $1 " $t/ended
}

# the time that the slowest took
longest() {
	cut -d' ' -f3 $t/ended | sort -n | tail -n 1
}

# at_once: the most helpers that there were at a time. Exact: the kernel starts
# no other before one has ended, and that writes its line before.
at_once() {
	awk '/^start/ { n++; if (n > most) most = n }
		/^end/ { n-- } END { print most + 0 }' $t/log
}

running() {
	is "$1" "$(pgrep -c -x helper)"
}

# what waits where no signal reaches it
uninterruptible() {
	grep -l '^State:.*D (disk' /proc/[0-9]*/status 2>/dev/null |
		xargs -r grep -h '^Name:' 2>/dev/null
}

none_uninterruptible() {
	is '' "$(uninterruptible)"
}

kib() {
	awk -v name="$1:" '$1 == name { print $2 }' /proc/meminfo
}

slab_below() {
	[ "$(kib SUnreclaim)" -lt "$1" ]
}

again() {
	helper ''
	open_all 20
	active 20
}

remove_all() {
	local n

	for ((n = 1; n <= $1; n++)); do
		remove "v$n" || return
	done
}

active() {
	is "$1" "$(dmsetup status --target kmscrypt | grep -c ' active ')"
}

brd 4
gcc -O2 -Wall -Werror -o $t/loader loader.c || exit 1

# --- a KMS that answers after a while ---
helper sleep:500
open_all "$volumes"
ok "$volumes at once: all open" is "$volumes" "$(how 0)"
ok '... are active' active "$volumes"
ok '... with an upcall each' is "$volumes" "$(upcalls)"
most=$(at_once)
echo "# $most helpers at a time, the last answer after $(longest) ms"
ok "... several at a time" [ "$most" -gt 1 ]
ok "... and never more than $helpers" [ "$most" -le $helpers ]
ok '... nothing waits any more' in_time 10 none_uninterruptible
ok 'remove' remove_all "$volumes"

# --- a KMS that hangs ---
# as many as there may be helpers: what their waiting costs
deadline=$((15 * ${KMSC_SLOW:-1}))
echo ${deadline}000 >$parameters/timeout_ms
slab=$(kib SUnreclaim)
helper hang
open_all $helpers &
ok "$helpers helpers hang" in_time 30 running $helpers
few=$(kib MemAvailable)
wait
ok 'remove' remove_all $helpers
helper hang
open_all $hung &
ok "$hung wait: $helpers helpers hang" in_time 30 running $helpers
many=$(kib MemAvailable)
echo "# $hung instead of $helpers that wait: $((few - many)) KiB more"
# a process of its own waits with each
ok '... which costs little memory' [ $((few - many)) -lt $((128 * 1024)) ]
wait
ok 'each has an answer' is $hung "$(grep -c . $t/ended)"
ok '... that its time is over' is $hung "$(how 110)"
echo "# deadline $deadline s, the last answer after $(longest) ms"
# a second turn of helpers would begin and end with another deadline
ok '... which covers the time in the queue' \
	[ "$(longest)" -lt $((2 * deadline * 1000)) ]
ok "... never more than $helpers helpers" is $helpers "$(at_once)"
ok '... those in the queue start none' [ "$(upcalls)" -lt $hung ]
ok 'nobody waits in D state' in_time 10 none_uninterruptible
ok 'no helper is left' in_time 10 running 0
ok 'no key is left' in_time 10 not grep -F .kmscrypt /proc/keys
ok 'no mapping has a table' not grep -q kmscrypt <(dmsetup table)
ok 'remove' remove_all $hung
echo "# slab before $slab KiB, after $(kib SUnreclaim) KiB"
ok 'nor memory of the kernel' in_time 30 slab_below $((slab + 16 * 1024))

# --- and the KMS is back ---
echo 20000 >$parameters/timeout_ms
ok 'then all open again' again
ok 'remove' remove_all 20
done_testing
