#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The helper's sandbox: a helper that was taken over (attacker.c) can do nothing
# but answer. What it tries is shown to work without the sandbox. That KMSs are
# reached from the sandbox shows tests/kms/t-sandbox.sh.
# vm: --smp 1 --mem 1G --timeout 900 --disk 64M --disk 64M
# make: build/kmscrypt-upcall-attacker
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh

room=/run/attack
port=8201
timeout=/sys/module/kmscrypt/parameters/timeout_ms

# --- the attacker ---
# helper PROGRAM: that the kernel's requests go to
helper() {
	sed -i "s,/[^ ]*kmscrypt-upcall[^ ]*,$1," \
		/etc/request-key.d/kmscrypt.conf
}

# What it is after: open to everybody, where everybody includes the user that
# the helper becomes, so that nothing but the sandbox keeps it away.
victims() {
	local ring key

	umount "$room" 2>/dev/null
	rm -rf "$room"
	mkdir -m 777 "$room"
	echo x >"$room/old"
	chmod 666 "$room/old" "$disk2"
	mkdir -p /etc/kmscrypt/credentials/victim
	echo secret >/etc/kmscrypt/credentials/victim/token
	chmod -R go= /etc/kmscrypt
	ring=$(keyctl newring victims @u)
	key=$(keyctl add user victim secret "$ring")
	keyctl setperm "$key" 0x3f3f3f3f
	keyctl setperm "$ring" 0x3f3f3f3f
	echo "$1 $sleeper $key $ring $port $disk2" >"$room/plan"
}

# attack MODE: what it could do and what not, in files of names
attack() {
	local what

	victims "$1"
	dmesg -C
	create vol "$(table "$disk")" || return
	remove vol
	for what in allowed denied; do
		dmesg | sed -n "s/.*attacker: $1: $what:\(.*\)\./\1/p" |
			tr ' ' '\n' | sed '/^$/d' | sort >"$t/$1.$what"
	done
}

without_sandbox() {
	attack open || return
	is '' "$(cat "$t/open.denied")" &&
		[ "$(wc -l <"$t/open.allowed")" -gt 50 ]
}

with_sandbox() {
	attack sealed || return
	is '' "$(cat "$t/sealed.allowed")" &&
		is "$(cat "$t/open.allowed")" "$(cat "$t/sealed.denied")"
}

without_seccomp() {
	victims sealed
	touch "$room/blind"
	refused ENOKEY 'no seccomp' "$(table "$disk")"
}

allow_without() {
	echo "$1" >/etc/kmscrypt/helper.json
}

# The answer is still possible when the helper does nothing any more.
stuck() {
	victims stuck
	echo 3000 >"$timeout"
	like "$(errno_text ETIMEDOUT)" "$(create vol "$(table "$disk")" 2>&1)"
	local status=$?
	echo 20000 >"$timeout"
	return "$status"
}

fresh "$disk"
setpriv --reuid 65534 --regid 65534 --clear-groups sleep 600 &
sleeper=$!
python3 -c "import socket, time
s = socket.create_server(('127.0.0.1', $port))
time.sleep(600)" &
listener=$!
in_time 10 bash -c "</dev/tcp/127.0.0.1/$port"
helper "$(realpath ../../../build/kmscrypt-upcall-attacker)"
ok "without the sandbox the attacker succeeds" without_sandbox
ok "in the sandbox nothing does" with_sandbox
ok "the watchdog answers in the sandbox" stuck
ok "without seccomp: refused" without_seccomp
allow_without '{"sandbox":"perhaps"}'
ok "helper.json malformed: refused" refused ENOKEY malformed \
	"$(table "$disk")"
allow_without '{"sandbox":"optional"}'
ok "without seccomp: allowed by helper.json" create vol "$(table "$disk")"
remove vol
kill "$sleeper" "$listener"
wait "$sleeper" "$listener" 2>/dev/null
ok "no helper is left" not pgrep -x 'kmscrypt-.*'
done_testing
