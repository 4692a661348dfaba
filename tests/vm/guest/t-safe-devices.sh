#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever lies beneath or on top: what is written is read back, is what
# dm-crypt would have written, and leaves no page behind.
# vm: --disk 96M --nvme 96M --timeout 900
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=safe-lib.sh
. ./safe-lib.sh

# as_crypt OPTIONS: dm-crypt reads the same from $dev
as_crypt() {
	local status

	create crypt "$(crypt_line options="$1")" || return
	data /dev/mapper/crypt --verify_only
	status=$?
	remove crypt
	return "$status"
}

# beneath NAME: a volume on $dev, with sectors of either size when there is time
beneath() {
	local options list=('sector_size:512' 'sector_size:4096')

	turn=$((1 - turn))
	[ "${SOAK:-}" = 1 ] || list=("${list[turn]}")
	for options in "${list[@]}"; do
		ok "on $1: open ($options)" create one \
			"$(line options="$options")"
		ok "on $1: data of mixed sizes" data /dev/mapper/one
		ok "on $1: all memory is back" in_time 10 settled
		remove one
		ok "on $1: dm-crypt reads it" as_crypt "$options"
	done
}

# above NAME DEVICE: a device on top of the volume "one"
above() {
	ok "under $1: data of mixed sizes" data "$2"
	ok "under $1: all memory is back" in_time 10 settled
}

turn=1
helper
lvm_alone
modprobe -a loop dm-delay dm-snapshot dm-thin-pool dm-crypt

brd 96
beneath brd

for mode in 0 1 2; do
	modprobe null_blk nr_devices=1 gb=1 irqmode=$mode memory_backed=1 \
		completion_nsec=20000
	dev=/dev/nullb0
	beneath "null_blk irqmode=$mode"
	modprobe -r null_blk
done

dev=/dev/disk/by-id/virtio-disk0
beneath virtio-blk
dev=/dev/nvme0n1
beneath NVMe

truncate -s 96M $t/image
dev=$(losetup --show --find $t/image)
beneath loop
losetup --detach "$dev"

disk=$(readlink -f /dev/disk/by-id/virtio-disk0)
sectors=$(blockdev --getsz "$disk")
ok 'dm-delay' mapped delay "0 $sectors delay $disk 0 3 $disk 0 5"
dev=/dev/mapper/delay
beneath dm-delay
remove delay

# copies of what is overwritten go to the ramdisk
ok 'dm-snapshot, its origin' mapped origin "0 $sectors snapshot-origin $disk"
ok 'dm-snapshot' mapped snapshot "0 $sectors snapshot $disk /dev/ram1 N 16"
dev=/dev/mapper/snapshot
beneath dm-snapshot
dev=/dev/mapper/origin
beneath 'the origin of a dm-snapshot'
remove snapshot origin

ok 'LVM thin' thin "$disk"
dev=/dev/vg/thin
beneath 'LVM thin'
ok 'LVM thin goes' thin_remove "$disk"

# --- on top of the volume ---
dev=/dev/disk/by-id/virtio-disk0
create one "$(line)"
top=/dev/mapper/one
size=$(blockdev --getsz $top)
mapped delay "0 $size delay $top 0 3 $top 0 5"
above dm-delay /dev/mapper/delay
remove delay

mapped origin "0 $size snapshot-origin $top"
mapped snapshot "0 $size snapshot $top /dev/ram1 N 16"
above dm-snapshot /dev/mapper/snapshot
above 'the origin of a dm-snapshot' /dev/mapper/origin
remove snapshot origin

dev=$(losetup --show --find $top)
above loop "$dev"
losetup --detach "$dev"

ok 'LVM thin on top' thin $top
above 'LVM thin' /dev/vg/thin
ok 'LVM thin goes from the top' thin_remove $top
remove one
done_testing
