# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # kernel-lib.sh sets the rest
#
# For the guest tests that put our table and dm-crypt's beside each other: "ours"
# and "theirs" over the same $dev. Sourced.

modprobe -a dm-crypt dm-integrity loop

# both [SETTING...]: the two tables
both() {
	create ours "$(line "$@")" && create theirs "$(crypt_line "$@")"
}

remove_both() {
	remove ours theirs
}

# integ TAG_BYTES SECTOR_SIZE MODE: on $ram, of 16 MiB at least, a dm-integrity
# device that keeps what it is given, new but for its superblock, made as
# cryptsetup makes it
integ() {
	dd if=/dev/zero of="$ram" bs=1M count=16 oflag=direct status=none
	integ_open 8 "$@" && remove integ || return
	integ_open "$(dd if="$ram" bs=4k count=1 iflag=direct status=none |
		od -An -tu8 -j16 -N8 | tr -d ' ')" "$@"
}

# integ_open SECTORS TAG_BYTES SECTOR_SIZE MODE
integ_open() {
	create integ "0 $1 integrity $ram 0 $2 $4 2 journal_sectors:512" \
		"block_size:$3"
}

# sysfs NAME: the directory of a mapping
sysfs() {
	echo "/sys/dev/block/$(mountpoint -x "/dev/mapper/$1")"
}

# limits NAME: a line NAME:VALUE for each that the kernel tells of its queue
limits() {
	(cd "$(sysfs "$1")" && grep -s -d skip . queue/* alignment_offset \
		discard_alignment size | sed s,queue/,,)
}

# same_limits [WORD...]: all of them, but for the WORDs
same_limits() {
	local skip

	skip="^($(tr ' ' '|' <<<"${*:-none}")):"
	[ "$(limits ours | wc -l)" -gt 20 ] || return
	diff <(limits theirs | grep -Ev "$skip") <(limits ours | grep -Ev "$skip")
}

# limit NAME WORD
limit() {
	limits "$1" | sed -n "s/^$2://p"
}

scsi_block='/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*'

# scsi PARAMETER...: a disk of SCSI's test driver as $dev
scsi() {
	dev=/dev/none
	# no udev loads what a disk needs
	modprobe sd_mod && modprobe scsi_debug dev_size_mb=32 "$@" || return
	in_time 10 compgen -G "$scsi_block" || return
	# one word: there is but one
	dev=/dev/$(basename "$(compgen -G "$scsi_block")")
}

scsi_remove() {
	in_time 10 modprobe -r scsi_debug
}
