#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A cipher in hardware, as its driver sees us: what it gets can be mapped for
# DMA, and one that takes memory for each request is not asked, as reclaim may
# wait for that request. Memory is poisoned, or what is not set would be zero.
# vm: --append init_on_alloc=0 --append slub_debug=P
# module: tests/vm/driver
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

# seen NAME: what the drivers have counted
seen() {
	cat "/sys/module/kmsc_driver_test/parameters/$1"
}

# round_trip: sectors in one piece, by writes and reads
round_trip() {
	dd if=$t/data of=/dev/mapper/one bs=64k oflag=direct status=none &&
		dd if=/dev/mapper/one of=$t/back bs=64k count=16 iflag=direct \
			status=none &&
		cmp $t/data $t/back
}

brd 16
head -c 1M /dev/urandom >$t/data
# so that the kernel has loaded what it has
modprobe dm-crypt
create one "$(line)" && remove one
ok 'the drivers' insmod "$TEST_MODULE"
for name in requests allocating dirty; do
	echo 0 >"/sys/module/kmsc_driver_test/parameters/$name"
done
for options in '' 'sector_size:4096'; do
	ok "open ($options)" create one "$(line options="$options")"
	ok "data ($options)" round_trip
	remove one
done
ok 'a driver was asked' not is 0 "$(seen requests)"
ok 'not the one that allocates memory' is 0 "$(seen allocating)"
ok 'all pieces of memory are fit for DMA' is 0 "$(seen dirty)"
create one "$(line)"
round_trip
ok 'dm-crypt reads what the driver wrote' create other "$(crypt_line options=)"
ok 'the same' cmp -n 1048576 $t/data /dev/mapper/other
remove other one
ok 'the drivers go' rmmod kmsc_driver_test
done_testing
