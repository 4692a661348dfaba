#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The machine's sleep, up to the freezing of all processes and of the kernel's
# threads: meanwhile nobody asks the KMS, a lease that runs out does so before
# anybody thaws, and no key is written to the disk by a hibernation.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

tracing=/sys/kernel/tracing
power=/sys/power
frozen_s=/sys/module/suspend/parameters/pm_test_delay

state() {
	like "$1" "$(info one)"
}

works() {
	dd if=/dev/mapper/one of=/dev/null bs=4k count=1 iflag=direct status=none
}

# sleeps STATE SECONDS: "mem", or "disk" to hibernate
sleeps() {
	echo "$2" >"$frozen_s"
	echo "$1" >"$power/state"
}

# asleep WORK: how often such work was begun while all was frozen
asleep() {
	awk -v work="function $1" '
		/suspend_resume: freeze_processes\[[0-9]*\] end/ { in_it = 1 }
		/suspend_resume: thaw_processes\[[0-9]*\] begin/ { in_it = 0; ends++ }
		in_it && index($0, work) { n++ }
		END { print ends ? n + 0 : "no sleep" }' $tracing/trace
}

# A reader from before the sleep until after it: when it began what it read
# last, in seconds since the first.
cat >$t/reader.py <<'PY'
import mmap, os, signal, time
print("ready", flush=True)
while not os.path.exists("/dev/mapper/one"):
    time.sleep(0.01)
f = os.open("/dev/mapper/one", os.O_RDONLY | os.O_DIRECT)
m = [mmap.mmap(-1, 4096)]
now = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
begun, last, failed, going = now(), 0, 0, True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
os.preadv(f, m, 0)
while going:
    # frozen in it, it returns long after it was begun
    at = now() - begun
    try:
        os.preadv(f, m, 0)
        last = at
    except OSError:
        failed += 1
        time.sleep(0.01)
print("last", last, "failed", failed)
assert 0 < last < 11 and failed > 0
PY

brd 4
mountpoint -q $tracing || mount -t tracefs tracefs $tracing
echo 1 >$tracing/events/workqueue/workqueue_execute_start/enable
echo 1 >$tracing/events/power/suspend_resume/enable
echo freezer >$power/pm_test

# --- a renewal would be due, and the lease runs out ---
helper lease=10 later reject:113
/usr/bin/python3 $t/reader.py >$t/reader 2>&1 &
reader=$!
in_time 60 grep -q ready $t/reader
create one "$(line)"
echo >$tracing/trace
ok 'the machine sleeps' sleeps mem 13
ok 'its lease has run out' in_time 20 state '^locked reason=unreachable '
sleep 1
kill $reader
wait $reader
ok 'whoever thaws reads nothing' is 0 $?
sed 's/^/# /' $t/reader
ok 'nobody asks the KMS' is 0 "$(asleep attempt_work)"
ok 'which the trace would show' grep -q 'function lease_work' $tracing/trace
ok 'nor looks again and again whether to' like '^[0-9]$' "$(asleep lease_work)"
helper lease=10
ok 'it opens again by itself' in_time 60 state '^active reason=none '
ok 'by an unlock' grep -q ' op=unlock ' $t/log
ok 'and works' works
remove one

# --- without a lease ---
helper ''
create one "$(line)"
echo >$tracing/trace
ok 'the machine sleeps, without a lease' sleeps mem 2
ok 'nobody asks the KMS' is '0 1' "$(asleep attempt_work) $(upcalls)"
ok 'still active' state ^active
ok 'and works' works

# --- hibernation ---
if grep -q disk $power/state; then
	dmesg -C
	ok 'no hibernation while active' not sleeps disk 1
	ok 'which is said' like 'no hibernation while a volume is active' "$(dmesg)"
	ok 'still active' state ^active
	dmsetup message one 0 lock
	ok 'hibernation while locked' sleeps disk 1
	dmsetup message one 0 unlock
	in_time 20 state ^active
	echo 1 >/sys/module/kmscrypt/parameters/allow_hibernation
	ok 'and while active, if that is allowed' sleeps disk 1
	ok 'after which it works' works
else
	skip hibernation 'this kernel has none'
fi
remove one
done_testing
