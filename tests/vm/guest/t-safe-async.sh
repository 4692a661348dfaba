#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A cipher that answers later, and that has no room for requests: cryptd. It is
# made the kernel's preferred one before the volume opens. Without the vector
# instructions, as cryptd takes synchronous ciphers only.
# vm: --disk 96M --timeout 600 --cpu max,-aes
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=safe-lib.sh
. ./safe-lib.sh

# preferred: the driver that who asks for AES-XTS gets
preferred() {
	awk '/^name/ { name = $3 }
	     /^driver/ { driver = $3 }
	     /^priority/ { priority = $3 }
	     /^internal/ && $3 == "no" && name == "xts(aes)" &&
	     priority > most { most = priority; best = driver }
	     END { print best }' /proc/crypto
}

# users DRIVER
users() {
	awk -v driver="$1" '/^driver/ { found = $3 == driver }
		found && /^refcnt/ { print $3; exit }' /proc/crypto
}

# in_parallel: four processes, each in its part
in_parallel() {
	fio --filename=/dev/mapper/one --direct=1 --rw=randwrite \
		--ioengine=libaio --iodepth=8 --bsrange=4k-64k --blockalign=4k \
		--size=8M --offset_increment=8M --numjobs=4 --name=parallel \
		--verify=crc32c --do_verify=1 --verify_fatal=1 --randseed=7 "$@"
}

# as_crypt: dm-crypt, which takes the cipher below cryptd by its name
as_crypt() {
	local status

	create crypt "$(crypt_line "$@" |
		sed "s/ aes-xts-plain64 / capi:$driver-plain64 /")" || return
	data /dev/mapper/crypt --verify_only
	status=$?
	remove crypt
	return "$status"
}

cat >$t/hold.py <<'PY'
import socket, sys, time
s = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET, 0)
s.bind(("skcipher", sys.argv[1]))
print("bound", flush=True)
time.sleep(1000000)
PY

helper
dev=/dev/disk/by-id/virtio-disk0
modprobe -a dm-crypt algif_skcipher
# one request on its way for each processor, the others queue behind
modprobe cryptd cryptd_max_cpu_qlen=1
# so that the kernel has loaded what it has
create one "$(line)" && remove one
driver=$(preferred)
/usr/bin/python3 $t/hold.py "cryptd($driver)" >$t/bound 2>&1 &
holder=$!
ok "cryptd($driver)" in_time 30 grep bound $t/bound
ok 'is preferred' is "cryptd($driver)" "$(preferred)"
before=$(users "cryptd($driver)")

for options in '' 'sector_size:4096 iv_large_sectors'; do
	ok "open ($options)" create one "$(line options="$options")"
	ok "it is used ($options)" \
		[ "$(users "cryptd($driver)")" -gt "$before" ]
	ok "data of mixed sizes ($options)" data /dev/mapper/one
	ok "in parallel ($options)" in_parallel
	ok "all memory is back ($options)" in_time 10 settled
	data /dev/mapper/one >/dev/null 2>&1
	remove one
	ok "dm-crypt reads it ($options)" as_crypt options="$options"
done

# busy: pages are with writes
busy() {
	[ "$(counter pages)" -gt 0 ]
}

# locked while requests are with the cipher
create one "$(line)"
in_parallel --time_based --runtime=1000 >$t/fio 2>&1 &
job=$!
in_time 60 busy
ok 'a lock under load' dmsetup message one 0 lock
wait $job
ok 'the load has failed' not is 0 $?
ok 'the key is gone from the cipher' is "$before" "$(users "cryptd($driver)")"
ok 'all memory is back after it' in_time 10 settled
dmsetup message one 0 unlock
active() {
	like '^active' "$(info one)"
}
ok 'unlocked' in_time 30 active
ok 'it works again' data /dev/mapper/one
remove one
ok 'nobody uses it' is "$before" "$(users "cryptd($driver)")"
kill $holder
wait $holder
done_testing
