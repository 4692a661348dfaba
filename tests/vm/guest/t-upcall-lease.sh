#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Leases and locks with the real helper and a Vault server: an outage costs no
# I/O, a destroyed key locks, lock --evict leaves nothing, a hung KMS does not
# keep the machine awake.
# vm: --mem 1G --timeout 1200 --disk 64M --disk 96M --append init_on_free=1
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh
# shellcheck source=../../servers/lib.sh
. ../../servers/lib.sh

parameters=/sys/module/kmscrypt/parameters
mnt=$t/mnt

exits() {
	local wanted=$1 said status
	shift

	said=$("$@" 2>&1)
	status=$?
	[ "$status" = "$wanted" ] || {
		echo "wanted $wanted, got $status: $said"
		return 1
	}
}

# state NAME PATTERN: of the status line without start, length and target
state() {
	like "$2" "$(dmsetup status "$1" | cut -d' ' -f4-)"
}

# json NAME MEMBER: of kmscrypt status
json() {
	kmscrypt status "$1" --json | json_get "$2"
}

# is_why NAME ERRNO: of the last renewal or unlock
is_why() { is "$2" "$(json "$1" error)"; }

# --- an outage ---------------------------------------------------------------
# Writes and reads back until told to stop; any error ends it.
worker() {
	local n

	for ((n = 0; ; n++)); do
		[ ! -e "$t/stop" ] || return 0
		dd if="$t/block" of=/dev/mapper/vol bs=64k count=1 \
			seek=$((n % 16)) oflag=direct status=none &&
			dd if=/dev/mapper/vol bs=64k count=1 \
				skip=$((n % 16)) iflag=direct status=none |
			cmp - "$t/block" || return 1
		echo "$n" >"$t/done"
	done
}

worked() {
	[ "$(cat "$t/done")" -gt "$1" ]
}

begin_work() {
	head -c 64K /dev/urandom >"$t/block"
	rm -f "$t/stop"
	echo 0 >"$t/done"
	worker &
	job=$!
	in_time 60 worked 2
}

end_work() {
	: >"$t/stop"
	wait "$job"
	status=$?
}

# shellcheck disable=SC2119 # no arguments of ours
start_vault() {
	vault_start
}

if ! servers_begin || ! start_vault; then
	echo "Bail out! no Vault server"
	exit 1
fi
vault_api POST sys/mounts/transit '{"type":"transit"}' >/dev/null
for key in k hang; do
	vault_api POST transit/keys/$key '{}' >/dev/null
done
printf '%s\n' "$VAULT_TOKEN" >"$t/token"
for key in k hang; do
	ok "entry for key $key" kmscrypt kms set vault "$VAULT_ADDR" "$key" \
		--token-file "$t/token" --ca-cert "$VAULT_CACERT" --name $key
done
# all of this shares two processors: what a helper may take is not what is
# shown here
echo 15000 >$parameters/renew_ms
kmscrypt format --force "$disk" --name k --lease 30 --on-lock queue \
	--queue-cap 600 >/dev/null
ok 'open with a lease' kmscrypt open "$disk" vol
ok 'status' exits 0 kmscrypt status vol
ok '... in JSON' is active "$(json vol state)"
ok '... the lease' is 30 "$(json vol lease_s)"
begin_work
vault_stop
ok 'outage: unreachable in the end' in_time 60 state vol \
	'^locked reason=unreachable '
ok 'status' exits 3 kmscrypt status vol
ok '... says so in JSON' is unreachable "$(json vol reason)"
# the deadline may have cut a renewal off; the next one says why
ok '... and why' in_time 60 is_why vol EHOSTUNREACH
ok 'the log says so' like 'locked, reason=unreachable' "$(dmesg)"
ok 'I/O is held' in_time 60 state vol ' held=[1-9]'
ok 'an unlock in vain' exits 3 kmscrypt unlock vol
before=$(cat "$t/done")
start_vault >/dev/null
ok 'the KMS is back: it opens by itself' in_time 90 state vol ^active
ok 'I/O flows on' in_time 60 worked $((before + 2))
end_work
ok 'without an error' is 0 "$status"
ok 'status' exits 0 kmscrypt status vol

