#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: measure, print "cell SECTOR WORKLOAD BYTES DEPTH TARGET NS..."
# and "call HANDLE OP BYTES NS", NS of a call in hundredths.
#
# usage: guest.sh MODE, with IO, FLOOR, KMSC_MODULE and VARIANTS in the
# environment
#
# MODE is quick, icount, icount-noerms, smp2 or smp2-busy; tricks and tricks-smp2
# measure the modules of VARIANTS (NAME=FILE...), one after the other.
set -uo pipefail
lib=$(cd "$(dirname "$0")/../vm/guest" && pwd)
# shellcheck source-path=SCRIPTDIR source=../vm/guest/kernel-lib.sh
. "$lib/kernel-lib.sh"

mode=$1
case $mode in
*smp2*) rounds=15 smalls=256 larges=16 huges=4 ;;
*) rounds=3 smalls=1024 larges=64 huges=16 ;;
esac

# cells SECTOR BYTES COUNT DEPTHS WORKLOADS: of the devices (NAME=DEVICE...)
cells() {
	local depth workload

	for depth in $4; do
		for workload in $5; do
			"$IO" "$workload" "$2" "$depth" "$3" $rounds \
				"${devices[@]}" |
				sed "s/^/cell $1 $workload $2 $depth /" || exit
		done
	done
}

targets() {
	local sector=$1 nowq='no_read_workqueue no_write_workqueue'

	create linear "0 $(blockdev --getsz $dev) linear $dev 0" &&
		create crypt "$(crypt_line options="sector_size:$sector")" &&
		create nowq "$(crypt_line options="sector_size:$sector $nowq")" &&
		create ours "$(line options="sector_size:$sector")"
}

compare() {
	local sector
	local devices=("raw=$dev" linear=/dev/mapper/linear
		crypt=/dev/mapper/crypt crypt-nowq=/dev/mapper/nowq
		kmscrypt=/dev/mapper/ours)

	for sector in 512 4096; do
		targets $sector || exit
		cells $sector 4096 $smalls '1 32' 'randread randwrite'
		if [ "$mode" != quick ]; then
			cells $sector $((128 << 10)) $larges '1 4' 'read write'
			cells $sector $((1 << 20)) $huges '1 4' 'read write'
		fi
		remove linear crypt nowq ours
	done
}

# load FILE: this module instead
load() {
	rmmod kmscrypt && insmod "$1" || exit
	echo 600000 >/sys/module/kmscrypt/parameters/timeout_ms
}

# What fans out is large: there is nothing to see elsewhere.
tricks() {
	local variant sector devices

	for variant in $VARIANTS; do
		load "${variant#*=}"
		devices=("${variant%%=*}=/dev/mapper/ours")
		for sector in 512 4096; do
			create ours "$(line options="sector_size:$sector")" ||
				exit
			[ "$mode" != tricks ] ||
				cells $sector 4096 $smalls 1 'randread randwrite'
			cells $sector $((128 << 10)) $larges 1 'read write'
			cells $sector $((1 << 20)) $huges 1 'read write'
			remove ours
		done
	done
}

# Something else to do for the second processor, until we are done.
busy() {
	# shellcheck disable=SC2016 # it is that shell's
	taskset -c 1 sh -c 'while kill -0 "$1"; do :; done' busy $$ &
}

# While the guest waits for the host's files its clock runs ahead, so that
# nobody in the kernel may have to wait for a module.
modprobe -a dm-crypt aesni-intel xts ecb
brd 64
echo 600000 >/sys/module/kmscrypt/parameters/timeout_ms
# so that no page of it is allocated while we measure
dd if=/dev/zero of=$dev bs=1M count=64 oflag=direct status=none
# what newer kernels do in the background after modules were loaded
sleep 40
insmod "$FLOOR" || exit
dmesg | sed -n 's/.*kmsc_floor: \([a-z]* [a-z]* [0-9]* [0-9]*\)$/call \1/p'
[ "$mode" != smp2-busy ] || busy

case $mode in
tricks*) tricks ;;
*) compare ;;
esac
