#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: measure, print "cell SECTOR WORKLOAD BYTES DEPTH TARGET NS..."
# and "call HANDLE OP BYTES NS", NS in hundredths.
#
# usage: guest.sh quick|full, with IO, FLOOR and KMSC_MODULE in the environment
set -uo pipefail
lib=$(cd "$(dirname "$0")/../vm/guest" && pwd)
# shellcheck source-path=SCRIPTDIR source=../vm/guest/kernel-lib.sh
. "$lib/kernel-lib.sh"

rounds=3

# cells SECTOR BYTES COUNT DEPTHS WORKLOADS
cells() {
	local depth workload

	for depth in $4; do
		for workload in $5; do
			"$IO" "$workload" "$2" "$depth" "$3" $rounds \
				raw=$dev linear=/dev/mapper/linear \
				crypt=/dev/mapper/crypt \
				crypt-nowq=/dev/mapper/nowq \
				kmscrypt=/dev/mapper/ours |
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

modprobe dm-crypt
brd 64
# While the guest waits for the host's files its clock runs ahead.
echo 600000 >/sys/module/kmscrypt/parameters/timeout_ms
# so that no page of it is allocated while we measure
dd if=/dev/zero of=$dev bs=1M count=64 oflag=direct status=none
# what newer kernels do in the background after modules were loaded
sleep 40
insmod "$FLOOR" || exit
dmesg | sed -n 's/.*kmsc_floor: \([a-z]* [a-z]* [0-9]* [0-9]*\)$/call \1/p'

for sector in 512 4096; do
	targets $sector || exit
	cells $sector 4096 1024 '1 32' 'randread randwrite'
	if [ "$1" = full ]; then
		cells $sector $((128 << 10)) 64 '1 4' 'read write'
		cells $sector $((1 << 20)) 16 '1 4' 'read write'
	fi
	remove linear crypt nowq ours
done
