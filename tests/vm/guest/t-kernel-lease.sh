#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Leases: the deadline holds whatever user space does, an outage is not a
# revocation, and what the KMS says in the end is obeyed. In a machine whose
# clock counts instructions, so that waiting costs nothing.
# vm: --icount --append audit=1
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

state() {
	like "$2" "$(info "$1")"
}

works() {
	dd if=/dev/mapper/"$1" of=/dev/null bs=4k count=1 iflag=direct status=none
}

# stamp TEXT: a line in the kernel's log, by whose clock all is measured
stamp() {
	echo "kmsc-test: $*" >/dev/kmsg
}

# times PATTERN: when each such line was logged, in ms
times() {
	dmesg | grep -E -- "$1" |
		sed 's/^\[ *\([0-9]*\)\.\([0-9][0-9][0-9]\).*/\1\2/'
}

# when PATTERN: the last of them
when() {
	times "$1" | tail -n 1
}

renewals() {
	grep -c "^start .*$1@.* op=renew " $t/log
}

more_renewals() {
	[ "$(renewals "$uuid")" -gt "$1" ]
}

modprobe brd rd_nr=5 rd_size=4096
in_memory request-key dmsetup keyctl dd sleep date grep sed tail cut dmesg \
	blockdev seq pkill cat awk
# nor is the host asked for what is in this one: it is not the host's
cp -r /etc/request-key.d $t/rules && rm -r /etc/request-key.d &&
	cp -r $t/rules /etc/request-key.d

# While the machine waits for the host, its clock runs on: what will be needed
# is to be in its memory before anything is measured.
helper epoch=1
dev=/dev/ram4
for _ in 1 2; do
	create warm "$(line)"
	works warm
	dmsetup message warm 0 renew
	keyctl revoke 0 2>/dev/null
	date -s '+0 hours' >/dev/null
	sleep 0
	when nothing
	state warm ^active >/dev/null
	pkill -x nobody
	remove warm
done

# --- the deadline --------------------------------------------------------
# Three volumes at a time: a helper that hangs, the clock set back and forth, all
# of user space stopped but us.
stopped=()
stop_user_space() {
	local process

	for process in /proc/[0-9]*; do
		process=${process#/proc/}
		[ "$process" -gt 1 ] || continue
		[ "$process" != $$ ] || continue
		[ -e "/proc/$process/exe" ] || continue
		kill -STOP "$process" 2>/dev/null && stopped+=("$process")
	done
}

start_user_space() {
	kill -CONT "${stopped[@]}"
	stopped=()
}

# in_lease NAME UUID: locked not before its deadline, and a second after it at
# the latest; and nothing was read from it since
in_lease() {
	local opening opened locked

	opening=$(when "kmsc-test: opening $1")
	opened=$(when "kmsc-test: opened $1")
	locked=$(when "kmscrypt: $2@.* locked, reason=unreachable")
	echo "opening $opening opened $opened locked $locked"
	[ -n "$locked" ] && [ "$locked" -ge $((opening + 10000)) ] &&
		[ "$locked" -le $((opened + 11000)) ] &&
		state "$1" '^locked reason=unreachable .* lease=10 left=0 ' &&
		not works "$1"
}

uuid_of() {
	printf '%08d-2222-4333-8444-555555555555' "$1"
}

deadlines() {
	local n load

	helper epoch=1 lease=10 later stop
	for n in 1 2 3; do
		uuid=$(uuid_of "$n")
		dev=/dev/ram$n
		stamp "opening d$n"
		create "d$n" "$(line)"
		stamp "opened d$n"
	done
	dd if=/dev/mapper/d1 of=/dev/null bs=4k iflag=direct status=none &
	load=$!
	sleep 4
	date -s '+1 hour' >/dev/null
	sleep 1
	date -s '-2 hours' >/dev/null
	stop_user_space
	sleep 7
	start_user_space
	wait $load
	for n in 1 2 3; do
		ok "deadline $1.$n" in_lease "d$n" "$(uuid_of "$n")"
	done
	pkill -CONT -x helper
	pkill -KILL -x helper
	helper epoch=1
	remove d1 d2 d3
}

rounds=$(often 34 1)
for ((round = 1; round <= rounds; round++)); do
	dmesg -C
	deadlines $round
done

# --- the deadline, though no worker runs -----------------------------------
# All of the machine's one processor goes to a reader with a real-time priority,
# from before the deadline until well after it.
cat >$t/greedy.py <<'PY'
import mmap, os, sys, time
m = [mmap.mmap(-1, 4096)]
begin, end = (float(word) for word in sys.argv[1:])
boottime = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
print("ready", flush=True)
while not os.path.exists("/dev/mapper/one"):
    time.sleep(0.01)
opened = boottime()
now = lambda: boottime() - opened
f = os.open("/dev/mapper/one", os.O_RDONLY | os.O_DIRECT)
time.sleep(begin)
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
first = now()
good, last = 0, 0
while now() < end:
    try:
        os.preadv(f, m, 0)
        good, last = good + 1, now()
    except OSError:
        pass
print("first", first, "good", good, "last", last, "end", now())
assert first < 10 and good > 0 and last < 11
PY
no_worker() {
	local status reader

	helper epoch=1 lease=10 later reject:113
	echo -1 >/proc/sys/kernel/sched_rt_runtime_us
	/usr/bin/python3 "$t/greedy.py" 8.5 12.5 >"$t/greedy" &
	reader=$!
	in_time 300 grep -q ready "$t/greedy" && create one "$(line)" || return
	wait "$reader"
	status=$?
	cat "$t/greedy"
	echo 950000 >/proc/sys/kernel/sched_rt_runtime_us
	in_time 20 state one '^locked reason=unreachable ' && remove one &&
		return "$status"
}

# --- renewals -------------------------------------------------------------
uuid=11111111-2222-4333-8444-555555555555
dev=/dev/ram0
ok 'the deadline, though no worker runs' no_worker
/usr/bin/python3 uevents.py >$t/uevents &
listener=$!
ok 'uevents' in_time 300 grep -q listening $t/uevents

# apart: the times between renewals are not the same, by more than chance; else
# all volumes that a machine opens at its boot would ask at the same time
apart() {
	times 'kmsc-test: upcall' |
		awk 'NR > 2 {
			d = $1 - last
			if (!n++ || d < least) least = d
			if (d > most) most = d
			print d
		}
		{ last = $1 }
		END { exit !(n > 4 && most - least > 100) }'
}

