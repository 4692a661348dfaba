#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The device below fails: whoever asked is told, nothing else is ever read than
# what was written, and no memory is held afterwards.
# vm: --disk 96M --timeout 600
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=safe-lib.sh
. ./safe-lib.sh
# shellcheck source=debug-lib.sh
. ./debug-lib.sh

times=$(often 500 8)
program writer
disk=$(readlink -f /dev/disk/by-id/virtio-disk0)
sectors=$(blockdev --getsz "$disk")
half=$((sectors / 2))
good="0 $sectors linear $disk 0"

# becomes TABLE: the device below the volume, without a flush, which may fail
becomes() {
	dmsetup reload lower --table "$1" && dmsetup suspend --noflush lower &&
		dmsetup resume --noudevsync lower
}

begun() {
	grep -q begun "$t"/writer.log
}

# written BAD: a writer goes on that knows what was written, while the lower
# device is now good and now BAD
written() {
	local writer n status

	"$t"/writer /dev/mapper/one $((half - 8192)) 16384 100000 \
		>"$t"/writer.log 2>&1 &
	writer=$!
	in_time 60 begun || return
	for ((n = 0; n < times; n++)); do
		becomes "$1" && $bad_too && sleep "$(slowly 400)e-3" &&
			becomes "$good" && sleep "$(slowly 200)e-3" || return
	done
	kill -TERM "$writer"
	wait "$writer"
	status=$?
	cat "$t"/writer.log
	return "$status"
}

# told WHAT: the writer saw errors in its writes or reads
told() {
	grep -E "$1=[0-9]+ failed=[1-9]" "$t"/writer.log
}

# dd_fails ARGUMENT...
dd_fails() {
	not dd bs=64k count=4 status=none "$@"
}

# failing NAME BAD: in all ways
failing() {
	local options

	for options in '' 'sector_size:4096'; do
		create one "$(line options="$options")"
		ok "$1 ($options): nothing is wrong" written "$2"
		ok "$1 ($options): the writer was told" told "$told"
		ok "$1 ($options): all memory is back" in_time 10 settled
		ok "$1 ($options): then all is well" data /dev/mapper/one
		remove one
	done
}

helper
mapped lower "$good"
dev=/dev/mapper/lower
bad_too=true

told=writes
modprobe dm-flakey
failing dm-flakey "0 $sectors flakey $disk 0 0 1"
failing 'dm-flakey, writes only' \
	"0 $sectors flakey $disk 0 0 1 1 error_writes"
failing dm-error "$(printf '0 %s linear %s 0\n%s %s error\n' $half "$disk" \
	$half $((sectors - half)))"

# all fails: what is buffered is not acknowledged either
create one "$(line)"
becomes "0 $sectors error"
ok 'a write fails' dd_fails if=/dev/zero of=/dev/mapper/one oflag=direct
ok 'a read fails' dd_fails if=/dev/mapper/one of=/dev/null iflag=direct
ok 'a buffered write fails with its fsync' dd_fails if=/dev/zero \
	of=/dev/mapper/one conv=fsync
ok 'all memory is back' in_time 10 settled
becomes "$good"
remove one

# blocks that cannot be read until they are written again; each is a process
step=$(slowly 37)
dust() {
	local block

	for ((block = half - 8192; block < half + 8192; block += step)); do
		dmsetup message lower 0 addbadblock "$block" || return
	done
	dmsetup message lower 0 enable
}
if modprobe dm-dust 2>/dev/null; then
	told=reads
	bad_too=dust
	failing dm-dust "0 $sectors dust $disk 0 512"
else
	skip dm-dust 'this kernel has none'
fi
remove lower
done_testing
