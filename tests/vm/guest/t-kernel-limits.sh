#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a volume tells of its queue, what becomes of a discard, and what dm-crypt's
# options do, beside dm-crypt over the same devices.
# vm: --smp 1 --disk 64M --nvme 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=parity-lib.sh
. ./parity-lib.sh

helper

# Until 6.9 dm-crypt wants no segment longer than a page, which nobody needs
# who leaves it to the layer below to split: ours is what dm-linear has.
segment_ok() {
	local wanted

	wanted=$(limit theirs max_segment_size)
	[ "$wanted" -gt 0 ] || return
	[ "$wanted" != 4096 ] || wanted=$(limit plain max_segment_size)
	is "$wanted" "$(limit ours max_segment_size)"
}

# beneath NAME [OPTIONS]: over $dev, with all that a limit can depend on, and
# with OPTIONS; with each choice of them when there is time
beneath() {
	local options list=('allow_discards iv_large_sectors sector_size:4096')

	[ $# -lt 2 ] || list+=("$2")
	[ "${SOAK:-}" != 1 ] || list=("${list[0]}" '' allow_discards sector_size:4096)
	for options in "${list[@]}"; do
		ok "on $1: open both ($options)" both options="$options"
		ok "on $1: the limits are dm-crypt's ($options)" \
			same_limits max_segment_size
		create plain "0 $(blockdev --getsz "$dev") linear $dev 0"
		ok "on $1: a segment's ($options)" segment_ok
		remove plain
		remove_both
	done
}

brd 64
beneath brd ''
ok 'on dm-stripe: made' create stripe \
	"0 131072 striped 2 64 /dev/ram0 0 /dev/ram1 0"
dev=/dev/mapper/stripe
beneath 'dm-stripe'
remove stripe

modprobe null_blk nr_devices=1 gb=1 memory_backed=1 discard=1 max_sectors=64
dev=/dev/nullb0
beneath null_blk
modprobe -r null_blk
modprobe null_blk nr_devices=1 gb=1 memory_backed=1 bs=4096
beneath 'null_blk with blocks of 4096'
modprobe -r null_blk

dev=/dev/disk/by-id/virtio-disk0
beneath virtio-blk
dev=/dev/nvme0n1
beneath NVMe

scsi physblk_exp=3 lowest_aligned=7 opt_blks=128 lbpu=1 lbpws=1 \
	unmap_granularity=16 unmap_alignment=8
ok 'SCSI disk with a topology' in_time 10 test -b "$dev"
beneath 'a SCSI disk with a topology' ''
ok 'it goes' scsi_remove
scsi sector_size=4096 lbpu=1 unmap_granularity=4 unmap_max_blocks=64
ok 'SCSI disk with long discards' in_time 10 test -b "$dev"
beneath 'a SCSI disk with blocks of 4096'
ok 'it goes' scsi_remove

# --- discards ---
image=$t/image

# blocks: of the file that is allocated; a discard punches holes in it
blocks() {
	sync "$image"
	stat -c %b "$image"
}

# zeros OFFSET LENGTH: this part of the file is zeros, as after a discard
zeros() {
	cmp -s -n "$2" -i "$1:0" "$image" /dev/zero
}

# discarded NAME: the part of it that is 1 MiB long and at 2 MiB
discarded() {
	local before

	head -c 8M /dev/urandom | dd of="/dev/mapper/$1" bs=1M oflag=direct \
		iflag=fullblock status=none || return
	before=$(blocks)
	blkdiscard -o 2M -l 1M "/dev/mapper/$1" || return
	echo "$1: $before blocks, then $(blocks)"
	is $((before - 2048)) "$(blocks)" && zeros 2097152 1048576 &&
		not zeros $((2097152 - 4096)) 4096 &&
		not zeros $((3145728)) 4096
}

# kept NAME: it takes no discard
kept() {
	local before

	head -c 8M /dev/urandom | dd of="/dev/mapper/$1" bs=1M oflag=direct \
		iflag=fullblock status=none || return
	before=$(blocks)
	not blkdiscard -o 2M -l 1M "/dev/mapper/$1" && is "$before" "$(blocks)" &&
		not zeros 2097152 1048576
}

truncate -s 8M "$image"
dev=$(losetup --show --find "$image")
for options in allow_discards 'allow_discards sector_size:4096'; do
	ok "discards: open both ($options)" both options="$options"
	ok "dm-crypt passes a discard on ($options)" discarded theirs
	ok "so do we ($options)" discarded ours
	ok "a discard that is no whole sector ($options)" \
		not blkdiscard -o 100 -l 1M /dev/mapper/ours
	remove_both
done
ok 'discards: open both without the option' both
ok 'dm-crypt refuses a discard' kept theirs
ok 'so do we' kept ours
ok 'whatever the option, the other side sees the same' cmp /dev/mapper/ours \
	/dev/mapper/theirs
remove_both

# --- options ---

# words NAME: a table's options, sorted
words() {
	dmsetup table "$1" | sed 's/^\([^ ]* \)\{8\}//' | tr ' ' '\n' | sort |
		xargs
}

# option WORDS: both tables take it, show it and do the same with data
option() {
	both options="$1" || return
	is "$(words theirs)" "$(words ours)" || return
	fio --name=data --filename=/dev/mapper/ours --direct=1 --rw=randwrite \
		--ioengine=libaio --iodepth=8 --bsrange=4k-256k \
		--blockalign=4k --size=8M --verify=crc32c --do_verify=1 \
		--verify_fatal=1 --output="$t/fio" || return
	cmp /dev/mapper/ours /dev/mapper/theirs
	status=$?
	remove_both
	return "$status"
}

knows_high_priority() {
	create theirs "$(crypt_line options=high_priority)" && remove theirs
}

options='same_cpu_crypt submit_from_crypt_cpus no_read_workqueue no_write_workqueue'
ok 'all options that say where to work' option "$options"
if knows_high_priority; then
	ok 'option high_priority' option high_priority
else
	skip 'option high_priority' "this kernel's dm-crypt does not know it"
	ok 'option high_priority, ours alone' create ours \
		"$(line options=high_priority)"
	remove ours
fi
losetup --detach "$dev"
done_testing
