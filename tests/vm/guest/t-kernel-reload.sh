#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tables change while I/O runs: options, place, target, size; nothing is lost,
# nothing is wrong, nobody is asked for a key again.
# vm: --disk 96M --timeout 900
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=parity-lib.sh
. ./parity-lib.sh

# each of the options in turn, at least
rounds=$(often 500 12 4)

# load LINE [OPTION...]: the table in the place of the one that is there
load() {
	dmsetup reload ours --table "$1" || return
	# what the suspend may not wait for, or may
	dmsetup suspend "${@:2}" --nolockfs ours &&
		dmsetup resume --noudevsync ours
}

# churn: reloads until $job ends, $rounds at least; each with other options
churn() {
	local n=0 options words flag
	local list=('' allow_discards 'no_read_workqueue no_write_workqueue'
		'same_cpu_crypt high_priority')

	while [ "$n" -lt "$rounds" ] || kill -0 "$job" 2>/dev/null; do
		options=${list[n % ${#list[@]}]}
		flag=$([ $((n % 3)) = 0 ] && echo --noflush)
		words="$sized $options"
		load "$(line options="$words")" ${flag:+"$flag"} || return
		[[ "$(dmsetup table ours)" == *"$options"* ]] || return
		n=$((n + 1))
	done
	echo "# reloaded $n times" >&2
}

# under WORKLOAD...: fio's, with reloads until it ends
under() {
	local status=0

	fio --name=data --filename=/dev/mapper/ours --direct=1 \
		--ioengine=libaio --iodepth=16 --size=64M --randseed=7 \
		--verify=crc32c --verify_fatal=1 --verify_backlog=64 "$@" \
		>"$t/fio" 2>&1 &
	job=$!
	churn || status=1
	wait "$job" || {
		cat "$t/fio"
		return 1
	}
	return "$status"
}

# as_crypt: dm-crypt sees the same
as_crypt() {
	create theirs "$(crypt_line options="$sized")" || return
	cmp /dev/mapper/ours /dev/mapper/theirs
	status=$?
	remove theirs
	return "$status"
}

dev=/dev/disk/by-id/virtio-disk0
for sized in sector_size:512 sector_size:4096; do
	helper
	ok "$sized: open" create ours "$(line options="$sized")"
	# the KMS is gone
	helper reject:113
	ok "$sized: small I/O in any order" under --rw=randrw --bs=4k --io_size=12M
	ok "$sized: large writes" under --rw=write --bs=1m --io_size=64M
	ok "$sized: dm-crypt sees the same" as_crypt
	ok "$sized: nobody was asked" is 0 "$(upcalls)"
	remove ours
done

# --- another target and back ---
sized=
helper
create ours "$(line)"
head -c 1M /dev/urandom >"$t/plain"
dd if="$t/plain" of=/dev/mapper/ours bs=64k oflag=direct status=none
size=$(blockdev --getsz /dev/mapper/ours)

# A reader and a writer wait while the table is one of no target that works.
swapped() {
	dmsetup reload ours --table "0 $size error" &&
		dmsetup suspend --noflush --nolockfs ours || return
	dd if="$t/plain" of=/dev/mapper/ours bs=64k seek=16 oflag=direct \
		status=none &
	job=$!
	sleep 0.3
	# not resumed with the target error, but with ours again
	dmsetup reload ours --table "$(line options=allow_discards)" &&
		dmsetup resume --noudevsync ours && wait "$job"
}
ok 'a table that was loaded by mistake' swapped
ok 'what was written meanwhile' cmp -n 1048576 -i 1048576:0 /dev/mapper/ours \
	"$t/plain"

# from dm-crypt to us, and back, on a live device: how one comes here
ok 'to dm-crypt, live' load "$(crypt_line)"
ok 'it reads our data' cmp -n 1048576 /dev/mapper/ours "$t/plain"
helper
ok 'back from dm-crypt, live' load "$(line)"
ok 'with an upcall, as we were gone' is 1 "$(upcalls)"
ok 'we read it' cmp -n 1048576 /dev/mapper/ours "$t/plain"

# --- what does not load leaves all as it was ---
helper
wrong() {
	not dmsetup reload ours --table "$(line "$@")"
}
ok 'another sector size' wrong options=sector_size:4096
ok 'another offset' wrong offset=8
ok 'another cipher' wrong cipher=aes-cbc-essiv:sha256 key_bytes=32
ok 'the table is as it was' is "$(line | sed "s,$dev,$(mountpoint -x \
	"$(readlink -f "$dev")"),;s/ *$//")" "$(dmsetup table ours)"
ok 'the data too' cmp -n 1048576 /dev/mapper/ours "$t/plain"

# --- size ---
ok 'shorter' load "$(line length=65536)"
ok 'which it is' is 65536 "$(blockdev --getsz /dev/mapper/ours)"
ok 'longer' load "$(line)"
ok 'which it is again' is "$size" "$(blockdev --getsz /dev/mapper/ours)"
ok 'the data is there' cmp -n 1048576 /dev/mapper/ours "$t/plain"

# --- a locked one ---
ok 'lock' dmsetup message ours 0 lock
ok 'a reload of a locked volume' load "$(line options=allow_discards)" --noflush
ok 'does not open it' like ^locked "$(info ours)"
ok 'nor lets anybody read' not dd if=/dev/mapper/ours of=/dev/null bs=4k count=1 \
	iflag=direct status=none
helper
dmsetup message ours 0 unlock
open_again() {
	like ^active "$(info ours)"
}
ok 'unlock' in_time 20 open_again
ok 'and all is there' cmp -n 1048576 /dev/mapper/ours "$t/plain"
remove ours
done_testing
