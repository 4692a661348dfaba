#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# on_lock=queue: an outage without an I/O error, within the cap; and whatever
# is done to a locked volume with held I/O ends. Then locks under full load.
# vm: --disk 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

state() {
	like "$1" "$(info one)"
}

# queue [WORD...]: the helper's key says so
queue() {
	helper policy=1 cap=60 "$@"
}

lock() {
	dmsetup message one 0 lock
}

# unlock: until it is
unlock() {
	dmsetup message one 0 unlock && in_time 20 state ^active
}

put() {
	dd if="$1" of=/dev/mapper/one bs=64k oflag=direct status=none
}

holds() {
	cmp -n 1048576 <(dd if=/dev/mapper/one bs=64k count=16 iflag=direct \
		status=none) "$1"
}

flush() {
	/usr/bin/python3 -c '
import os
f = os.open("/dev/mapper/one", os.O_RDWR)
os.fsync(f)'
}

# begin COMMAND...: in the background, until its I/O is held
begin() {
	"$@" &
	job=$!
	in_time 60 state ' held=[1-9]'
}

running() {
	kill -0 "$job"
}

# Waits for it; in the background of a subshell one could not. An end that does
# not come is told as status 124.
finish() {
	ends || status=124
}

ends() {
	local tries=0

	while kill -0 "$job" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt $((600 * ${KMSC_SLOW:-1})) ] || return 1
		sleep 0.1
	done
	wait "$job"
	status=$?
}

succeeds() {
	is 0 "$status"
}

fails() {
	is 1 "$status"
}

ended() {
	not is 124 "$status"
}

dev=$(readlink -f /dev/disk/by-id/virtio-disk0)
head -c 1M /dev/urandom >$t/a
head -c 1M /dev/urandom >$t/b
queue
create one "$(line)"
ok 'open' state '^active .* on_lock=queue cap=60 held=0 held_bytes=0 '
put $t/a

# --- an outage ---------------------------------------------------------------
lock
begin put $t/b
ok 'a write is held' state ' held=[1-9]'
ok 'with its bytes' state ' held=1 held_bytes=65536 '
ok 'nothing was written' not cmp -n 65536 "$dev" $t/b
ok 'and does not end' running
unlock
finish
ok 'until the unlock' succeeds
ok 'then it is there' holds $t/b
ok 'and nothing is held' state ' held=0 held_bytes=0 '
lock
begin holds $t/b
ok 'a read is held' state ' held=[1-9]'
unlock
finish
ok 'and is right after the unlock' succeeds
lock
begin flush
ok 'a flush is held' state ' held=[1-9]'
ok 'and not acknowledged' running
unlock
finish
ok 'until the unlock' succeeds

# --- the caps ----------------------------------------------------------------
echo 1 >/sys/module/kmscrypt/parameters/hold_mib
lock
fio --name=much --filename=/dev/mapper/one --direct=1 --rw=write --bs=128k \
	--size=4m --ioengine=libaio --iodepth=32 --continue_on_error=write \
	>$t/fio 2>&1 &
job=$!
ok 'no more than the cap of bytes' in_time 60 state \
	' held=8 held_bytes=1048576 '
unlock
finish
ok 'what was beyond it has failed' like 'err=|error' "$(cat $t/fio)"
echo 0 >/sys/module/kmscrypt/parameters/hold_mib
cap=$((10 * ${KMSC_SLOW:-1}))
helper policy=1 cap=$cap epoch=1
dmsetup message one 0 renew
in_time 20 state "^active .* cap=$cap "
lock
begin put $t/a
ok 'held for the cap of time' state ' held=[1-9]'
finish
ok 'then it fails' fails
ok 'and later I/O at once' not holds $t/b
queue epoch=2
unlock
ok 'unlocked, it works' put $t/a
ok 'and holds' holds $t/a

