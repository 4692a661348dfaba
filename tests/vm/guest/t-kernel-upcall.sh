#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The upcall: what each answer, and each helper that does not answer, ends in;
# and that nobody else gets at the keys.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

brd 4
deadline=/sys/module/kmscrypt/parameters/timeout_ms
ok 'the deadline is the contract'\''s' is 20000 "$(<$deadline)"

# a dmsetup that no signal reaches
uninterruptible() {
	grep -l '^State:.*D (disk' /proc/[0-9]*/status |
		xargs -r grep -h '^Name:.*dmsetup'
}

# --- answers ---
while read -r name number text; do
	helper "reject:$number"
	ok "$name" refused "KMS key request failed: $text" "$(line)"
done <<'EOT'
EKEYREVOKED 128 key revoked by the KMS
EACCES 13 the KMS denied access
EKEYREJECTED 129 key rejected, it does not match this volume
EBADMSG 74 malformed volume header or token
EPROTO 71 malformed answer from the KMS
EHOSTUNREACH 113 no KMS endpoint answered
ETIMEDOUT 110 no answer within the deadline
ENODATA 61 no kmscrypt binding on the device or no such KMS entry
ENOKEY 126 the upcall failed, is its request-key rule there?
EIO 5 see the kernel log and the helper's log
EOT
ok 'no negative answer is kept' not grep -F .kmscrypt /proc/keys

# What is no payload is refused, so the helper ends without an answer.
malformed() {
	helper "$1"
	refused 'KMS key request failed: the upcall failed' "$(line)" &&
		grep -q 'result=22$' "$t/log"
}
for word in magic=1 version=2 total=295 policy=2 sector_size=0 \
	sector_size=768 sector_size=8192 flags=2 reserved=0 reserved=23 \
	key_bytes=0 key_bytes=97 key_tail=1 cipher= cipher_tail=1 \
	seg_offset=1 seg_size=511 lease=9 size=295 size=297 size=0; do
	ok "malformed payload: $word" malformed "$word"
done

# --- helpers that do not answer ---
helper exit
ok 'helper dies' refused 'KMS key request failed: the upcall failed' "$(line)"
helper ''
ok 'it is asked again at once' create one "$(line)"
remove one
mv $t/helper $t/away
ok 'helper missing' refused 'KMS key request failed: the upcall failed' \
	"$(line)"
mv /etc/request-key.d/kmsc-test.conf $t
ok 'no rule' refused 'KMS key request failed: the upcall failed' "$(line)"
mv $t/kmsc-test.conf /etc/request-key.d
mv $t/away $t/helper

echo 1000 >$deadline
helper sleep:7000
ok 'helper hangs' refused \
	'KMS key request failed: no answer within the deadline' "$(line)"
ok 'nobody waits in D state' is '' "$(uninterruptible)"
ok 'its key comes' in_time 10 grep -q 'end .* result=0' $t/log
ok 'late, and goes' in_time 2 not grep -F .kmscrypt /proc/keys
helper 'sleep:1500'
ok 'an answer within the grace' create one "$(line)"
remove one
helper stop
ok 'helper stopped' refused \
	'KMS key request failed: no answer within the deadline' "$(line)"
stopped=$(cut -d' ' -f2 $t/log)
helper ''
ok 'the next attempt is not behind it' create one "$(line)"
remove one
kill -KILL "$stopped"

# --- the waiter is killed ---
echo 20000 >$deadline
helper sleep:4000
create one "$(line)" 2>/dev/null &
waiter=$!
ok 'the helper runs' in_time 10 grep -q start $t/log
dmesg -C
kill -KILL $waiter $(pgrep -x dmsetup)
ok 'dmsetup can be killed while it waits' in_time 2 not pgrep -x dmsetup
ok 'it says so' in_time 2 grep -q 'request failed: interrupted' <(dmesg)
dmsetup remove one 2>/dev/null
ok 'it leaves nothing' not dmsetup info one
ok 'the key comes late' in_time 10 grep -q 'end .* result=0' $t/log
ok 'and goes' in_time 2 not grep -F .kmscrypt /proc/keys

# --- unload while an attempt runs that nobody waits for ---
helper sleep:4000
create one "$(line)" 2>/dev/null &
in_time 10 grep -q start $t/log
ok 'no unload while dmsetup waits' not rmmod kmscrypt
kill -KILL $(pgrep -x dmsetup)
in_time 2 not pgrep -x dmsetup
dmsetup remove one 2>/dev/null
ok 'unload waits for the helper' module_unload
ok 'which has ended' grep -q 'end .* result=0' $t/log
ok 'unloaded' not grep -F .kmscrypt /proc/keys
module_load

# --- at the same time ---
helper sleep:2000
for name in one two three; do
	create $name "$(line)" &
done
wait
ok 'three tables open' like '^active' "$(info one)$(info two)$(info three)"
ok 'with one upcall' is 1 "$(upcalls)"
remove one two three
helper sleep:2000
create one "$(line)" &
in_time 10 grep -q start $t/log
ok 'another table meanwhile has its own answer' refused \
	'Sector size differs' "$(line options=sector_size:4096)"
wait
ok 'and harms none' like ^active "$(info one)"
remove one
helper 'reject:128 sleep:1000'
create one "$(line)" 2>/dev/null &
create two "$(line options=sector_size:4096)" 2>/dev/null &
wait
ok 'a refusal of one table is none of another' is 2 "$(upcalls)"

# --- keys ---
helper ''
# not for its payload's sake, that would be EINVAL
ok 'no add_key' like 'not permitted' \
	"$(keyctl add .kmscrypt "$uuid@1:0" x @s 2>&1)"
ok 'no request_key' like 'not permitted' \
	"$(keyctl request2 .kmscrypt "$uuid@1:0" '' @s 2>&1)"
create one "$(line)"
serial=$(info one | sed 's/.*key=//; s/ .*//')
ok 'the key can be seen' like "\.kmscrypt.*$uuid@1:0" "$(keyctl rdescribe "$serial")"
ok 'not read' not keyctl read "$serial"
ok 'not linked' not keyctl link "$serial" @s
ok 'not changed' not keyctl update "$serial" x
ok 'not invalidated' not keyctl invalidate "$serial"
ok 'not instantiated again' not keyctl instantiate "$serial" x @s
ok 'is nowhere in /proc/keys in the clear' not grep -q \
	"$(head -c 8 $t/key | od -An -tx1 | tr -d ' \n')" /proc/keys
remove one
ok 'goes with the volume' in_time 5 not keyctl rdescribe "$serial"
cycles() {
	for _ in {1..20}; do
		create one "$(line)" && remove one || return
	done
}
ok 'twenty times' cycles
done_testing
