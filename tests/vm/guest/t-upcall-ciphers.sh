#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Other ciphers than the default, the whole way: formatted by kmscrypt, opened
# by the kernel alone, and with the exported key by stock cryptsetup.
# vm: --smp 1 --mem 1G --disk 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh

modprobe dm-crypt
head -c 1M /dev/urandom >"$t/plain"

# whole_way CIPHER KEY_BITS
whole_way() {
	local cipher=$1 bits=$2 status

	kmscrypt format --force --cipher "$cipher" --key-size "$bits" "$disk" &&
		is "$cipher" "$(table "$disk" | cut -d' ' -f4)" &&
		create vol "$(table "$disk")" || return
	dd if="$t/plain" of=/dev/mapper/vol bs=1M oflag=direct status=none
	remove vol
	rm -f "$t/key"
	kmscrypt dump "$disk" --dump-volume-key --volume-key-file "$t/key" &&
		cryptsetup open --volume-key-file "$t/key" --key-size "$bits" \
			"$disk" stock || return
	dd if=/dev/mapper/stock bs=1M count=1 iflag=direct status=none |
		cmp - "$t/plain"
	status=$?
	cryptsetup close stock
	return "$status"
}

ok 'aes-cbc-essiv:sha256' whole_way aes-cbc-essiv:sha256 256
ok 'aes-xts-null' whole_way aes-xts-null 512
ok 'serpent-xts-plain64' whole_way serpent-xts-plain64 512
ok 'xchacha12,aes-adiantum-plain64' whole_way xchacha12,aes-adiantum-plain64 256
ok 'capi:xts(aes)-plain64' whole_way 'capi:xts(aes)-plain64' 512
ok 'a null cipher' not kmscrypt format --force --cipher cipher_null-ecb "$disk"
ok 'null for short' not kmscrypt format --force --cipher null-ecb "$disk"
done_testing
