#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tables: what is refused and how it is said, what is shown, and that each is
# compared with what the key is bound to.
# vm: --smp 1 --append ima_policy=critical_data
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

brd 4
helper

# bad TEXT SETTING...: refused for the table alone, nobody is asked for a key
bad() {
	local text=$1
	shift

	helper
	refused "$text" "$(line "$@")" && is 0 "$(upcalls)"
}

# bad_text TEXT PATTERN REPLACEMENT: the same for a line changed by sed
bad_text() {
	helper
	refused "$1" "$(line | sed "s/$2/$3/")" && is 0 "$(upcalls)"
}

hex=$(printf '0%.0s' {1..128})
ok 'raw key' bad_text 'A raw key in a table is refused: use' \
	':64:kmscrypt:[-0-9a-f]*' "$hex"
ok 'raw key is not echoed' not grep -q "$hex" <(dmesg)
ok 'key length 0' bad 'Key length must be a number' key_bytes=0
ok 'key length 97' bad 'Key length must be a number' key_bytes=97
ok 'key length -1' bad 'Key length must be a number' key_bytes=-1
ok 'key length +64' bad 'Key length must be a number' key_bytes=+64
ok 'key length empty' bad 'Key length must be a number' key_bytes=
ok 'key length 33' bad 'Key length does not fit the cipher' key_bytes=33
ok 'key length 16' bad 'Key length does not fit the cipher' key_bytes=16
ok 'key type logon' bad_text 'Key type must be kmscrypt' :kmscrypt: :logon:
ok 'no key type' bad_text 'Key type must be kmscrypt' :kmscrypt:.* ' 0 1 2'
ok 'UUID too short' bad_text 'Volume UUID must be' '5555 ' '555 '
ok 'UUID too long' bad_text 'Volume UUID must be' '5555 ' '55555 '
ok 'UUID upper case' bad_text 'Volume UUID must be' '5555 ' '555A '
ok 'UUID not hexadecimal' bad_text 'Volume UUID must be' '5555 ' '555g '
ok 'no argument' refused 'Wrong number of arguments' 0 8 kmscrypt
ok 'no offset' bad_text 'Wrong number of arguments' ' 0 *$' ''
ok 'IV offset' bad 'IV offset is not a number' iv_offset=0x10
ok 'IV offset too large' bad 'IV offset is not a number' \
	iv_offset=18446744073709551616
ok 'offset' bad_text 'Device offset is not a number' ' 0 *$' ' -1'
ok 'fewer options' bad_text 'Number of options does not match' '$' ' 2 a'
ok 'more options' bad_text 'Number of options does not match' '$' ' 0 a'
ok 'unknown option' bad 'Unknown option' options=no_such_option
ok 'integrity on a plain device' bad 'Device keeps no tags' \
	'cipher=capi:gcm(aes)-random' key_bytes=32 options=integrity:28:aead
ok 'integrity_key_size' bad 'Option integrity_key_size is not supported' \
	options=integrity_key_size:32
for spec in 28:none 28:hmac 28: 28 :aead 0:aead 028:aead 481:aead -1:aead \
	28:aead:x 28:aeadx 4294967324:aead; do
	ok "integrity:$spec" bad 'integrity must be' "options=integrity:$spec"
done
ok 'integrity twice' bad 'Option is given twice' \
	options='integrity:28:aead integrity:28:aead'
ok 'option twice' bad 'Option is given twice' \
	options='allow_discards allow_discards'
ok 'sector_size twice' bad 'Option is given twice' \
	options='sector_size:512 sector_size:512'
for size in 256 513 8192 0 '' 512x; do
	ok "sector_size:$size" bad 'sector_size must be' \
		options="sector_size:$size"
done
ok 'IV offset unaligned' bad 'IV offset is not a multiple' iv_offset=4 \
	options=sector_size:4096
ok 'offset unaligned' bad 'Offset is not a multiple' offset=4 \
	options=sector_size:4096 length=8
ok 'length unaligned' bad 'Length is not a multiple' length=12 \
	options=sector_size:4096
