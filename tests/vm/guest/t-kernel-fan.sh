#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Help from other processors for large I/O: the machinery alone, then what it
# leaves on a device, seen through dm-crypt, and without a second processor.
# module: tests/vm/fan kernel/fan.c kernel/fan.h
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

tracing=/sys/kernel/tracing
cpu=/sys/devices/system/cpu/cpu1/online

# --- alone: the test module says what was good ---
dmesg -C
ok 'the tests of the machinery' insmod "$TEST_MODULE"
while read -r word name; do
	[ "$word" = ok ] || name=${name#ok }
	ok "$name" is ok "$word"
done < <(dmesg | sed -n 's/.*kmsc_fan_test: //p')
ok 'all of them' is 11 "$(dmesg | grep -c 'kmsc_fan_test: ')"
rmmod kmsc_fan_test

# --- with a cipher ---
brd 64
mountpoint -q $tracing || mount -t tracefs tracefs $tracing
echo 1 >$tracing/events/workqueue/workqueue_execute_start/enable

# helped COMMAND...: works, and helpers came; they may be late now and then
helped() {
	local _

	for _ in {1..50}; do
		echo >"$tracing/trace"
		"$@" || return
		! grep -q 'function help_work' "$tracing/trace" || return 0
	done
	echo 'no helper'
	return 1
}

# put NAME BS, get NAME BS: all of it
put() {
	dd if=$t/data of="/dev/mapper/$1" bs="$2" oflag=direct status=none
}

get() {
	dd if="/dev/mapper/$1" bs="$2" iflag=direct status=none
}

holds() {
	cmp <(get "$@") "$t/data"
}

# verify: random data, mixed sizes, read back and checked
verify() {
	fio --name=verify --filename=/dev/mapper/one --direct=1 --rw=randwrite \
		--ioengine=libaio --iodepth=4 --bsrange=4k-1M --blockalign=4k \
		--verify=crc32c --do_verify=1 --verify_fatal=1 \
		--io_size=32M --size=48M --randrepeat=0 --numjobs="${1:-1}" \
		--offset_increment=8M
}

head -c 64M /dev/urandom >$t/data
helper
for options in 'sector_size:512' 'iv_large_sectors sector_size:4096'; do
	create one "$(line options="$options")"
	create other "$(crypt_line options="$options")"
	ok "help for a write ($options)" helped put one 1M
	ok 'as dm-crypt would have written it' holds other 64k
	put other 256k
	ok 'help for a read of what dm-crypt wrote' helped holds one 1M
	ok 'mixed sizes' verify
	ok 'and two who write and read' verify 2
	remove one other
done

toggle() {
	while [ -e $t/toggling ]; do
		echo 0 >$cpu && echo 1 >$cpu || return
	done
}

create one "$(line)"
if [ -e $cpu ]; then
	echo 0 >$cpu
	echo >"$tracing/trace"
	put one 1M
	ok 'one processor writes and reads alone' holds one 1M
	ok 'and asks nobody' not grep 'function help_work' "$tracing/trace"
	echo 1 >$cpu
	: >$t/toggling
	toggle &
	ok 'a processor that comes and goes' verify
	rm $t/toggling
	wait $!
	ok 'was there at the end' is 1 "$(cat $cpu)"
else
	ok 'the second processor can be switched off' false
fi
remove one
done_testing
