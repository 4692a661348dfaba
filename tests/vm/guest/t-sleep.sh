#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The hook around the machine's sleep, with all that it is made of: before, the
# file system is frozen and the volume locked; after, the volume opens when the
# KMS answers, and nothing is lost. The machine sleeps as far as it can: all
# is frozen but its devices, for one of them is its root, over 9p.
# vm: --smp 1 --mem 1G --timeout 600 --disk 96M --disk 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh
# shellcheck source=../../servers/lib.sh
. ../../servers/lib.sh

power=/sys/power
mnt=$t/mnt
hook=$PWD/../../../system/system-sleep

reason() {
	is "$2" "$(kmscrypt status "$1" --json | json_get reason)"
}

# sleeps: the whole of it as systemd-suspend.service does it, all but the
# firmware's part; fails if the machine stays awake
sleeps() {
	silent "$hook" pre suspend && asleep && "$hook" post suspend
}

# silent COMMAND...: succeeds, and has nothing to say; the hook, which must not
# fail, says what it could not do
silent() {
	is '' "$("$@" 2>&1)"
}

asleep() {
	echo mem >"$power/state"
}

# Appends whole lines, each synced, until it is told to stop. It takes part in
# the sleep between two: in a write to a frozen file system it could not.
writer() {
	local n

	for ((n = 1; ; n++)); do
		while [ -e "$t/pause" ]; do
			: >"$t/paused"
			sleep 0.1
		done
		[ ! -e "$t/stop" ] || return 0
		echo "line $n" >>"$mnt/lines" && sync "$mnt/lines" || return
		echo "$n" >"$t/written"
	done
}

written() {
	[ "$(cat "$t/written")" -gt "$1" ]
}

# every line that the writer had synced, in order
complete() {
	cmp "$mnt/lines" <(seq -f 'line %.0f' "$(cat "$t/written")")
}

# pause: until it does nothing
pause() {
	: >"$t/pause"
	in_time 30 [ -e "$t/paused" ]
}

go_on() {
	rm -f "$t/pause" "$t/paused"
}

begin_writer() {
	go_on
	rm -f "$t/stop" "$mnt/lines"
	echo 0 >"$t/written"
	writer &
	job=$!
	in_time 60 written 2
}

end_writer() {
	: >"$t/stop"
	wait "$job"
	status=$?
}

# shellcheck disable=SC2119 # no arguments of ours
if ! servers_begin || ! vault_start; then
	echo "Bail out! no Vault server"
	exit 1
fi
vault_api POST sys/mounts/transit '{"type":"transit"}' >/dev/null
vault_api POST transit/keys/k '{}' >/dev/null
printf '%s\n' "$VAULT_TOKEN" >"$t/token"
ok 'entry' kmscrypt kms set vault "$VAULT_ADDR" k --name k \
	--token-file "$t/token" --ca-cert "$VAULT_CACERT"
kmscrypt format --force "$disk" --name k --on-lock queue --queue-cap 600 \
	>/dev/null
kmscrypt format --force "$disk2" --name k >/dev/null
ok 'open' kmscrypt open "$disk" data
ok 'open another' kmscrypt open "$disk2" other
mkfs.ext4 -q /dev/mapper/data && mkdir "$mnt" &&
	mount /dev/mapper/data "$mnt" || exit 1
echo freezer >"$power/pm_test"
echo 1 >/sys/module/suspend/parameters/pm_test_delay

ok 'not configured: the machine sleeps' sleeps
ok '... and nothing is locked' kmscrypt status data

echo data >/etc/kmscrypt/sleep
begin_writer
pause
ok 'before sleep' silent "$hook" pre suspend
ok '... it is locked for that' reason data sleep
ok '... its key is gone' like ' key=0 ' "$(dmsetup status data)"
ok '... another is as it was' kmscrypt status other
ok 'the machine sleeps' asleep
ok '... and is locked still' reason data sleep
before=$(cat "$t/written")
ok 'after sleep' "$hook" post suspend
go_on
ok '... it opens again' in_time 60 kmscrypt status data
ok '... whoever wrote goes on' in_time 60 written "$((before + 2))"
end_writer
ok '... without an error' is 0 "$status"
ok '... and without a loss' complete

# --- the KMS hangs, or is away ---
begin_writer
pause
vault_fault '{"action":"hang","path":"/decrypt/"}'
ok 'a KMS that hangs: the machine sleeps' sleeps
ok '... and wakes up locked' reason data sleep
ok '... the other is at work' get other
before=$(cat "$t/written")
go_on
vault_heal
ok 'the KMS answers: it opens' in_time 90 kmscrypt status data
ok '... whoever wrote goes on' in_time 60 written "$((before + 2))"
end_writer
ok '... without an error' is 0 "$status"
ok '... and without a loss' complete

# --- a program that does not stop writing (kmscrypt(8), Machine sleep) ---
begin_writer
before=$(cat "$t/written")
echo 3000 >"$power/pm_freeze_timeout"
"$hook" pre suspend
sleep 1
ok 'in a write to it: the machine stays awake' not asleep
"$hook" post suspend
ok '... and it is unlocked' in_time 60 kmscrypt status data
ok '... whoever wrote goes on' in_time 60 written "$((before + 2))"
end_writer
ok '... without an error' is 0 "$status"
ok '... and without a loss' complete

# --- what is not to be unlocked ---
# frozen, or its journal would wait, which keeps the machine awake
kmscrypt lock data --freeze >/dev/null
ok 'locked by somebody: before sleep nothing waits for it' like \
	'nothing is synced' "$("$hook" pre suspend 2>&1)"
ok '... the machine sleeps' asleep
ok 'after sleep' silent "$hook" post suspend
ok '... which is no reason to unlock it' reason data admin
ok 'unlock' kmscrypt unlock data
ok 'umount' timeout 60 umount "$mnt"
ok 'close' kmscrypt close data

echo '*' >/etc/kmscrypt/sleep
ok 'all: before sleep' silent "$hook" pre suspend
ok '... the other, without a file system' reason other sleep
vault_api POST transit/keys/k/config '{"deletion_allowed":true}' >/dev/null
vault_api DELETE transit/keys/k >/dev/null
asleep
"$hook" post suspend
ok 'key destroyed in sleep: revoked' in_time 60 reason other revoked
ok '... and nobody tries on' in_time 60 not pgrep -f "$hook"
ok 'close' kmscrypt close other
done_testing
