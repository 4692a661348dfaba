#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The pages that are kept for later writes: never more than the cap, given back
# when the kernel asks for memory, gone with the module.
# vm: --timeout 300
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=safe-lib.sh
. ./safe-lib.sh

# much: as many large writes at a time as it takes to have more than the cap
much() {
	fio --name=much --filename=/dev/mapper/below --direct=1 --rw=write \
		--ioengine=libaio --iodepth=64 --bs=1M --size=96M
}

between() {
	[ "$1" -le "$2" ] && [ "$2" -le "$3" ]
}

# asked: the kernel asks all its caches for what they do not need
asked() {
	echo 2 >/proc/sys/vm/drop_caches
	is 0 "$(counter pool)"
}

helper
modprobe dm-delay
brd 128
sectors=$(blockdev --getsz "$dev")
# so that many writes are under way
mapped slow "0 $sectors delay $dev 0 0 $dev 0 20"
dev=/dev/mapper/slow
ok 'open' create one "$(line)"
ln -s one /dev/mapper/below
before=$(counter pool)
ok 'a volume that nobody used keeps nothing' is 0 "$before"
ok 'large writes' much
max=$(counter pool_max)
ok 'all memory is back' in_time 10 settled
ok 'some pages are kept' between 256 "$(counter pool)" "$max"
# a 64th of the memory, in pages
total=$(awk '/^MemTotal/ { print int($2 / 4 / 64) }' /proc/meminfo)
ok 'the cap is a small part of the memory' between 1 "$max" $((total + 64))
ok 'a write takes of them' dd if=/dev/zero of=/dev/mapper/one bs=1M count=1 \
	oflag=direct status=none
ok 'and puts them back' between 256 "$(counter pool)" "$max"
ok 'the kernel gets them when it asks' in_time 20 asked
ok 'and it is told how many' [ "$(counter pool_shrunk)" -ge 256 ]
ok 'and later writes new ones' much
ok 'which are kept' between 256 "$(counter pool)" "$max"
ok 'data' data /dev/mapper/one
ok 'no write needed the reserve' is 0 "$(counter reserve_writes)"
remove one slow
done_testing