# --- the KMS says no -----------------------------------------------------------
vault_api POST transit/keys/k/config '{"deletion_allowed":true}' >/dev/null
vault_api DELETE transit/keys/k >/dev/null
ok 'key destroyed: revoked' in_time 60 state vol '^locked reason=revoked '
ok 'status' exits 9 kmscrypt status vol
ok '... says so in JSON' is revoked "$(json vol reason)"
ok '... and why' is EKEYREVOKED "$(json vol error)"
ok 'the log says so' like 'locked, reason=revoked' "$(dmesg)"
ok 'unlock' exits 9 kmscrypt unlock vol
ok 'close' kmscrypt close vol

# --- no, and its file system is frozen (kmscrypt(8), lock) ---
vault_api POST transit/keys/gone '{}' >/dev/null
vault_api POST transit/keys/gone/config '{"deletion_allowed":true}' >/dev/null
kmscrypt kms set vault "$VAULT_ADDR" gone --token-file "$t/token" \
	--ca-cert "$VAULT_CACERT" --name gone >/dev/null
kmscrypt format --force "$disk" --name gone --on-lock queue --queue-cap 10 \
	>/dev/null
kmscrypt open "$disk" vol >/dev/null
mkfs.ext4 -q /dev/mapper/vol
mkdir -p "$mnt"
mount /dev/mapper/vol "$mnt"
echo x >"$mnt/file"
ok 'freeze' exits 0 kmscrypt lock vol --freeze
vault_api DELETE transit/keys/gone >/dev/null
ok 'revoked, with a frozen file system' exits 9 kmscrypt unlock vol
ok 'close: in use' exits 5 kmscrypt close vol
# with an error or without: what it writes is lost
timeout $((120 * ${KMSC_SLOW:-1})) fsfreeze --unfreeze "$mnt" 2>/dev/null
ok 'the thaw ends with the cap' not is 124 $?
ok 'then umount' timeout $((120 * ${KMSC_SLOW:-1})) umount "$mnt"
ok 'and close' in_time 20 kmscrypt close vol
rmdir "$mnt"

# --- locks -----------------------------------------------------------------------
kmscrypt format --force "$disk2" >/dev/null
kmscrypt open "$disk2" data >/dev/null
ok 'lock' exits 0 kmscrypt lock data
ok 'status' exits 5 kmscrypt status data
ok '... says who' is admin "$(json data reason)"
ok 'no I/O' not get data
ok 'again' exits 0 kmscrypt lock data
ok 'freeze, though locked' exits 5 kmscrypt lock data --freeze
ok 'unlock' exits 0 kmscrypt unlock data
ok 'I/O' get data
ok 'unlock what is active' exits 0 kmscrypt unlock data
ok 'lock for sleep' exits 0 kmscrypt lock data --sleep
ok '... says so' is sleep "$(json data reason)"
ok 'unlock' exits 0 kmscrypt unlock data
ok 'two options that do not go together' exits 1 kmscrypt lock data \
	--freeze --unmount
ok 'lock what is not there' exits 4 kmscrypt lock nothing
ok 'unlock what is not there' exits 4 kmscrypt unlock nothing
ok '... still active' is active "$(json data state)"

gcc -O2 -Wall -Werror -o "$t/marker" marker.c || exit 1
mkfs.ext4 -q /dev/mapper/data
mkdir "$mnt"
mount /dev/mapper/data "$mnt"
mkdir "$mnt/etc"
mount --bind "$mnt/etc" /etc/kmscrypt
ok 'not what the way to the key lies on' exits 5 kmscrypt lock data
umount /etc/kmscrypt
exec 9>"$mnt/open"
ok 'unmount, though in use' exits 5 kmscrypt lock data --unmount
exec 9>&-
ok '... is not locked' is active "$(json data state)"

