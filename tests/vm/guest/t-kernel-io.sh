#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# I/O over lower devices that complete in task, softirq and hardirq context;
# a file system; flush, FUA, discard, limits, suspend, reload, errors.
# vm: --disk 192M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

# verify BS...: random data, mixed sizes, read back and checked
verify() {
	fio --name=verify --filename=/dev/mapper/one --direct=1 --rw=randwrite \
		--ioengine=libaio --iodepth=16 --bsrange="$1" --blockalign=4k \
		--verify=crc32c --do_verify=1 --verify_fatal=1 --io_size=16M \
		--size=48M --randrepeat=0
}

# lower FIELD: of the lower device, as in Documentation/block/stat.rst
lower() {
	awk -v f="$1" '{ print $f }' "/sys/block/${dev##*/}/stat"
}

limit() {
	cat "/sys/dev/block/$(mountpoint -x /dev/mapper/one)/queue/$1"
}

context() {
	local options

	for options in '' 'iv_large_sectors sector_size:4096'; do
		ok "$1: open ($options)" create one "$(line options="$options")"
		ok "$1: 4k" verify 4k-4k
		ok "$1: 4k to 256k" verify 4k-256k
		ok "$1: 64k to 1M" verify 64k-1M
		remove one
	done
}

file_system() {
	local mount=$t/mnt tree=/usr/share/perl/5.36.0

	mkfs.ext4 -q /dev/mapper/one && mount /dev/mapper/one "$mount" ||
		return
	cp -a "$tree" "$mount/tree" && umount "$mount" && remove one &&
		create one "$(line "$@")" && fsck.ext4 -fn /dev/mapper/one &&
		mount -o ro /dev/mapper/one "$mount" &&
		diff -r "$tree" "$mount/tree"
}

helper
mkdir -p $t/mnt
modprobe ext4
for mode in 0 1 2; do
	modprobe null_blk nr_devices=1 gb=1 irqmode=$mode memory_backed=1 \
		completion_nsec=20000 discard=1 2>/dev/null ||
		modprobe null_blk nr_devices=1 gb=1 irqmode=$mode memory_backed=1
	dev=/dev/nullb0
	context "null_blk irqmode=$mode"
	modprobe -r null_blk
done

dev=/dev/disk/by-id/virtio-disk0
context virtio-blk
ok 'a file system' create one "$(line options='sector_size:4096')"
ok 'holds a tree of files' file_system options='sector_size:4096'
umount $t/mnt
ok 'its logical block' is 4096 "$(limit logical_block_size)"
ok 'its physical block' is 4096 "$(limit physical_block_size)"
ok 'no discards' is 0 "$(limit discard_max_bytes)"
ok 'blkdiscard is refused' not blkdiscard /dev/mapper/one
remove one

dev=$(readlink -f $dev)
create one "$(line options=allow_discards)"
ok 'discards, allowed' not is 0 "$(limit discard_max_bytes)"
before=$(lower 12)
ok 'blkdiscard' blkdiscard --length 1M /dev/mapper/one
ok 'reaches the device' not is "$before" "$(lower 12)"
before=$(lower 16)
dd if=/dev/zero of=/dev/mapper/one bs=4k count=1 oflag=direct conv=fsync \
	status=none
ok 'a flush reaches the device' not is "$before" "$(lower 16)"

# misaligned: buffers at any 512th byte, sectors of 4096
cat >$t/odd.py <<'PY'
import mmap, os, sys
f = os.open("/dev/mapper/one", os.O_RDWR | os.O_DIRECT)
m = mmap.mmap(-1, 65536)
data = os.urandom(8192)
align = int(sys.argv[1])
view = memoryview(m)
view[align:align + 8192] = data
assert os.pwritev(f, [view[align:align + 8192]], 4096) == 8192
view[align:align + 8192] = bytes(8192)
assert os.preadv(f, [view[align:align + 8192]], 4096) == 8192
assert bytes(view[align:align + 8192]) == data
PY
ok 'buffers at odd addresses' /usr/bin/python3 $t/odd.py 512
remove one
create one "$(line options=sector_size:4096)"
ok 'buffers at addresses that are no sector'\''s' \
	not /usr/bin/python3 $t/odd.py 512
