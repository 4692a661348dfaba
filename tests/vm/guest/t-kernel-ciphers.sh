#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each cipher and IV mode: what dm-crypt writes we read, and the other way.
# Each with both sector sizes, in turn with each IV unit and at each place; with
# SOAK=1 all of them together.
# vm: --smp 1 --mem 1G
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

modprobe dm-crypt
brd 4

in_memory dmsetup dd cmp sed od head blockdev

size=$((256 * 1024))
for plain in 1 2; do
	head -c "$size" /dev/urandom >"$t/plain$plain"
done

# both_ways SETTING...: the devices are new, so nothing is read from a cache
both_ways() {
	local offset=0 at

	create ours "$(line "$@")" || return
	create theirs "$(crypt_line "$@")" || return
	dd if="$t/plain1" of=/dev/mapper/ours bs=100K oflag=direct status=none &&
		cmp "$t/plain1" /dev/mapper/theirs || return
	dd if="$t/plain2" of=/dev/mapper/theirs bs="$size" oflag=direct \
		status=none && cmp "$t/plain2" /dev/mapper/ours || return
	# the control: something was encrypted at all
	at=$(line "$@" | cut -d' ' -f8)
	not cmp -s -n 512 -i 0:$((at * 512)) "$t/plain2" "$dev" || return
	remove ours theirs
}

# stock_has SETTING...
stock_has() {
	create theirs "$(crypt_line "$@")" 2>/dev/null && remove theirs
}

# The second one is where the lower half of a number ends, the third where it
# does in sectors of 4096 bytes.
places=('24 8' '4294967288 2048' '34359738360 16')
count=0
ciphers=0

# matrix WHETHER CIPHER KEY_BYTES: all of one cipher; if it may be "absent",
# dm-crypt says whether this kernel has it, and so whether we must have it
matrix() {
	local may=$1 cipher=$2 key_bytes=$3 options place here
	local base=("cipher=$cipher" "key_bytes=$key_bytes"
		"length=$((size / 512))")

	if [ "$may" = absent ] && ! stock_has "${base[@]}"; then
		ok "$cipher # SKIP this kernel's dm-crypt does not have it" \
			not create ours "$(line "${base[@]}")"
		return
	fi
	ciphers=$((ciphers + 1))
	for options in sector_size:512 sector_size:4096 \
		'iv_large_sectors sector_size:4096'; do
		# of the last two, every other cipher has one
		[ "${SOAK:-}" = 1 ] || [ "$options" = sector_size:512 ] ||
			[[ $options == iv* && $((ciphers % 2)) = 1 ]] ||
			[[ $options != iv* && $((ciphers % 2)) = 0 ]] || continue
		here=("${places[count % ${#places[@]}]}")
		[ "${SOAK:-}" != 1 ] || here=("${places[@]}")
		count=$((count + 1))
		for place in "${here[@]}"; do
			ok "$cipher, $key_bytes byte key, $options, IV and \
offset $place" both_ways "${base[@]}" "options=$options" \
				"iv_offset=${place% *}" "offset=${place#* }"
			dmsetup remove_all --force
		done
	done
}

matrix here aes-xts-plain64 64
matrix here aes-xts-plain 32
matrix here aes-xts-plain64be 64
matrix here aes-xts-null 64
matrix here aes-xts-essiv:sha256 64
matrix here aes-cbc-essiv:sha256 32
matrix here aes-cbc-plain 16
matrix here aes-cbc-plain64be 24
matrix here aes-lrw-benbi 48
matrix here des3_ede-cbc-plain64be 24
matrix here serpent-xts-plain64 64
matrix here twofish-xts-plain64 64
matrix here twofish-cbc-essiv:sha256 32
matrix here camellia-xts-plain64 64
matrix here xchacha12,aes-adiantum-plain64 32
matrix here xchacha20,aes-adiantum-plain64be 32
matrix here 'capi:xts(aes)-plain64' 64
matrix here 'capi:cbc(aes)-essiv:sha256' 32
matrix here 'capi:adiantum(xchacha20,aes)-plain64' 32
# asynchronous, always
matrix here 'capi:cryptd(ctr(aes-generic))-plain64be' 32
matrix absent aria-xts-plain64 64
matrix absent sm4-xts-plain64 32
matrix absent aes-hctr2-plain64 32
done_testing
