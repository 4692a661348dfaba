#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Commands on volumes that are open: resize, reidentify, header restore,
# forget; and open --accept-header.
# vm: --smp 1 --mem 1G --disk 64M --disk 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh

base=/dev/mapper/base
top=$PWD/../../..

# base MIB: a device of that size, made or changed
base() {
	local line="0 $(($1 * 2048)) linear $disk 0"

	if [ -e "$base" ]; then
		dmsetup reload --noudevsync base --table "$line" &&
			dmsetup suspend --noudevsync base &&
			dmsetup resume --noudevsync base
	else
		create base "$line"
	fi
}

# exits CODE ARGUMENTS
exits() {
	local code=$1 status=0
	shift

	kmscrypt "$@" || status=$?
	is "$code" "$status"
}

mib() {
	echo $(($(blockdev --getsize64 /dev/mapper/vol) >> 20))
}

# pattern MIB SEED: a MiB that can be told again
pattern() {
	head -c 1M /dev/zero | openssl enc -aes-128-ctr -nosalt \
		-pass "pass:$1-$2" -pbkdf2 -iter 1 2>/dev/null
}

put() {
	pattern "$1" "$2" | dd of=/dev/mapper/vol bs=1M seek="$1" count=1 \
		iflag=fullblock oflag=direct conv=notrunc status=none
}

same() {
	dd if=/dev/mapper/vol bs=1M skip="$1" count=1 iflag=direct status=none |
		cmp - <(pattern "$1" "$2")
}

opened() {
	base 40 && kmscrypt kms set local >/dev/null && fresh "$base" &&
		kmscrypt open "$base" vol && is 24 "$(mib)" && put 0 a &&
		put 23 b
}

# --json DOCUMENT of SECTION, against the manual
valid() {
	python3 "$top/tests/cli/json-schema.py" \
		"$top/man/kmscrypt-json.5" check "$1"
}

grow() {
	base 60 && kmscrypt resize vol --json >"$t/json" &&
		valid resize <"$t/json" && is 44 "$(mib)" && same 0 a &&
		same 23 b && put 43 c && same 43 c
}

again() {
	kmscrypt resize vol --json >"$t/json" &&
		grep -q '"changed": false' "$t/json"
}

# By the device's path, while it is being read and written.
by_path() {
	local pid status

	base 50 || return
	dd if=/dev/mapper/vol of=/dev/null bs=64k count=512 iflag=direct \
		status=none &
	pid=$!
	kmscrypt resize "$base" || return
	wait "$pid"
	status=$?
	is 0 "$status" && is 34 "$(mib)" && same 0 a && same 23 b
}

reopened() {
	kmscrypt close vol && kmscrypt open "$base" vol --json >"$t/json" &&
		valid open <"$t/json" && is 34 "$(mib)" && same 0 a && same 23 b
}

states() {
	kmscrypt status vol --json >"$t/json" && valid status <"$t/json" &&
		kmscrypt list --json >"$t/json" && valid list <"$t/json" &&
		grep -q open_as "$t/json"
}

clone() {
	local one two

	dd if="$base" of="$disk2" bs=1M status=none
	kmscrypt reidentify "$disk2" || return
	kmscrypt open "$disk2" other || return
	one=$(dd if=/dev/mapper/vol bs=1M count=24 status=none | sha256sum)
	two=$(dd if=/dev/mapper/other bs=1M count=24 status=none | sha256sum)
	kmscrypt close other && is "$one" "$two"
}

header_while_open() {
	kmscrypt header backup "$base" "$t/header" || return
	exits 5 header restore "$base" "$t/header" || return
	dd if=/dev/zero of="$base" bs=64k count=1 oflag=direct status=none
	exits 0 header restore "$base" "$t/header" --force && same 0 a &&
		kmscrypt close vol && kmscrypt open "$base" vol && same 23 b
}

old_header() {
	kmscrypt close vol && kmscrypt lease "$base" --lease 100 &&
		cryptsetup luksHeaderRestore -q "$base" \
			--header-backup-file "$t/header" &&
		exits 6 open "$base" vol && not dmsetup info vol &&
		exits 0 open "$base" vol --accept-header && same 0 a
}

exec 3>&1
ok "a volume on a device of 40 MiB" opened
ok "the device grows, the open volume follows" grow
ok "again, it has nothing to do" again
ok "the device shrinks while it is read" by_path
ok "closed and opened, it is as long" reopened
ok "status and list of an open one are as documented" states
ok "an open volume is not reidentified" exits 5 reidentify "$base" --force
ok "... but its clone is, and both open side by side" clone
ok "an open volume is not forgotten" exits 5 forget "$base" --force
ok "its header is restored by force only, and it stays open" header_while_open
ok "an old header opens by --accept-header only" old_header
ok "closed" kmscrypt close vol
ok "the device below goes away" remove base
done_testing