dmesg -C
helper say epoch=1 lease=10
create one "$(line)"
ok 'open with a lease' state one ' lease=10 left=([1-9]|10) on_lock=error '
sleep 40
ok 'renewed in time, by itself' state one \
	'^active reason=none error=0 .* lease=10 left=([1-9]|10) '
# every 4 to 5 s
ok 'as often as needed' like '^([7-9]|1[0-2])$' "$(renewals $uuid)"
ok 'not as by a clock' apart
ok 'each with less time than the kernel grants before sleep' not grep -Ev \
	'^end| op=open | timeout_ms=[1-3]?[0-9]{3}$' $t/log
ok 'and works' works one

# backed_off: since it is locked, upcalls became rarer: after 1, 2, 4 and 8 s each
# is 15 s later than the one before, or more; less what a helper takes to say so
backed_off() {
	times 'kmsc-test: upcall' |
		awk -v locked="$(when 'locked, reason=unreachable')" '
		$1 < locked { next }
		n++ {
			print $1 - last
			if (n > 6 && $1 - last < 10000) early = 1
		}
		{ last = $1 }
		END { exit early || n < 7 }'
}

dmesg -C
helper say reject:113
ok 'an outage is borne' in_time 20 more_renewals 1
ok 'while the lease lasts' state one '^active reason=none error=113 .* left=[1-9]'
ok 'and works' works one
ok 'then it is locked' in_time 20 state one '^locked reason=unreachable error=113 '
ok 'the log says so' like 'locked, reason=unreachable: no answer .* 10 s' "$(dmesg)"
ok 'the audit too' like 'type=1339 .* op=lock-unreachable ' "$(dmesg)"
ok 'and a uevent' in_time 20 grep -q "^dm-0 KMSCRYPT_UUID=$uuid \
KMSCRYPT_STATE=locked KMSCRYPT_REASON=unreachable$" $t/uevents
ok 'no I/O' not works one
sleep 100
ok 'the KMS is asked less and less often' backed_off
helper epoch=1 lease=10
ok 'it opens again by itself' in_time 120 state one '^active reason=none error=0'
ok 'by an unlock' grep -q ' op=unlock ' $t/log
ok 'and works' works one
ok 'the audit knows' like 'type=1339 .* op=unlock ' "$(dmesg)"
ok 'a uevent too' in_time 20 grep -q "^dm-0 KMSCRYPT_UUID=$uuid \
KMSCRYPT_STATE=active KMSCRYPT_REASON=none$" $t/uevents