ok 'absent device' bad_text 'Device cannot be opened' ram0 ram99
ok 'device too small' bad 'Device is too small' offset=8 length=8192
ok 'offset beyond the device' bad 'Device is too small' offset=80000 length=8
ok 'absent cipher' bad 'Cipher is not available' cipher=nosuch-xts-plain64
ok 'null cipher' bad 'A null cipher is refused' cipher=cipher_null-xts-plain64
ok 'null cipher in a template' bad 'A null cipher is refused' \
	'cipher=capi:cbc(ecb-cipher_null)-plain64'
ok 'absent cipher mode' bad 'Cipher is not available' \
	cipher=aes-nosuch-plain64
ok 'absent digest' bad 'Cipher is not available' cipher=aes-cbc-essiv:nosuch
ok 'ECB' bad 'Cipher takes no IV' cipher=aes-ecb-plain64
ok 'ECB in other words' bad 'Cipher takes no IV' 'cipher=capi:ecb(aes)-null'
ok 'AEAD without tags' bad 'Authenticated cipher needs option integrity' \
	'cipher=capi:gcm(aes)-plain64'
ok 'AEAD of two' bad 'Authenticated cipher needs option integrity' \
	'cipher=capi:authenc(hmac(sha256),cbc(aes))-plain64'
ok 'internal cipher' bad 'Cipher is not available' \
	'cipher=capi:__xts(aes)-plain64'
ok 'IV mode' bad 'IV mode is not supported' cipher=aes-xts-nosuch
ok 'IV mode empty' bad 'IV mode is not supported' cipher=aes-xts-
ok 'IV mode in capital letters' bad 'Cipher specification is' \
	cipher=aes-xts-PLAIN64
for iv in lmk lmk:md5 tcw; do
	ok "IV mode $iv" bad 'IV modes lmk and tcw' cipher=aes-cbc-$iv
done
for iv in elephant eboiv; do
	ok "IV mode $iv" bad 'IV modes elephant and eboiv' cipher=aes-cbc-$iv
done
ok 'IV mode random' bad 'IV mode random needs' cipher=aes-xts-random
ok 'IV mode with an option' bad 'IV mode takes no option' \
	cipher=aes-xts-plain64:sha256
ok 'IV mode with an empty option' bad 'IV mode takes no option' \
	cipher=aes-xts-plain64:
ok 'essiv without a digest' bad 'IV mode essiv needs' cipher=aes-cbc-essiv
ok 'essiv with an empty digest' bad 'IV mode essiv needs' \
	cipher=aes-cbc-essiv:
ok 'keycount' bad 'Several keys' cipher=aes:64-cbc-lmk
ok 'keycount of one' bad 'Several keys' cipher=aes:1-xts-plain64
ok 'capi alone' bad 'Cipher must be given as' cipher=capi:
ok 'capi without an IV' bad 'Cipher must be given as' 'cipher=capi:xts(aes)'
ok 'capi without a name' bad 'Cipher must be given as' cipher=capi:-plain64
ok 'no IV' bad 'Cipher must be given as' cipher=aes-xts
ok 'cipher alone' bad 'Cipher must be given as' cipher=aes
ok 'cipher in parentheses' bad 'Cipher must be given as' \
	'cipher=xts(aes)-xts-plain64'
ok 'cipher malformed' bad 'Cipher specification is' cipher=aes-xts-plain64%s
ok 'cipher too long' bad 'Cipher specification is' \
	"cipher=aes-xts-plain64$(printf 'x%.0s' {1..50})"

# What is shown loads again and is the same.
round_trip() {
	local once twice

	create one "$(line "$@")" || return
	once=$(dmsetup table one)
	remove one
	create one "$once" || return
	twice=$(dmsetup table one)
	is "$once" "$twice" && is "$once" \
		"$(line "$@" | sed "s,$dev,$(mountpoint -x "$dev"),;s/ *$//")"
	remove one
}
ok 'table, plain' round_trip
ok 'table, everything' round_trip iv_offset=8 offset=16 key_bytes=32 options="\
allow_discards iv_large_sectors same_cpu_crypt high_priority \
submit_from_crypt_cpus no_read_workqueue no_write_workqueue sector_size:4096"
create one "$(line)"
ok 'status' like "^active reason=none error=0 epoch=0 key=[1-9][0-9]* \
lease=0 left=0 on_lock=error cap=0 held=0 held_bytes=0 \
pages=0 pool=[0-9]+ pool_max=[1-9][0-9]* reserve=257 reserve_writes=0 \
pool_shrunk=[0-9]+ ?\$" "$(info one)"
ok 'unknown message' not dmsetup message one 0 frobnicate
ok 'message with too many words' not dmsetup message one 0 lock now
ok 'no key in table --showkeys' not grep -q \
	"$(head -c 8 $t/key | od -An -tx1 | tr -d ' \n')" \
	<(dmsetup table --showkeys one)
