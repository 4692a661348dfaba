# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # kernel-lib.sh sets the rest
#
# For the guest tests t-safe-*.sh: data that is checked, lower devices, and
# whether all memory has come back. Sourced.

# --- data ---

# data DEVICE [OPTION...]: fio's random writes of mixed sizes, read back and
# checked; always the same ones, so that --verify_only checks them once more
data() {
	local file=$1
	shift

	fio --name=data --filename="$file" --direct=1 --rw=randwrite \
		--ioengine=libaio --iodepth=16 --bsrange=4k-256k \
		--blockalign=4k --size=24M --io_size=8M --randseed=7 \
		--verify=crc32c --do_verify=1 --verify_fatal=1 "$@"
}

# --- memory ---

# counter WORD: of the status of the volume "one"
counter() {
	info one | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# settled: no page is with a write any more, and the reserve is whole
settled() {
	is 0 "$(counter pages)" && is 257 "$(counter reserve)"
}

# --- lower devices ---

# mapped NAME TABLE...: a dm device of other people's
mapped() {
	local name=$1
	shift

	dmsetup create --noudevsync --noudevrules "$name" --table "$*"
}

# lvm_alone: LVM with a directory of its own, and no udev
lvm_alone() {
	export LVM_SYSTEM_DIR=$t/lvm
	mkdir -p "$LVM_SYSTEM_DIR"
	cat >"$LVM_SYSTEM_DIR/lvm.conf" <<-'EOF'
		devices { obtain_device_list_from_udev=0 use_devicesfile=0 }
		activation { udev_sync=0 udev_rules=0 monitoring=0 }
		backup { backup=0 archive=0 }
		global { event_activation=0 }
	EOF
}

# thin DEVICE: a thin volume of 64 MiB in a pool on it, /dev/vg/thin
thin() {
	pvcreate -q "$1" && vgcreate -q -s 1M vg "$1" &&
		lvcreate -q -y -T -L 40M -V 64M -n thin vg/pool
}

thin_remove() {
	vgchange -q -an vg && vgremove -q -ff vg && pvremove -q "$1"
}