ok 'and at ones that are' /usr/bin/python3 $t/odd.py 4096

# One bio of more than a MiB: a write of it has more pages than our table of
# them. Huge pages make it so, which take the place of many in a bio's own.
cat >$t/huge.py <<'PY'
import ctypes, mmap, os
f = os.open("/dev/mapper/one", os.O_RDWR | os.O_DIRECT)
huge, size = 2 << 20, 8 << 20
m = mmap.mmap(-1, size + huge, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
m.madvise(14)  # MADV_HUGEPAGE
# from some huge page's beginning on, wherever that is
address = ctypes.addressof(ctypes.c_char.from_buffer(m))
view = memoryview(m)[-address % huge:][:size]
data = os.urandom(size)
view[:] = data
assert os.pwritev(f, [view], 0) == size
part = mmap.mmap(-1, 65536)
for at in range(0, size, len(part)):
    assert os.preadv(f, [part], at) == len(part)
    assert part[:] == data[at:at + len(part)], at
view[:] = bytes(size)
assert os.preadv(f, [view], 0) == size
assert view == data
PY
tracing=/sys/kernel/tracing
mountpoint -q $tracing || mount -t tracefs tracefs $tracing
echo 1 >$tracing/events/block/block_bio_queue/enable
ok 'huge pages' /usr/bin/python3 $t/huge.py
echo 0 >$tracing/events/block/block_bio_queue/enable
# large: of the writes to this device, sectors of the largest
large() {
	local numbers

	numbers=$(lsblk -dno MAJ:MIN /dev/mapper/one | tr -d ' ' | tr : ,)
	sed -n "s/.*block_bio_queue: $numbers W.* + \([0-9]*\) .*/\1/p" \
		"$tracing/trace" | sort -n | tail -n 1
}
ok 'in bios of more than a MiB' [ "$(large)" -gt 2048 ]

# --- suspend, reload, while I/O goes on ---
helper exit
fio --name=load --filename=/dev/mapper/one --direct=1 --rw=randwrite --bs=4k \
	--ioengine=libaio --iodepth=8 --size=32M --io_size=64M --verify=crc32c \
	--do_verify=1 --verify_fatal=1 >$t/fio 2>&1 &
fio=$!
churn() {
	for _ in {1..5}; do
		dmsetup suspend one && dmsetup resume --noudevsync one &&
			dmsetup reload one --table \
				"$(line options=sector_size:4096)" &&
			dmsetup suspend --noflush one &&
			dmsetup resume --noudevsync one || return
	done
}
ok 'suspend, reload, resume under load' churn
wait $fio
ok 'with no error' is 0 $?
ok 'and no upcall' is 0 "$(upcalls)"
remove one
helper

# --- errors from below ---
size=$(blockdev --getsz "$dev")
dmsetup create --noudevsync --noudevrules holes --table \
	"$(printf '%s\n' "0 2048 linear $dev 0" '2048 8 error' \
		"2056 $((size - 2056)) linear $dev 2056")"
dev=/dev/mapper/holes
create one "$(line)"
ok 'a write error' not dd if=/dev/zero of=/dev/mapper/one bs=4k seek=256 \
	count=1 oflag=direct status=none
ok 'a read error' not dd if=/dev/mapper/one of=/dev/null bs=4k skip=256 \
	count=1 iflag=direct status=none
ok 'in the middle of a large read' not dd if=/dev/mapper/one of=/dev/null \
	bs=1M skip=1 count=1 iflag=direct status=none
ok 'none beside it' dd if=/dev/mapper/one of=/dev/null bs=4k skip=257 \
	count=1 iflag=direct status=none
ok 'nor before' dd if=/dev/mapper/one of=/dev/null bs=4k skip=255 \
	count=1 iflag=direct status=none
remove one holes

# --- a volume on a volume ---
brd 64
create below "$(line)"
helper
dev=/dev/mapper/below
ok 'a volume on a volume' create one "$(line)"
ok 'works' verify 4k-128k
remove one below
done_testing
