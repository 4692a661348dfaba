#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bad input on the way to the key: each ends in its errno, words in the log,
# and nothing mapped; and every caller is answered in time.
# vm: --smp 1 --mem 1G --timeout 900 --disk 64M --disk 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh

parameters=/sys/module/kmscrypt/parameters
rejected='does not open or does not belong'
# a KMS of its own for the tests of time: it never says anything
silent_port=8200
silent_id=11111111-2222-4333-8444-555555555555

vault_entry() {
	mkdir -p /etc/kmscrypt/credentials/$silent_id
	cat >/etc/kmscrypt/entries/silent.json <<-END
		{"version":1,"name":"silent","generations":[
		{"id":"$silent_id","provider":"vault","state":"current",
		"created":1,"addresses":["https://127.0.0.1:$silent_port"],
		"key_id":"k","mount":"transit"}]}
	END
	echo t >/etc/kmscrypt/credentials/$silent_id/token
	chmod -R go= /etc/kmscrypt
}

# The volume's only binding is one of the silent KMS.
bind_to_silent() {
	token "t = {'type': 'kmscrypt', 'keyslots': [], 'version': 1,
		'must': [], 'key_bytes': 64, 'provider': 'vault',
		'entry': '$silent_id', 'key_id': 'k', 'mount': 'transit',
		'wrapped': 'vault:v1:AAAA'}"
}

listen_silently() {
	python3 -c "import socket, time
s = socket.create_server(('127.0.0.1', $silent_port))
time.sleep(600)" &
	listener=$!
	in_time 10 bash -c "</dev/tcp/127.0.0.1/$silent_port"
}

# in_deadline SECONDS COMMAND...: bounded, with room for a slow machine: what
# does not obey its deadline of some seconds waits for good on a silent server
in_deadline() {
	local limit=$1 start=$SECONDS
	shift

	"$@" || return
	[ $((SECONDS - start)) -le "$limit" ] || {
		echo "took $((SECONDS - start)) s"
		return 1
	}
}

# Somebody holds the LUKS2 lock and does not let go: only the watchdog ends it.
lock_held() {
	local said status

	mkdir -p /run/cryptsetup
	python3 -c "import fcntl, os, time
s = os.stat('$disk').st_rdev
f = open(f'/run/cryptsetup/L_{os.major(s)}:{os.minor(s)}', 'a+')
fcntl.flock(f, fcntl.LOCK_EX)
print('held', flush=True)
time.sleep(600)" >"$t/held" &
	local holder=$!
	in_time 10 grep -q held "$t/held"
	said=$(create refused "$1" 2>&1)
	status=$?
	# the kernel's own deadline would leave it waiting for the lock
	in_time 10 not pgrep -x kmscrypt-upcall || status=0
	kill "$holder"
	[ "$status" -ne 0 ] && like "$(errno_text ETIMEDOUT)" "$said"
}

# What the helper and its child look like from outside while it talks to the
# KMS.
confined() {
	local pid state child

	create refused "$(table "$disk")" >/dev/null 2>&1 &
	in_time 10 pgrep -x kmscrypt-dialer || return
	child=$(pgrep -x kmscrypt-dialer)
	pid=$(pgrep -x kmscrypt-upcall)
	in_time 10 grep -q '^Seccomp:.2' "/proc/$pid/status"
	state=$(cat "/proc/$pid/status")
	child=$(cat "/proc/$child/status")
	wait
	without_rights "$state" && without_rights "$child" &&
		like $'VmLck:[ \t]*[1-9]' "$state" &&
		echo "# helper's peak memory: $(sed -n \
			's/^VmHWM:\s*//p' <<<"$state")" >&3
}

# without_rights STATUS: of a process, as /proc has it
without_rights() {
	like 'Uid:.65534.65534.65534.65534' "$1" &&
		like 'Gid:.65534.65534.65534.65534' "$1" &&
		like $'Groups:[ \t]*\n' "$1" &&
		like 'CapEff:.0000000000000000' "$1" &&
		like 'CapPrm:.0000000000000000' "$1" &&
		like 'CapInh:.0000000000000000' "$1" &&
		like 'NoNewPrivs:.1' "$1" && like 'Seccomp:.2' "$1"
}

helper_killed() {
	local said

	create refused "$(table "$disk")" >"$t/said" 2>&1 &
	in_time 10 pkill -KILL -x kmscrypt-upcall || return
	wait
	said=$(cat "$t/said")
	like "$(errno_text ENOKEY)" "$said"
}

