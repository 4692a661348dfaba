#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's part of ../t-memory.sh, which runs it: takes a volume through its
# life and asks, at each step, what of its secrets is in this machine's memory.
#
# MODE is "cleared" where the kernel clears what is freed: nothing may be left
# anywhere. Else ("kept") nothing may be left but in free pages.
set -uo pipefail
: "${SHARE:?}" "${MODE:?}" "${ROUNDS:?}" "${URL:?}" "${MOUNT:?}" "${ATTACKER:?}"
disk=$(realpath /dev/disk/by-id/virtio-disk0)
rule=/etc/request-key.d/kmscrypt.conf
t=$(mktemp -d)
[ -n "$t" ] || exit 1
MARKED_MIB=256

# --- TAP ---
# shellcheck source=base-lib.sh
. "$(dirname "$0")/base-lib.sh"
told=0
# ok NAME COMMAND...
ok() {
	local name=$1 output verdict=ok
	shift

	output=$("$@" 2>&1) || verdict='not ok'
	told=$((told + 1))
	echo "$verdict $told - $name"
	[ "$verdict" = ok ] ||
		printf '%s\n' "command: $*" "$output" "$(dmesg | tail -n 4)"
}

# note WORDS: a figure, for people
note() { echo "$*"; }

# --- the host ---
# host REQUEST: the answer goes to $t/reply
host() {
	rm -f "$SHARE/reply"
	echo "$1" >"$SHARE/request.new"
	mv "$SHARE/request.new" "$SHARE/request"
	in_time 120 test -e "$SHARE/reply" || return
	cat "$SHARE/reply" >"$t/reply"
	[ "$(cat "$t/reply")" != failed ]
}

# scan: $t/hits gets "PLACE OFFSET NAME FORM" of each
#
# Memory changes owners while we look. So that what was in a free page is not
# taken for its next owner's, only what is there before we ask for the place and
# after it counts.
scan() {
	host scan || return
	grep -v ^total "$t/reply" | places >"$t/hits"
	[ ! -s "$t/hits" ] || {
		host scan || return
		awk 'NR == FNR { seen[$0] = 1; next } $2 " " $3 " " $4 in seen' \
			"$t/reply" "$t/hits" >"$t/both"
		mv "$t/both" "$t/hits"
	}
	grep -q ^total "$t/reply"
}

total() { sed -n 's/^total \([0-9]*\).*/\1/p' "$t/reply"; }

# hits NAME [PLACES]: those of a secret, in these places alone, or in any
hits() {
	grep -E "^(${2:-[a-z]+}) [0-9a-f]+ $1[- ]" "$t/hits"
}

# where NAME: a count for each place
where() {
	hits "$1" | cut -d' ' -f1 | sort | uniq -c |
		awk '{ printf "%s%s %s", sep, $1, $2; sep = ", " }'
}

# What is left of a secret, in places where nothing may be; shows it
left() {
	if [ "$MODE" = cleared ]; then
		hits "$1"
	else
		hits "$1" '[a-eg-z][a-z]*|file'
	fi | head -n 40
}

# none NAME: nothing is left of it
none() {
	local found

	found=$(left "$1")
	[ -z "$(where "$1")" ] || note "# $1: $(where "$1")" >&3
	[ -z "$found" ] || {
		echo "$found"
		return 1
	}
}

# nothing_left STEP: scan and look for all but the token, which is known where
# it must be
nothing_left() {
	scan || return
	none vk && none mac && none token
}

