#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The helper's sandbox: a helper that was taken over (attacker.c) can do nothing
# but answer, whatever the provider. What it tries is shown to work without the
# sandbox. How KMSs are reached from the sandbox shows tests/kms/t-sandbox.sh.
# vm: --smp 1 --mem 1G --timeout 900 --disk 64M --disk 64M --append secretmem.enable=1
# make: build/kmscrypt-upcall-attacker
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh
# shellcheck source=../../servers/lib.sh
. ../../servers/lib.sh

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

# attack MODE [COMMAND...]: what it could do and what not, in files of names. The
# command is what the volume does then, if not open.
attack() {
	local mode=$1 what
	shift

	victims "$mode"
	dmesg -C
	if (($#)); then
		"$@" || return
	else
		create vol "$(table "$disk")" || return
		remove vol
	fi
	for what in allowed denied; do
		dmesg | sed -n "s/.*attacker: $mode: $what:\(.*\)\./\1/p" |
			tr ' ' '\n' | sed '/^$/d' | sort >"$t/$mode.$what"
	done
}

without_sandbox() {
	attack open || return
	is '' "$(cat "$t/open.denied")" &&
		[ "$(wc -l <"$t/open.allowed")" -gt 50 ]
}

# with_sandbox ALLOWED [COMMAND...]
with_sandbox() {
	local allowed=$1
	shift

	attack sealed "$@" || return
	is "$allowed" "$(cat "$t/sealed.allowed")" &&
		is "$(grep -v ^descriptor: "$t/open.allowed")" \
			"$(cat "$t/sealed.denied")"
}

# unanswered: the process that makes connections, asked for one elsewhere, makes
# none any more. What was taken over hurts only itself.
unanswered() {
	not create vol "$(table "$disk")" 2>/dev/null &&
		like 'makes connections is gone' "$(dmesg)"
}

without_seccomp() {
	victims sealed
	touch "$room/blind"
	refused ENOKEY 'no seccomp' "$(table "$disk")"
}

allow_without() {
	echo "$1" >/etc/kmscrypt/helper.json
}

# secrets_of PID KEYFILE: of the memory that root can read of the helper, the
# volume key is in none; what there is beside, can be read
cat >"$t/look.py" <<'PY'
import sys
key = open(sys.argv[2], "rb").read()[:32]
hidden = readable = 0
with open(f"/proc/{sys.argv[1]}/maps") as maps, \
     open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as mem:
    for line in maps:
        words = line.split()
        begin, end = (int(w, 16) for w in words[0].split("-"))
        if not words[1].startswith("rw"):
            continue
        for at in range(begin, end, 4096):
            try:
                mem.seek(at)
                page = mem.read(4096)
            except OSError:
                assert "secretmem" in line, line
                hidden += 1
                continue
            assert "secretmem" not in line, line
            readable += 1
            assert key not in page, f"the volume key: {line}"
print(hidden, "pages hidden,", readable, "not")
assert hidden >= 1024 and readable
PY

# A helper that has the key in its hands
hidden() {
	local opener status

	victims holding
	dmesg -C
	kmscrypt dump "$disk" --dump-volume-key \
		--volume-key-file "$t/volume-key" >/dev/null || return
	# the kernel complains of what waits for 120 s
	echo 100000 >"$timeout"
	create vol "$(table "$disk")" 2>/dev/null &
	opener=$!
	in_time 60 bash -c 'dmesg | grep -q "holding: answer: a key"' &&
		python3 "$t/look.py" "$(pgrep -o -x 'kmscrypt-.*')" \
			"$t/volume-key"
	status=$?
	pkill -KILL -x 'kmscrypt-.*'
	wait "$opener"
	echo 20000 >"$timeout"
	return "$status"
}

has_secretmem() {
	# ENOSYS where it is not built in or not enabled
	python3 -c 'import ctypes, sys
sys.exit(ctypes.CDLL(None).syscall(447, 0) < 0)'
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
attacker=$(realpath ../../../build/kmscrypt-upcall-attacker)
helper "$attacker"
ok "without the sandbox the attacker succeeds" without_sandbox
ok "in the sandbox nothing does" with_sandbox ''
if has_secretmem; then
	ok "root does not find the key in the helper's memory" hidden
else
	skip "root does not find the key in the helper's memory" \
		'no memfd_secret(2)'
fi

# --- with what the other providers have opened before ---
# other NAME ARGUMENT...: an entry of that name, and a volume of it
other() {
	kmscrypt kms set "$@" --name "$1" &&
		kmscrypt format --force "$disk" --name "$1"
}

# shellcheck disable=SC2119 # no arguments of ours
if ! servers_begin || ! vault_start || ! kmip_start; then
	echo 'Bail out! no servers'
	exit 1
fi
vault_api POST sys/mounts/transit '{"type":"transit"}' >/dev/null
vault_api POST transit/keys/k '{}' >/dev/null
printf '%s\n' "$VAULT_TOKEN" >"$t/token"
uid=$(kmip_admin create)
# beside each other on two processors
echo 60000 >"$timeout"
ok "vault: a volume" other vault "$VAULT_ADDR" k --token-file "$t/token" \
	--ca-cert "$VAULT_CACERT"
ok "vault: without the sandbox the attacker succeeds" without_sandbox
# where the login of this very entry is kept
own=(/run/kmscrypt/tokens/*)
ok "vault: in the sandbox nothing does" with_sandbox "descriptor:${own[*]}" \
	unanswered
ok "kmip: a volume" other kmip "$KMIP_ADDR" "$uid" --client-cert "$KMIP_CERT" \
	--client-key "$KMIP_KEY" --ca-cert "$KMIP_CACERT"
ok "kmip: without the sandbox the attacker succeeds" without_sandbox
ok "kmip: in the sandbox nothing does" with_sandbox '' unanswered
echo 20000 >"$timeout"
kmip_stop
vault_stop
fresh "$disk"
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