ima() {
	grep -ao '[0-9a-f]\{64,\}$' \
		/sys/kernel/security/ima/ascii_runtime_measurements |
		xxd -r -p | tr '\0' '\n'
}
ok 'IMA' grep -a "target_name=kmscrypt,target_version=.*,iv_large_sectors=n,\
cipher_string=aes-xts-plain64,key_size=64,.*,volume_uuid=$uuid,iv_offset=0,\
device=1:0,offset=0;" <(ima)
remove one

# A key that is bound to something else
differs() {
	local text=$1 setting=$2
	shift 2

	helper "$setting"
	refused "$text" "$(line "$@")" && is 1 "$(upcalls)"
}

# The same on a volume that is open: a second table, and a reload
differs_open() {
	local text=$1
	shift

	refused "$text" "$(line "$@")" || return
	dmesg -C
	not dmsetup reload one --table "$(line "$@")" &&
		like "kmscrypt: $text" "$(dmesg)"
}

bound='differs from what the volume key is bound to'
ok 'bound to a cipher' differs "Cipher $bound" cipher=serpent-xts-plain64
ok 'bound to a key length' differs "Key length $bound" key_bytes=32
ok 'bound to a sector size' differs "Sector size $bound" sector_size=4096
ok 'bound to large IV sectors' differs "iv_large_sectors $bound" flags=1
ok 'bound to an IV offset' differs "IV offset $bound" iv_offset=1
ok 'bound to an offset' differs "Device offset $bound" offset=8
ok 'bound to a length' differs 'Length is beyond' seg_size=4096
ok 'bound to another UUID' differs 'KMS key request failed: key rejected' \
	uuid=21111111-2222-4333-8444-555555555555
ok 'authentication' differs 'KMS key request failed: the key needs' \
	integrity=hmac
ok 'a cipher that is absent' differs 'KMS key request failed' \
	cipher=nosuch-xts-plain64

helper seg_size=1048576
ok 'open' create one "$(line length=2048)"
helper exit
ok 'open: cipher' differs_open "Cipher $bound" cipher=serpent-xts-plain64
ok 'open: key length' differs_open "Key length $bound" key_bytes=32
ok 'open: sector size' differs_open "Sector size $bound" \
	options=sector_size:4096 length=2048
ok 'open: large IV sectors' differs_open "iv_large_sectors $bound" \
	options=iv_large_sectors length=2048
ok 'open: IV offset' differs_open "IV offset $bound" iv_offset=8 length=2048
ok 'open: offset' differs_open "Device offset $bound" offset=8 length=2048
ok 'open: length' differs_open 'Length is beyond' length=2056
ok 'open: the same loads' create two "$(line length=2048)"
ok 'open: reload' dmsetup reload one --table "$(line length=1024)"
ok 'open: resume' dmsetup resume --noudevsync one
ok 'open: resized' is 1024 "$(blockdev --getsz /dev/mapper/one)"
ok 'open: no upcall for any of these' is 0 "$(upcalls)"
remove one
ok 'the volume lives as long as a table' like ^active "$(info two)"
ok 'and knows its key' create one "$(line length=2048)"
remove one two
ok 'then it is gone' not create one "$(line length=2048)"
ok 'with an upcall' is 1 "$(upcalls)"

# The same UUID on another device is another volume.
helper
create one "$(line)"
dev=/dev/ram1
helper
ok 'a clone' create two "$(line)"
ok 'a clone has an upcall of its own' like "^start [0-9]* $uuid@1:1 v=1 op=open \
cipher=aes-xts-plain64 key_bytes=64 sector_size=512 iv_offset=0 offset=0 \
len=8192 flags=0 timeout_ms=[0-9]*" "$(<$t/log)"
remove one two
done_testing
