#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What others are told of a table, beside dm-crypt: IMA's measurement, audit
# records, uevents and the counts of I/O.
# vm: --smp 1 --append audit=1 --append ima_policy=critical_data
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=parity-lib.sh
. ./parity-lib.sh

brd 64
helper
# all that audit says, also when it says much
echo 0 >/proc/sys/kernel/printk_ratelimit

# --- IMA ---

# measured TARGET: its last measurement, an attribute a line
measured() {
	grep -ao '[0-9a-f]\{64,\}$' \
		/sys/kernel/security/ima/ascii_runtime_measurements |
		xxd -r -p | tr '\0' '\n' |
		grep -ao "target_name=$1,[^;]*" | tail -n 1 | tr , '\n'
}

# as_measured SETTING...: ours has dm-crypt's attributes, with its values, in its
# order; then more of its own
as_measured() {
	both "$@" || return
	measured crypt | grep -v '^target_' >"$t/theirs"
	measured kmscrypt | grep -v '^target_' >"$t/ours"
	remove_both
	# 6.1's dm-crypt has no such option
	grep -q ^high_priority "$t/theirs" || sed -i /^high_priority/d "$t/ours"
	[ "$(wc -l <"$t/theirs")" -ge 10 ] && diff "$t/theirs" \
		<(head -n "$(wc -l <"$t/theirs")" "$t/ours")
}

if grep -q . /sys/kernel/security/ima/ascii_runtime_measurements; then
	ok 'IMA: plain' as_measured
	ok 'IMA: options' as_measured key_bytes=32 offset=8 options="\
allow_discards same_cpu_crypt no_read_workqueue"
	ok 'IMA: other options' as_measured iv_offset=8 options="\
submit_from_crypt_cpus no_write_workqueue iv_large_sectors sector_size:4096"
	ok 'IMA: another cipher' as_measured cipher=aes-cbc-essiv:sha256 \
		key_bytes=32
	ram=$dev
	dev=/dev/mapper/integ
	integ 28 512 D
	ok 'IMA: tags' as_measured 'cipher=capi:gcm(aes)-random' key_bytes=32 \
		options=integrity:28:aead
	remove integ
	integ 48 4096 J
	ok 'IMA: tags, and a key for them' as_measured key_bytes=96 \
		'cipher=capi:authenc(hmac(sha256),xts(aes))-random' \
		options='integrity:48:aead sector_size:4096'
	remove integ
	dev=$ram
else
	skip IMA 'this kernel measures nothing'
fi

# --- audit ---

# records COMMAND...: what audit says of tables meanwhile, without who and when
records() {
	dmesg -C
	"$@" >&2
	# a thread of the kernel's writes them
	sleep 1
	dmesg | sed -n 's/.*audit: type=\(13[0-9]*\) audit([^)]*): /\1 /p' |
		grep -a ' op=[cd]tr ' |
		sed 's/ppid=.* dev=/dev=/; s/module=[a-z]* /module=M /'
}

come_and_go() {
	create "$1" "$2" && dmsetup table "$1" >/dev/null && remove "$1"
}

same_records() {
	local ours theirs

	theirs=$(records come_and_go one "$(crypt_line "$@")" 2>/dev/null)
	ours=$(records come_and_go one "$(line "$@")" 2>/dev/null)
	[ -n "$theirs" ] && is "$theirs" "$ours"
}

# said RECORDS: without the sentence
said() {
	printf '%s\n' "$1" | sed "s/error_msg='[^']*'/error_msg/"
}

# A refusal: the same records, but for the sentence
same_refusal() {
	local ours theirs

	theirs=$(records create one "$(crypt_line "$@")" 2>/dev/null)
	ours=$(records create one "$(line "$@")" 2>/dev/null)
	echo "$ours"
	like "op=ctr .*error_msg='[A-Z].*' res=0" "$ours" &&
		diff <(said "$theirs") <(said "$ours")
}