# frozen: a writer waits, and gets no error
record=/run/kmscrypt/frozen/$(json data uuid)
ok 'freeze' exits 0 kmscrypt lock data --freeze
ok '... is noted' test -s "$record"
bash -c 'echo later >"$1"' - "$mnt/later" &
writer=$!
sleep 1
ok 'a writer waits' kill -0 $writer
ok 'unlock' exits 0 kmscrypt unlock data
wait $writer
status=$?
ok '... lets the writer go on' is 0 "$status"
ok '... it has written' is later "$(cat "$mnt/later")"
ok '... and is noted no more' not test -e "$record"

hits() {
	"$t/marker" count
}

"$t/marker" write "$mnt/marker" 16
sum=$(sha256sum <"$mnt/marker")
ok 'a scan finds what is there' [ "$(hits)" -gt 100000 ]
exec 8<"$mnt/marker" # its name cannot be read once it is locked
ok 'evict' exits 0 kmscrypt lock data --evict --freeze
ok '... leaves nothing in memory' is 0 "$(hits)"
ok '... and no page of the file' is 0 \
	"$(fincore --bytes --noheadings --output PAGES /dev/fd/8 | tr -d ' ')"
ok 'unlock' exits 0 kmscrypt unlock data
ok '... the file is as it was' is "$sum" "$(sha256sum <"$mnt/marker")"
exec 8<&-
said=$(kmscrypt lock data --evict --unmount 2>&1)
ok 'evict and unmount' is admin "$(json data reason)"
ok '... warns of nothing' not like warning "$said"
ok '... is unmounted' not mountpoint "$mnt"
ok '... leaves nothing in memory' is 0 "$(hits)"
ok 'evict what is locked' exits 0 kmscrypt lock data --evict
ok 'unlock' exits 0 kmscrypt unlock data
mount /dev/mapper/data "$mnt"
ok '... the file is as it was' is "$sum" "$(sha256sum <"$mnt/marker")"
echo quiet >"$t/cmdline"
mount --bind "$t/cmdline" /proc/cmdline
said=$(kmscrypt lock data --evict 2>&1)
umount /proc/cmdline
ok 'a warning without init_on_free' like 'boot it with init_on_free=1' "$said"
ok 'a warning of what is mounted' like 'stays mounted' "$said"
kmscrypt unlock data >/dev/null
umount "$mnt"
ok 'close' kmscrypt close data

# --- a KMS that hangs --------------------------------------------------------------
kmscrypt format --force "$disk" --name hang >/dev/null
kmscrypt open "$disk" vol >/dev/null
kmscrypt lock vol >/dev/null
vault_fault '{"action":"hang","path":"/decrypt/"}'
kmscrypt unlock vol >"$t/said" 2>&1 &
unlocker=$!
in_time 30 state vol ^unlocking
kmscrypt lock vol >/dev/null
wait $unlocker
status=$?
ok 'a lock is stronger than an unlock' is 5 "$status"
ok '... which says so' like 'locked again' "$(cat "$t/said")"
ok '... the kernel too' state vol '^locked reason=admin error=125 '
ok 'an unlock that hangs ends' exits 3 kmscrypt unlock vol --timeout 3
vault_heal
ok 'then one that does not' in_time 60 kmscrypt unlock vol
kmscrypt close vol >/dev/null

# --- sleep -------------------------------------------------------------------------
# Up to the freezing of all processes, with what the kernel does before.
sleeps() {
	echo freezer >/sys/power/pm_test &&
		echo mem >/sys/power/state
}

renewing() {
	pgrep -f 'kmscrypt-upcall [0-9]'
}

kmscrypt format --force "$disk" --name hang --lease 60 >/dev/null
kmscrypt open "$disk" vol >/dev/null
echo 4000 >$parameters/renew_ms
vault_fault '{"action":"hang","path":"/decrypt/"}'
dmsetup message vol 0 renew
ok 'a helper hangs' in_time 30 renewing
ok 'the machine sleeps' sleeps
ok '... and wakes up' like 'PM: suspend exit' "$(dmesg)"
vault_heal
ok 'the lease goes on' in_time 90 state vol '^active .* error=0 '
kmscrypt close vol >/dev/null
vault_stop
done_testing