another_volume() {
	fresh "$disk2" &&
		cryptsetup token export --token-id 0 "$disk2" >"$t/other" &&
		cryptsetup token remove --token-id 0 "$disk" &&
		cryptsetup token import --token-id 0 --json-file "$t/other" \
			"$disk" &&
		refused EKEYREJECTED "$rejected" "$(table "$disk")"
}

# While the volume is open: the cached key must not bypass anything.
open_already() {
	local line changed said reloaded

	line=$(table "$disk")
	changed=$(sed "$1" <<<"$line")
	create vol "$line" || return
	said=$(create again "$changed" 2>&1) && remove again
	reloaded=$(dmsetup reload --noudevsync vol --table "$changed" 2>&1)
	remove vol
	like "$(errno_text EKEYREJECTED)" "$said" &&
		like "$(errno_text EKEYREJECTED)" "$reloaded"
}

# A copy has the same UUID and another device: it is asked about anew, and what
# the original's key is bound to is no excuse.
clone_while_open() {
	local line

	dd if="$disk" of="$disk2" bs=1M count=16 conv=fsync status=none
	line=$(table "$disk")
	create vol "$line" || return
	refused EKEYREJECTED "the table's" \
		"$(table "$disk2" 's/sector_size:4096/sector_size:512/')" &&
		create copy "$(table "$disk2")" && remove copy
	local status=$?
	remove vol
	return "$status"
}

exec 3>&1
fresh "$disk"
for change in 's/:64:/:32:/' \
	's/sector_size:4096/sector_size:512/' 's/ 0 \/dev/ 8 \/dev/' \
	's/ 32768 1/ 32760 1/' 's/1 sector/2 iv_large_sectors sector/'; do
	ok "table: $change" refused EKEYREJECTED "the table's" \
		"$(table "$disk" "$change")"
	ok "table while open: $change" open_already "$change"
done
ok "a clone while the original is open" clone_while_open
ok "another UUID in the table" refused EKEYREJECTED 'holds volume' \
	"$(table "$disk" 's/:kmscrypt:......../:kmscrypt:00000000/')"
ok "the volume itself opens still" create vol "$(table "$disk")"
remove vol

while IFS='|' read -r change errno words; do
	fresh "$disk"
	line=$(table "$disk")
	token "$change"
	ok "token: $change" refused "$errno" "$words" "$line"
done <<-END
	t['version'] = 2|EBADMSG|newer
	t['must'] = ['x']|EBADMSG|newer
	t['key_id'] = '../x'|EBADMSG|malformed
	t['key_id'] = 'a\r\nb'|EBADMSG|malformed
	t['key_id'] = 'other'|EKEYREJECTED|$rejected
	t['wrapped'] = 'AAAA' + t['wrapped'][4:]|EKEYREJECTED|$rejected
	t['tag'] = 'AAAA' + t['tag'][4:]|EKEYREJECTED|$rejected
	t['entry'] = '$silent_id'|ENODATA|no KMS entry
	t['type'] = 'other'|ENODATA|no binding
END

fresh "$disk"
ok "another volume's token" another_volume
fresh "$disk"
line=$(table "$disk")
cryptsetup erase -q "$disk"
ok "still there after cryptsetup erase" create vol "$line"
remove vol
wipefs -qa "$disk"
ok "no header" refused ENODATA 'no LUKS2 header' "$line"
fresh "$disk"
line=$(table "$disk")
mv /etc/kmscrypt /etc/kmscrypt.gone
ok "no KMS entry" refused ENODATA 'no KMS entry' "$line"
mv /etc/kmscrypt.gone /etc/kmscrypt

echo 5000 >$parameters/timeout_ms
vault_entry
bind_to_silent
line=$(table "$disk")
ok "KMS down" in_deadline 60 refused EHOSTUNREACH 127.0.0.1 "$line"
listen_silently
ok "KMS silent" in_deadline 60 refused ETIMEDOUT 127.0.0.1 "$line"
echo 8000 >$parameters/timeout_ms
ok "confined while it asks" confined
ok "helper killed" helper_killed
echo 5000 >$parameters/timeout_ms
ok "LUKS2 lock held: the watchdog answers" in_deadline 60 lock_held "$line"
kill "$listener"
ok "no helper is left" not pgrep -x 'kmscrypt-(upcall|dialer)'
done_testing