# --- what ends ---------------------------------------------------------------
lock
begin put $t/b
ok 'suspend' dmsetup suspend one
finish
ok 'has failed what was held' fails
ok 'resume' dmsetup resume --noudevsync one
begin put $t/b
ok 'suspend without flush' dmsetup suspend --noflush --nolockfs one
ok 'has kept what was held' running
dmsetup resume --noudevsync one
ok 'it is held again' in_time 20 state ' held=1 '
unlock
finish
ok 'and ends well' succeeds
ok 'with the data' holds $t/b
lock
begin holds $t/b
dmsetup suspend --noflush --nolockfs one
dmsetup resume --noudevsync one
in_time 20 state ' held=1 '
unlock
finish
ok 'a read too' succeeds
lock
begin put $t/a
dmsetup reload one --table "$(line)"
ok 'reload' dmsetup resume --noudevsync --noflush --nolockfs one
ok 'has kept what was held' in_time 20 state ' held=1 '
unlock
finish
ok 'and ends well' succeeds
lock
begin put $t/b
# 1 is its own, 124 would be a wait
timeout $((20 * ${KMSC_SLOW:-1})) rmmod kmscrypt 2>/dev/null
ok 'module unload ends: refused' is 1 $?
ok 'remove of a busy one is refused' not remove one
dmsetup remove --force --noudevsync one 2>/dev/null
ok 'remove by force ends' true
finish
ok 'has failed what was held' fails
dmsetup info one >/dev/null 2>&1 && dmsetup remove --noudevsync one
queue
create one "$(line)"
mkfs.ext4 -q /dev/mapper/one
mkdir -p $t/mnt
helper policy=1 cap=3 epoch=1
dmsetup message one 0 renew
in_time 20 state '^active .* cap=3 '
mount /dev/mapper/one $t/mnt
cp $t/a $t/mnt/a
lock
sync &
job=$!
finish
ok 'sync ends' ended
umount $t/mnt &
job=$!
finish
ok 'umount ends' ended
mountpoint -q $t/mnt && umount -l $t/mnt
queue epoch=2
unlock
mkswap /dev/mapper/one >/dev/null
swapon /dev/mapper/one
# What writes to the swap is the kernel, for memory that an unlock may need.
cat >$t/swap.py <<'PY'
import mmap, os
size = 4 << 20
m = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
data = os.urandom(size)
m[:] = data
m.madvise(21)  # MADV_PAGEOUT
assert m[:] == data
PY
swapped() {
	[ "$(awk '/^pswpout / { print $2 }' /proc/vmstat)" -gt "$1" ]
}
before=$(awk '/^pswpout / { print $2 }' /proc/vmstat)
ok 'memory is swapped out' /usr/bin/python3 $t/swap.py
ok 'to the volume' swapped "$before"
# What a process has there, swapoff must read back.
cat >$t/owner.py <<'PY'
import mmap, os, sys, time
m = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
data = os.urandom(4 << 20)
m[:] = data
m.madvise(21)  # MADV_PAGEOUT
print("out", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.1)
sys.exit(m[:] != data)
PY
group=/sys/fs/cgroup/owner
# gone: all that $owner has is out there, with no copy left in memory
gone() {
	echo 8M >"$group/memory.reclaim"
	grep -qx 'swapcached 0' "$group/memory.stat"
}
# owns: memory of $owner's is out there, and the volume is locked
owns() {
	rm -f $t/touch $t/owner
	/usr/bin/python3 $t/owner.py $t/touch >$t/owner &
	owner=$!
	echo $owner >"$group/cgroup.procs"
	in_time 60 grep -qs out $t/owner
	in_time 60 gone
	lock
}
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir "$group"
owns
begin swapoff /dev/mapper/one
ok 'swapoff reads what is out there, which is held' running
unlock
finish
ok 'until the unlock' succeeds
: >$t/touch
wait $owner
ok 'and is right' is 0 $?
swapon /dev/mapper/one
helper policy=1 cap=$cap epoch=3
dmsetup message one 0 renew
in_time 20 state "^active .* cap=$cap "
owns
begin swapoff /dev/mapper/one
finish
ok 'swapoff ends with the cap of time' ended
# it has lost its memory
kill -KILL $owner
wait $owner 2>/dev/null
ok 'and the swap is off' not grep -q ^/dev /proc/swaps
queue epoch=4
unlock
mkswap /dev/mapper/one >/dev/null
swapon /dev/mapper/one
lock
dmesg -C
ok 'not to a locked one' /usr/bin/python3 $t/swap.py
ok 'whose swap was tried' like 'Write-error on swap-device' "$(dmesg)"
ok 'and is not held' state ' held=0 '
swapoff /dev/mapper/one &
job=$!
finish
ok 'swapoff ends' ended
unlock
ok 'remove' in_time 20 remove one
create one "$(line)"
lock
ok 'remove while locked' remove one

# --- under full load -----------------------------------------------------------
gcc -O -Wall -Werror -o $t/writer debug-writer.c || exit 1
cycles=$(often 50 3)

loaded() {
	[ "$(awk '{ print $5 }' /sys/block/dm-0/stat)" -gt "$1" ]
}

# locks WORD...: writers that know what they may read, and locks meanwhile
locks() {
	local n writers=() wrong=0

	helper "$@"
	create one "$(line length=32768)" || return
	for n in 0 1 2; do
		"$t/writer" /dev/mapper/one $((n * 8192)) 8192 3000 \
			>"$t/w$n" 2>&1 &
		writers+=($!)
	done
	for n in 0 1 2; do
		in_time 60 loaded 200
	done
	for ((n = 0; n < cycles; n++)); do
		sleep "0.$((RANDOM % 4))"
		lock && unlock || wrong=1
	done
	kill -TERM "${writers[@]}"
	for n in 0 1 2; do
		wait "${writers[n]}" || wrong=1
	done
	cat "$t"/w[012]
	remove one && is 0 "$wrong"
}

# everywhere NAME
everywhere() {
	ok "locks under load, $1, error" locks epoch=1
	ok "locks under load, $1, queue" locks policy=1 epoch=1
}
everywhere virtio-blk
modprobe brd rd_nr=1 rd_size=65536
dev=/dev/ram0
everywhere brd
rmmod brd
for mode in 0 1 2; do
	modprobe null_blk nr_devices=1 gb=1 memory_backed=1 irqmode=$mode
	dev=/dev/nullb0
	everywhere "null_blk irqmode=$mode"
	rmmod null_blk
done
done_testing
