#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Allocations and requests fail: whoever asked is told, no data is silently
# wrong, nothing is lost, and all works again afterwards.
# vm: --mem 1536M --timeout 600
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=debug-lib.sh
. ./debug-lib.sh

program writer
program load
brd 16
sectors=$(blockdev --getsz "$dev")
# brd allocates a page when it is first written: that is not to fail
dd if=/dev/zero of="$dev" bs=1M oflag=direct status=none

# writers SECONDS: two of them, each in its half
writers() {
	local status=0 one

	$t/writer /dev/mapper/one 0 $((sectors / 2)) "$1" >$t/writer1 2>&1 &
	one=$!
	$t/writer /dev/mapper/one $((sectors / 2)) $((sectors / 2)) "$1" \
		>$t/writer2 2>&1 || status=1
	wait $one || status=1
	cat $t/writer1 $t/writer2
	return $status
}

# verified KIND: nothing was wrong, and faults there were
verified() {
	writers 20 || return
	[ "$(faults "$1")" -ge 20 ] || {
		echo "only $(faults "$1") faults"
		return 1
	}
}

# told: the writers saw errors
told() {
	grep -E 'writes=.* failed=[1-9].* reads=' $t/writer1 $t/writer2
}

round() {
	local options=$1

	ok "$options: open" create one "$(line options="$options")"
	ok "$options: without faults" writers 3
	ok "$options: no error then" not told

	fault failslab task-filter=Y probability=10
	ok "$options: failslab" verified failslab
	faults_off

	fault fail_page_alloc task-filter=Y probability=20
	ok "$options: fail_page_alloc" verified fail_page_alloc
	faults_off

	echo 1 >"/sys/block/${dev##*/}/make-it-fail"
	fault fail_make_request probability=5
	ok "$options: fail_make_request" verified fail_make_request
	ok "$options: the writers were told" told
	fault fail_make_request probability=100
	ok "$options: a buffered write is not acknowledged" not dd \
		if=/dev/zero of=/dev/mapper/one bs=64k count=1 conv=fsync \
		status=none
	faults_off
	echo 0 >"/sys/block/${dev##*/}/make-it-fail"
	ok "$options: in order again" writers 3
	remove one
}

leaks_forget
for options in '' 'iv_large_sectors sector_size:4096'; do
	round "$options"
done

# --- each allocation of a table's load, one after the other ---
fault failslab
fault fail_page_alloc
table=$(line)
helper ''
ok 'a load with each allocation failing' $t/load faulty "$sectors" \
	kmscrypt "${table#* * * }"
helper ''
ok 'no volume is left open by it' create one "$table"
ok 'as it was not there before' is 1 "$(upcalls)"
remove one

# --- the upcall, which runs in the kernel's workers ---
workers_fail() {
	local pid

	# what kthreadd makes from now on, and what there is
	for pid in 2 $(pgrep '^kworker/u'); do
		echo "$1" >"/proc/$pid/make-it-fail"
	done 2>/dev/null
	return 0
}

# some: a table loads or not, and if so it works
some() {
	local opened=0 failed=0

	for _ in {1..30}; do
		if create one "$table" 2>/dev/null; then
			opened=$((opened + 1))
			$t/writer /dev/mapper/one 0 64 0 && remove one || return
		else
			failed=$((failed + 1))
		fi
	done
	echo "opened=$opened failed=$failed faults=$(faults failslab)"
	[ $opened -gt 0 ] && [ $failed -gt 0 ]
}

helper ''
echo 5000 >/sys/module/kmscrypt/parameters/timeout_ms
workers_fail 1
fault failslab task-filter=Y probability=1
ok 'upcalls with allocations failing' some
faults_off
workers_fail 0
ok 'then it opens' create one "$table"
ok 'and holds what is written' writers 1
remove one
ok 'module unloads' module_unload
ok 'no key, keyring or workqueue is left' in_time 60 nothing_left
ok 'no memory is lost' no_leak
echo "1..$tap_count"
[ $tap_failed -eq 0 ]
