#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Atomic writes: where this kernel's dm-crypt takes them so do we, and what comes
# of them below is one write that the disk is told not to tear.
# vm: --smp 1
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=parity-lib.sh
. ./parity-lib.sh

if ! modinfo -p scsi_debug | grep ^atomic_wr: >/dev/null; then
	skip 'atomic writes' 'this kernel has no device for them'
	done_testing
	exit
fi

trace=/sys/kernel/tracing
mountpoint -q "$trace" || mount -t tracefs none "$trace"
echo 1 >"$trace"/events/block/block_rq_issue/enable

# atomic DEVICE BYTES: a write that is not to be torn, at three times its size
atomic() {
	python3 - "$@" <<-'END'
		import mmap, os, sys
		fd = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
		size = int(sys.argv[2])
		data = mmap.mmap(-1, size)
		data.write(os.urandom(size))
		RWF_ATOMIC = 0x40
		assert os.pwritev(fd, [data], 3 * size, RWF_ATOMIC) == size
		seen = mmap.mmap(-1, size)
		assert os.preadv(fd, [seen], 3 * size) == size
		assert seen[:] == data[:]
	END
}

# issued DEVICE BYTES: what the disk gets of such a write: kind and sectors of
# each that is atomic, or is a write at all
issued() {
	echo >"$trace/trace"
	atomic "$1" "$2" || return
	sed -n 's/.*block_rq_issue: [0-9,]* \([A-Z]*W[A-Z]*\) .* + \([0-9]*\) .*/\1 \2/p' \
		"$trace/trace"
}

one_below() {
	local theirs ours

	theirs=$(issued /dev/mapper/theirs "$1") || return
	ours=$(issued /dev/mapper/ours "$1") || return
	echo "dm-crypt: $theirs; ours: $ours"
	is "$theirs" "$ours" && like "^WS[A-Z]*U[A-Z]* $(($1 / 512))\$" "$ours"
}

helper
scsi atomic_wr=1 atomic_wr_align=1 atomic_wr_gran=1
ok 'SCSI disk with atomic writes' in_time 10 test -b "$dev"
ok 'it takes one' atomic "$dev" 16384
for options in '' sector_size:4096; do
	ok "open both ($options)" both options="$options"
	theirs=$(limit theirs atomic_write_unit_max_bytes)
	echo "# dm-crypt: atomic writes of up to $theirs bytes"
	ok "what both say of them ($options)" same_limits max_segment_size
	if [ "${theirs:-0}" -gt 0 ]; then
		for size in 4096 16384 65536 "$theirs"; do
			ok "$size bytes are one write below ($options)" \
				one_below "$size"
		done
		ok "both see the same ($options)" \
			cmp /dev/mapper/ours /dev/mapper/theirs
	else
		ok "dm-crypt refuses one ($options)" \
			not atomic /dev/mapper/theirs 16384
		ok "so do we ($options)" not atomic /dev/mapper/ours 16384
	fi
	remove_both
done
echo 0 >"$trace"/events/block/block_rq_issue/enable

# Where sectors have tags neither takes one, whatever the disk can do.
ram=$dev
integ 28 4096 D
dev=/dev/mapper/integ
ok 'open both over tags' both 'cipher=capi:gcm(aes)-random' key_bytes=32 \
	options='integrity:28:aead sector_size:4096'
for name in theirs ours; do
	ok "$name says none" is 0 "$(limit $name atomic_write_unit_max_bytes)"
	ok "$name takes none" not atomic /dev/mapper/$name 16384
done
remove_both
remove integ
ok 'it goes' scsi_remove
done_testing