# handles: one line for each: the first and last offset, and how many of the
# volume key's round keys lie there
handles() {
	hits vk | grep ' raw$' | cut -d' ' -f2 |
		while read -r at; do echo $((16#$at)); done | sort -nu | awk '
		NR > 1 && $1 - last > 64 { print first, last, n; n = 0 }
		!n { first = $1 }
		{ last = $1; n++ }
		END { if (n) print first, last, n }'
}

# Each handle has the schedules of both halves for both ways, 60 round keys,
# and lies in memory of the kernel's that is in use; there is nothing else.
only_handles() {
	local n

	scan || return
	handles >"$t/handles"
	n=$(wc -l <"$t/handles")
	note "# $n handles" >&3
	if [ "$n" -lt 1 ] || [ "$n" -gt 2 ] || grep -v ' 60$' "$t/handles"; then
		cat "$t/handles" "$t/hits"
		return 1
	fi
	# what is not in one is left over
	hits vk slab | awk -v n=$((60 * n)) 'END { exit NR != n }' || {
		where vk
		return 1
	}
	grep -v '^slab [0-9a-f]* vk-' "$t/hits" >"$t/others"
	mv "$t/others" "$t/hits"
	none vk && none mac && none token
}

# --- the volume ---
create() {
	dmsetup create --noudevsync --noudevrules vol \
		--table "$(kmscrypt table "$disk")"
}

remove() { dmsetup remove --noudevsync --noudevrules vol; }

state() { dmsetup status vol | grep -q " $1 "; }

revoke() {
	keyctl revoke "$(dmsetup status vol | sed 's/.* key=//; s/ .*//')" &&
		state locked
}

# helper PROGRAM: that the kernel's requests go to
helper() { sed -i "s,/[^ ]*kmscrypt-upcall[^ ]*,$1," $rule; }

# found_in PLACE NAME: the scan finds it there, so it would elsewhere
found_in() {
	scan && [ -n "$(hits "$2" "$1")" ]
}

# A helper that has the key in its hands, and one that waits for the KMS, with
# the token in them, are killed.
killed() {
	local how=$1 secret=$2 status

	create >/dev/null 2>&1 &
	if [ "$how" = holding ]; then
		in_time 60 bash -c 'dmesg | grep -q "holding: answer: a key"'
	else
		in_time 60 grep -q '^Seccomp:.2' \
			"/proc/$(in_time 30 pgrep -x kmscrypt-upcall
			pgrep -x kmscrypt-upcall)/status"
		sleep 1
	fi
	found_in user "$secret"
	status=$?
	pkill -KILL -x 'kmscrypt-upcall.*' || pkill -KILL -f "^$ATTACKER"
	in_time 30 bash -c '! pgrep kmscrypt-' || status=1
	wait
	return $status
}

killed_holding() {
	local status

	mkdir -p /run/attack
	echo 'holding 1 1 1 1 none' >/run/attack/plan
	dmesg -C
	helper "$ATTACKER"
	killed holding vk
	status=$?
	helper /usr/sbin/kmscrypt-upcall
	return $status
}

killed_asking() {
	local status

	host hang
	killed asking token
	status=$?
	host heal
	return $status
}

# --- its data ---
marker_written() {
	mkfs.ext4 -q /dev/mapper/vol && mount /dev/mapper/vol /mnt/data &&
		marker write /mnt/data/file $MARKED_MIB && scan || return
	note "# the marker: $(total) times in memory" >&3
	[ "$(total)" -gt $((MARKED_MIB * 32768)) ]
}

marker_gone() {
	sync
	dmsetup message vol 0 lock && echo 3 >/proc/sys/vm/drop_caches &&
		scan || return
	note "# the marker: $(total) times in memory" >&3
	# in free pages it may be, where they are not cleared
	none marker && { [ "$MODE" = kept ] || [ "$(total)" = 0 ]; }
}

unlocked_and_gone() {
	dmsetup message vol 0 unlock && in_time 30 state active || return
	[ "$(marker print | wc -c)" = 33 ] &&
		marker write "$t/wanted" 1 && cmp -n 1048576 "$t/wanted" /mnt/data/file &&
		rm "$t/wanted" && umount /mnt/data && remove
}

decoy() {
	local form

	cp "$SHARE/decoys" /dev/shm/decoys
	scan || return
	for form in raw hex HEX base64-0 base64-1 base64-2; do
		grep -q " decoy-0 $form$" "$t/hits" || {
			echo "not found: $form"
			return 1
		}
	done
	rm /dev/shm/decoys
}

# --- the test ---
# A helper that is looked at waits for us, also on a slow host; what waits for
# 120 s the kernel complains of.
echo 100000 >/sys/module/kmscrypt/parameters/timeout_ms
mkdir -p /mnt/system /mnt/data /etc/kmscrypt
mount /dev/disk/by-id/virtio-disk1 /mnt/system
mount --bind /mnt/system/etc /etc/kmscrypt
exec 3>&1
set_up() {
	kmscrypt kms set vault "$URL" k --token-file /mnt/system/token \
		--ca-cert /mnt/system/ca.pem --transit-path "$MOUNT" &&
		rm /mnt/system/token && kmscrypt format "$disk" && sync
}
ok "set up" set_up
ok "the host knows the secrets" host secrets
ok "what is planted is found, in each form" decoy
ok "after kms set and format: nothing" nothing_left
for ((round = 1; round <= ROUNDS; round++)); do
	ok "open" create
	ok "open: only in the cipher's handles" only_handles
	ok "close" remove
	ok "close: nothing" nothing_left
	create
	ok "lock" dmsetup message vol 0 lock
	ok "lock: nothing" nothing_left
	dmsetup message vol 0 unlock
	ok "unlock" in_time 30 state active
	ok "unlock: only in the cipher's handles" only_handles
	ok "revoke" revoke
	ok "revoke: nothing" nothing_left
	remove
	ok "a helper has the key, and is killed" killed_holding
	ok "killed: nothing" nothing_left
	ok "a helper waits for the KMS, and is killed" killed_asking
	ok "killed: nothing" nothing_left
	create
	ok "$MARKED_MIB MiB of a marker: found" marker_written
	ok "lock and caches dropped: no marker" marker_gone
	ok "unlock: it is in the file" unlocked_and_gone
done
ok "module unloads" rmmod kmscrypt
echo "all $told told"
