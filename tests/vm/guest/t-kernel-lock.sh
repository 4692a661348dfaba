#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Locking: no I/O from then on, nothing acknowledged, and back again. On a
# disk with a write cache: for others the block layer itself answers a flush.
# vm: --disk 8M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

dev=$(readlink -f /dev/disk/by-id/virtio-disk0)
helper epoch=7

# put FILE, get: the first MiB of the volume, past all caches
put() {
	dd if="$1" of=/dev/mapper/one bs=1M count=1 oflag=direct status=none
}

get() {
	dd if=/dev/mapper/one bs=1M count=1 iflag=direct status=none
}

flush() {
	# a block device's fsync is a flush
	/usr/bin/python3 -c '
import os
f = os.open("/dev/mapper/one", os.O_RDWR)
os.fsync(f)'
}

holds() {
	cmp -n 1048576 <(get) "$1"
}

locked() {
	like "^locked reason=$1 error=$2 epoch=$3" "$(info one)" &&
		not put "$t/new" && not get && not flush &&
		not blkdiscard /dev/mapper/one
}

state() {
	like "$1" "$(info one)"
}

head -c 1M /dev/urandom >$t/old
head -c 1M /dev/urandom >$t/new
ok 'open' create one "$(line options=allow_discards)"
ok 'its epoch' state '^active reason=none error=0 epoch=7 '
ok 'write' put $t/old
ok 'flush' flush
events=$(dmsetup info -c --noheadings -o events one)
ok 'lock' dmsetup message one 0 lock
ok 'locked' locked admin 0 7
ok 'the lower device is as before' not cmp -n 1048576 "$dev" $t/new
ok 'a dm event' not is "$events" \
	"$(dmsetup info -c --noheadings -o events one)"
ok 'no key' like ' key=0 ' "$(info one)"
ok 'lock again' dmsetup message one 0 lock
ok 'a table still loads' create two "$(line options=allow_discards)"
ok 'and is locked' like ^locked "$(info two)"
remove two
ok 'suspend and resume' dmsetup suspend one
ok 'resume' dmsetup resume --noudevsync one

helper sleep:"$(slowly 1000)" epoch=8
ok 'unlock returns at once' dmsetup message one 0 unlock
ok 'unlocking' state '^unlocking reason=admin'
ok 'is active' in_time 10 state '^active reason=none error=0 epoch=8 '
ok 'as an unlock' grep -q ' op=unlock ' $t/log
ok 'the data is there' holds $t/old
ok 'and can be changed' put $t/new
ok 'as it reads' holds $t/new

helper reject:113
dmsetup message one 0 lock
dmsetup message one 0 unlock
ok 'unlock fails' in_time 10 state '^locked reason=admin error=113'
helper sector_size=4096
dmsetup message one 0 unlock
ok 'unlock with a key bound otherwise' in_time 10 state \
	'^locked reason=admin error=129'
ok 'locked as before' locked admin 129 8
helper sleep:"$(slowly 2000)"
dmsetup message one 0 unlock
in_time 5 grep -q start $t/log
dmsetup message one 0 lock
ok 'lock cancels an unlock' state '^locked'
ok 'whose key comes late' in_time 10 grep -q 'end .* result=0' $t/log
sleep 0.5
ok 'and opens nothing' state '^locked'
helper epoch=7 lease=10
dmsetup message one 0 unlock
ok 'unlock with an older wrapping, on other terms' in_time 10 state \
	'^locked reason=admin error=116 epoch=8 '
helper epoch=8
dmsetup message one 0 unlock
in_time 10 state ^active

# The key is the kill switch.
serial=$(info one | sed 's/.*key=//; s/ .*//')
ok 'keyctl revoke' keyctl revoke "$serial"
ok 'revoked' locked revoked 0 8
dmsetup message one 0 unlock
ok 'unlock after a revocation' in_time 10 state '^active reason=none'
ok 'holds what it held' holds $t/new

serial=$(info one | sed 's/.*key=//; s/ .*//')
helper epoch=9
ok 'renew' dmsetup message one 0 renew
ok 'renewed' in_time 10 state '^active reason=none error=0 epoch=9 '
ok 'as a renewal' grep -q ' op=renew ' $t/log
ok 'with another key' not is "$serial" \
	"$(info one | sed 's/.*key=//; s/ .*//')"
ok 'the old one is gone' not keyctl revoke "$serial"
ok 'holds' holds $t/new
helper reject:113
dmsetup message one 0 renew
ok 'the KMS is down at a renewal' in_time 10 state '^active.* error=113 '
helper reject:128
dmsetup message one 0 renew
ok 'the KMS says revoked' in_time 10 state '^locked reason=revoked error=128 '
ok 'no key is left' like ' key=0 ' "$(info one)"
helper epoch=9
dmsetup message one 0 unlock
in_time 10 state ^active

# Under load: each operation is right or fails, none hangs. Some are so large
# that other processors help with them.
fio --name=load --filename=/dev/mapper/one --direct=1 --rw=randrw \
	--bssplit=4k/80:64k/10:1M/10 --ioengine=libaio --iodepth=8 --numjobs=2 \
	--time_based --runtime=3000 --continue_on_error=all --group_reporting >$t/fio 2>&1 &
fio=$!
loaded() {
	[ "$(awk '{ print $5 }' /sys/block/dm-0/stat)" -gt 100 ]
}
ok 'load' in_time 60 loaded
cycles() {
	local n

	for ((n = $(often 15 15); n > 0; n--)); do
		dmsetup message one 0 lock || return
		dmsetup message one 0 unlock || return
		in_time 20 state ^active || return
	done
}
ok 'lock and unlock under load' cycles
ok 'which went on to the end' kill -0 $fio
kill $fio
wait $fio
put $t/old
ok 'sound after it' holds $t/old
helper sleep:3000
dmsetup message one 0 lock
dmsetup message one 0 unlock
ok 'remove while unlocking' remove one
ok 'does not wait' not grep -q '^end' $t/log
done_testing
