#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The reserve of a table: with no page to be had from the kernel, any number of
# writers at a time get on, also those whose bios are larger than the reserve.
# vm: --mem 1536M --timeout 300
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=safe-lib.sh
. ./safe-lib.sh
# shellcheck source=debug-lib.sh
. ./debug-lib.sh

trace=/sys/kernel/tracing

# without_memory COMMAND...: it gets no page, and no object, where it cannot wait
without_memory() {
	(
		echo 1 >/proc/self/make-it-fail
		exec "$@"
	)
}

# parallel SIZES: eight writers, each in its part, and each checks what it wrote
parallel() {
	without_memory timeout --kill-after=5 600 fio --name=parallel \
		--filename=/dev/mapper/one --direct=1 --rw=write \
		--ioengine=libaio --iodepth=4 --bsrange="$1" \
		--blockalign=4k --size=8M --offset_increment=8M \
		--numjobs=8 --mem=mmap \
		--verify=crc32c --do_verify=1 --verify_fatal=1 --randseed=7
}

# no_pool: none is kept that a write could take instead
no_pool() {
	echo 2 >/proc/sys/vm/drop_caches
	is 0 "$(counter pool)"
}

# from_reserve NAME SIZES WRITES: so many writes at least have to take it
from_reserve() {
	local before status

	ok "$1: nothing is kept" in_time 20 no_pool
	before=$(counter reserve_writes)
	fault fail_page_alloc task-filter=Y ignore-gfp-wait=Y probability=100
	fault failslab task-filter=Y ignore-gfp-wait=Y probability=100
	parallel "$2" >"$t"/fio 2>&1
	status=$?
	[ $status = 0 ] || sed 's/^/# /' "$t"/fio
	ok "$1: all get on, and the data is right" is 0 $status
	echo "# $1: $(faults fail_page_alloc) pages and $(faults failslab)" \
		"objects were refused; $(info one)"
	faults_off
	ok "$1: with the reserve" \
		[ $(($(counter reserve_writes) - before)) -ge "$3" ]
	ok "$1: all of it is back" in_time 10 settled
}

helper
modprobe dm-delay
brd 64
dd if=/dev/zero of="$dev" bs=1M oflag=direct status=none 2>/dev/null
# so that writes are below for a while, with what they hold
mapped slow "0 $(blockdev --getsz "$dev") delay $dev 0 0 $dev 0 10"
dev=/dev/mapper/slow
create one "$(line)"
from_reserve 'small writes' 4k-16k 1000

# memory in large pieces makes large bios
echo always >/sys/kernel/mm/transparent_hugepage/enabled
echo 1 >$trace/events/block/block_bio_queue/enable
echo 'nr_sector > 2056' >$trace/events/block/block_bio_queue/filter
echo >$trace/trace
from_reserve 'large writes' 4M-4M 32
number=$(mountpoint -x "$(readlink -f /dev/mapper/one)" | tr : ,)
echo 0 >$trace/events/block/block_bio_queue/enable
ok 'some were larger than the reserve' grep -E "block_bio_queue: $number W" \
	$trace/trace
remove one slow
done_testing