# --- no --------------------------------------------------------------------
# no ERRNO: at the next renewal; stays so, though the KMS says yes again
no() {
	helper "reject:$1"
	in_time 60 state one "^locked reason=revoked error=$1 .* key=0 " || return
	is 1 "$(upcalls)" || return
	helper epoch=1 lease=10
	sleep 60
	is 0 "$(upcalls)" && state one '^locked reason=revoked ' &&
		not works one &&
		dmsetup message one 0 unlock && in_time 20 state one ^active
}
dmesg -C
ok 'the key is revoked' no 128
ok 'the audit knows that' like 'type=1339 .* op=lock-revoked ' "$(dmesg)"
ok 'so does a uevent' in_time 20 grep -q "KMSCRYPT_STATE=locked \
KMSCRYPT_REASON=revoked$" $t/uevents
ok 'access is denied' no 13
ok 'the key is rejected' no 129

# --- who is stronger -------------------------------------------------------
# unreachable: until it is
unreachable() {
	helper reject:113
	in_time 40 state one '^locked reason=unreachable '
}

# stays REASON: the KMS is back, and nobody asks it
stays() {
	# An upcall that was under way is not meant; it lives for 4 s at most.
	sleep 5
	helper epoch=1 lease=10
	sleep 60
	state one "^locked reason=$1 .* key=0 " && is 0 "$(upcalls)" &&
		dmsetup message one 0 unlock && in_time 20 state one ^active
}
unreachable
dmsetup message one 0 lock
ok 'lock, though unreachable' stays admin
ok 'lock for sleep' dmsetup message one 0 lock sleep
ok 'is sleep' state one '^locked reason=sleep '
dmsetup message one 0 lock
ok 'lock, though asleep' state one '^locked reason=admin '
dmsetup message one 0 lock sleep
ok 'stays' stays admin
unreachable
keyctl revoke "$(info one | sed 's/.*key=//; s/ .*//')"
ok 'revoke, though unreachable' state one '^locked reason=revoked '
helper epoch=1 lease=10
sleep 60
ok 'nobody asks' is 0 "$(upcalls)"
dmsetup message one 0 unlock
in_time 20 state one ^active
unreachable
helper stop
# the second hangs too, and then no third is begun by itself
sleep 60
ok 'helpers that hang do not pile up' is 2 "$(upcalls)"
helper epoch=1 lease=10
dmsetup message one 0 unlock
ok 'an unlock does not wait for them' in_time 20 state one ^active
pkill -CONT -x helper
pkill -KILL -x helper

# --- other terms ------------------------------------------------------------
helper epoch=2 lease=3600
dmsetup message one 0 renew
ok 'a longer lease' in_time 20 state one ' lease=3600 left=(3[0-9]*) '
helper epoch=1
dmsetup message one 0 renew
ok 'an older wrapping on other terms is refused, and no revocation' \
	in_time 20 state one '^active reason=none error=116 epoch=2 .* lease=3600 '
helper epoch=1 lease=3600
dmsetup message one 0 renew
ok 'on the same ones it is another binding' in_time 20 state one \
	'^active .* epoch=1 .* lease=3600 '
helper epoch=3
dmsetup message one 0 renew
ok 'no lease' in_time 20 state one '^active .* lease=0 left=0 '
: >$t/log
sleep 100
ok 'nobody asks' is 0 "$(upcalls)"
ok 'remove' remove one
helper sleep:11000 lease=10
ok 'a key that comes later than its lease lasts' refused \
	'KMS key request failed: no answer within the deadline' "$(line)"
helper lease=10
create one "$(line)"
ok 'remove with a lease' remove one
kill $listener
wait
# --- a lease of months ---
tracing=/sys/kernel/tracing
mountpoint -q $tracing || mount -t tracefs tracefs $tracing
echo 1 >$tracing/events/timer/timer_start/enable
helper lease=6000000
ok 'a lease of 69 days' create months "$(line)"
echo 0 >$tracing/events/timer/timer_start/enable
timers() {
	grep -E "delayed_work_timer_fn .*timeout=$1]" "$tracing/trace"
}
ok 'its renewal is planned' timers '[0-9]{7,11}'
ok 'and not for the end of days' not timers '[0-9]{12,}'
remove months
done_testing
