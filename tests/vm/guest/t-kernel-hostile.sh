#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Random and hostile table lines, messages and key payloads: the kernel refuses
# them or takes them, says nothing of a fault (run.sh looks) and works on.
# vm: --mem 1G --timeout 1800
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh

times=$(often 10000 200 200)
# the same each time; another one for a change
seed=${HOSTILE_SEED:-1}
brd 4
gcc -O -Wall -Werror -o "$t"/hostile "$guest/hostile.c" -ldevmapper || exit 1
exec 3>&1

good=$(line options=sector_size:4096)
length=$(cut -d' ' -f2 <<<"$good")
params=${good#0 "$length" kmscrypt }
params=${params%% }

# hostile WHAT ARGUMENT...: some were taken and some refused, or it is no test
hostile() {
	local what=$1 said
	shift

	said=$("$t"/hostile "$what" "$seed" "$times" "$@") || {
		echo "$said"
		return 1
	}
	echo "# $what: $said" >&3
	like "^$times done, [1-9][0-9]* taken, [1-9][0-9]* E" "$said"
}

# The contents of a sector, as they are once encrypted
works() {
	helper ''
	create one "$good" && like ^active "$(info one)" &&
		dd if=/dev/urandom of="$t"/sector bs=4096 count=1 status=none &&
		dd if="$t"/sector of=/dev/mapper/one oflag=direct bs=4096 \
			status=none &&
		dd if=/dev/mapper/one iflag=direct bs=4096 count=1 \
			status=none | cmp - "$t"/sector
	local status=$?
	remove one
	return "$status"
}

# After any messages an unlock opens it, with what was in it.
messages() {
	create one "$good" || return
	dd if=/dev/urandom of="$t"/sector bs=4096 count=1 status=none
	dd if="$t"/sector of=/dev/mapper/one oflag=direct bs=4096 status=none
	hostile messages one || return
	in_time 60 unlocked one || return
	dd if=/dev/mapper/one iflag=direct bs=4096 count=1 status=none |
		cmp - "$t"/sector
	local status=$?
	remove one
	return "$status"
}

unlocked() {
	dmsetup message "$1" 0 unlock
	[[ $(info "$1") == active* ]]
}

ok 'before: it works' works
ok "$times tables" hostile tables "$length" "$params"
ok 'it works' works
helper ''
ok "$times messages" messages
ok 'it works' works
ok "$times payloads" hostile payloads "$length" "$params"
ok 'it works' works
ok 'no key is left' in_time 10 not grep -F .kmscrypt /proc/keys
done_testing