# as Debian builds them, but another kernel may not
if [ -n "$(records come_and_go one "$(crypt_line)" 2>/dev/null)" ]; then
	ok 'audit: a table comes and goes' same_records
	ok 'audit: one that is refused for an option' same_refusal \
		options=nosuch_option
	# dm-crypt is content, then dm is not, of which audit hears nothing
	ok 'audit: one that is refused for its size' like \
		"op=ctr .*error_msg='Device is too small .*' res=0" \
		"$(records create one "$(line length=2000000)" 2>/dev/null)"
	ok 'audit: one that is refused for its cipher' same_refusal \
		cipher=nosuch-xts-plain64
	ok 'audit: says which module' like 'module=kmscrypt op=ctr ' "$(
		dmesg -C
		come_and_go one "$(line)"
		dmesg
	)"
	helper reject:128
	ok 'audit: a key that is revoked' like \
		"op=ctr .*error_msg='KMS key request failed: key revoked.* res=0" \
		"$(records create one "$(line)" 2>/dev/null)"
	helper
else
	skip audit 'this kernel has no CONFIG_DM_AUDIT'
fi

# --- uevents ---

# events LINE: of a mapping's life, without what differs by name
events() {
	: >"$t/uevents"
	python3 ./uevents.py all >"$t/uevents" &
	job=$!
	in_time 60 grep -q listening "$t/uevents"
	create one "$1"
	dmsetup reload one --table "$1"
	dmsetup resume --noudevsync one
	dmsetup suspend one
	dmsetup resume --noudevsync one
	remove one
	in_time 10 grep -q ACTION=remove "$t/uevents"
	sleep 0.5
	kill "$job"
	wait "$job" 2>/dev/null
	grep -v listening "$t/uevents" | sed 's/DISKSEQ=[0-9]*//'
}
events "$(crypt_line)" >"$t/events.theirs" 2>/dev/null
events "$(line)" >"$t/events.ours" 2>/dev/null
ok 'uevents: there are some' test "$(wc -l <"$t/events.theirs")" -ge 3
ok 'uevents: ours are those' diff "$t/events.theirs" "$t/events.ours"

# --- counts ---

# counts NAME: reads and writes, each with sectors; discards and flushes; what
# is under way. Time is left out.
counts() {
	awk '{ print $1, $3, $5, $7, $12, $14, $16, $9 }' "$(sysfs "$1")/stat"
}

# io NAME: reads, writes, flushes, some longer than a write can be
io() {
	dd if=/dev/urandom of="/dev/mapper/$1" bs=4k count=64 oflag=direct \
		status=none
	dd if=/dev/urandom of="/dev/mapper/$1" bs=3M count=4 oflag=direct \
		iflag=fullblock conv=fsync status=none
	dd if="/dev/mapper/$1" of=/dev/null bs=512 count=100 iflag=direct \
		status=none
	dd if="/dev/mapper/$1" of=/dev/null bs=1M count=8 iflag=direct status=none
	python3 -c '
import os, sys
f = os.open(sys.argv[1], os.O_RDWR)
os.fsync(f)' "/dev/mapper/$1"
}

# sectors NAME: of what is counted only that which no split can change
sectors() {
	counts "$1" | cut -d' ' -f2,4,8
}

both
io ours
io theirs
echo "# counts: dm-crypt $(counts theirs), ours $(counts ours)"
ok 'counts: as many sectors as dm-crypt, none under way' \
	is "$(sectors theirs)" "$(sectors ours)"
ok 'counts: they are those of what was done' \
	is "$((100 + 8 * 2048)) $((64 * 8 + 12 * 2048)) 0" "$(sectors ours)"
remove_both

# What was held counts once, and is under way until it ends.
helper policy=1 cap=60
create ours "$(line)"
before=$(counts ours | cut -d' ' -f3,4)
dmsetup message ours 0 lock
dd if=/dev/zero of=/dev/mapper/ours bs=4k count=1 oflag=direct status=none &
job=$!
held() {
	like ' held=1 ' "$(info ours)"
}
ok 'counts: a write is held' in_time 20 held
dmsetup message ours 0 unlock
wait "$job"
ok 'counts: it goes on' is 0 $?
is "$(awk -v b="$before" 'BEGIN { split(b, n); print n[1] + 1, n[2] + 8 }')" \
	"$(counts ours | cut -d' ' -f3,4)" >"$t/once"
ok 'counts: it counts once' test ! -s "$t/once"
ok 'counts: nothing is under way' is 0 "$(counts ours | cut -d' ' -f8)"
remove ours

done_testing
