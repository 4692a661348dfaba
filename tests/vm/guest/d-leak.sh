#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A hundred volumes come and go in ten ways, then the module: no memory is
# lost, and nothing that is still referred to grows with them.
# vm: --timeout 600
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=debug-lib.sh
. ./debug-lib.sh

brd 4
head -c 64K /dev/urandom >$t/data

put() {
	dd if=$t/data of=/dev/mapper/one bs=64k oflag=direct status=none
}

holds() {
	cmp $t/data <(dd if=/dev/mapper/one bs=64k count=1 iflag=direct \
		status=none)
}

state() {
	like "$1" "$(info one)"
}

key() {
	info one | sed 's/.*key=//; s/ .*//'
}

# --- the ten ways, each leaves no volume ---
use() {
	helper ''
	create one "$(line)" && put && holds && remove one
}

reload() {
	helper ''
	create one "$(line)" && put &&
		dmsetup reload one --table "$(line options=allow_discards)" &&
		dmsetup suspend one && dmsetup resume --noudevsync one &&
		holds && remove one
}

refuse() {
	helper reject:128
	not create one "$(line)"
}

malformed() {
	helper version=9
	not create one "$(line)"
}

differ() {
	helper sector_size=4096
	not create one "$(line)"
}

silent() {
	helper exit
	not create one "$(line)"
}

# gone: without the device that a killed dmsetup leaves behind, with no table
gone() {
	! dmsetup info one >/dev/null 2>&1 || remove one
}

# Nobody waits any more when the key comes.
late() {
	helper sleep:"$(slowly 3000)"
	dmsetup create --noudevsync --noudevrules one --table "$(line)" &
	in_time 20 grep -q '^start' $t/log && kill -KILL $! &&
		not wait $! && gone && in_time 60 grep -q '^end' $t/log &&
		in_time 60 not grep -F .kmscrypt /proc/keys
}

unlock() {
	helper ''
	create one "$(line)" && put && dmsetup message one 0 lock &&
		not holds && dmsetup message one 0 unlock &&
		in_time 60 state '^active' && holds && remove one
}

renew() {
	local serial

	helper ''
	create one "$(line)" && serial=$(key) && helper epoch=2 &&
		dmsetup message one 0 renew &&
		in_time 60 state '^active .* epoch=2' &&
		not is "$serial" "$(key)" && remove one
}

revoke() {
	helper ''
	create one "$(line)" && keyctl revoke "$(key)" &&
		state '^locked reason=revoked' && remove one
}

ways=(use reload refuse malformed differ silent late unlock renew revoke)

ten() {
	local n

	for n in {1..10}; do
		"$1" || {
			echo "the ${n}th time"
			return 1
		}
	done
}

# --- what could grow: keys, credentials, processes ---
counts() {
	local cache

	for cache in key_jar cred_jar pid; do
		echo "$cache $(objects $cache)"
	done
}

# A process more or less is no leak, one in ten volumes is.
not_more() {
	local cache count before

	while read -r cache count; do
		before=$(sed -n "s/^$cache //p" $t/before)
		[ "$count" -lt $((before + 10)) ] || {
			echo "$cache: $before before, $count after"
			return 1
		}
	done < <(counts)
}

ok 'lockdep is on' grep -E 'debug_locks: +1' /proc/lockdep_stats
for way in "${ways[@]}"; do
	ok "$way" "$way"
done
ok 'module unloads' module_unload
# The collector of keys takes its time, and may run only every few minutes.
in_time 60 nothing_left
counts >$t/before
leaks_forget
module_load

for way in "${ways[@]}"; do
	ok "$way, ten times" ten "$way"
done
ok 'module unloads again' module_unload
ok 'no key, keyring or workqueue is left' in_time 60 nothing_left
ok 'no more objects than before' in_time 60 not_more
ok 'no memory is lost' no_leak
ok 'lockdep is still on' grep -E 'debug_locks: +1' /proc/lockdep_stats
echo "1..$tap_count"
[ $tap_failed -eq 0 ]
