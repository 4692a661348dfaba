# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For the tests of the whole way in the guest: dmsetup, the kernel, the real
# /sbin/request-key, kmscrypt-upcall. Sourced.

disk=/dev/vda
disk2=/dev/vdb
t=$(mktemp -d)

# --- TAP ---
# shellcheck source=base-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/base-lib.sh"
tap_count=0
tap_failed=0

# ok NAME COMMAND...: one test; the command's output is shown if it fails
ok() {
	local name=$1 output
	shift

	tap_count=$((tap_count + 1))
	if output=$("$@" 2>&1); then
		echo "ok $tap_count - $name"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $name"
		printf '%s\n' "command: $*" "$output" | sed 's/^/# /'
		dmesg | tail -n 8 | sed 's/^/# kernel: /'
	fi
}

# skip NAME REASON: said aloud, counted as a test
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

done_testing() {
	ok "module unloads" rmmod kmscrypt
	echo "1..$tap_count"
	[ $tap_failed -eq 0 ]
	exit
}

# --- volumes ---
# create NAME LINE...: dmsetup alone, as the kernel's user sees it
create() {
	local name=$1
	shift

	dmsetup create --noudevsync --noudevrules "$name" --table "$*"
}

remove() {
	dmsetup remove --noudevsync --noudevrules "$1"
}

# get NAME: read it, past all caches
get() {
	dd if=/dev/mapper/"$1" of=/dev/null bs=4k count=1 iflag=direct \
		status=none
}

# table [DEV [SED-SCRIPT]]: the line that fits, or a changed one
table() {
	kmscrypt table "${1:-$disk}" | sed "${2:-}"
}

# refused ERRNO WORDS LINE...: nothing is mapped, dmsetup gets the errno's
# text, the helper's line in the log has the name and the words
refused() {
	local errno=$1 words=$2 said log
	shift 2

	dmesg -C
	if said=$(create refused "$*" 2>&1); then
		remove refused
		echo "loaded: $*"
		return 1
	fi
	log=$(dmesg)
	not dmsetup info refused >/dev/null 2>&1 || return
	like "kmscrypt-upcall.*$words.*\\[$errno\\]" "$log" &&
		like "$(errno_text "$errno")" "$said"
}

# errno_text NAME: what strerror(3) says
errno_text() {
	python3 -c 'import errno, os, sys
print(os.strerror(getattr(errno, sys.argv[1])))' "$1"
}

# fresh [DEV]: a new volume with the local provider
fresh() {
	kmscrypt format --force "${1:-$disk}" >/dev/null
}

# token PYTHON [DEV]: run PYTHON on the token t of the volume
token() {
	local dev=${2:-$disk}

	cryptsetup token export --token-id 0 "$dev" |
		python3 -c 'import json, sys
t = json.load(sys.stdin)
exec(sys.argv[1])
json.dump(t, sys.stdout)' "$1" >"$t/token.json"
	cryptsetup token remove --token-id 0 "$dev"
	cryptsetup token import --token-id 0 --json-file "$t/token.json" "$dev"
}

# for the tests of time
in_memory kmscrypt-upcall kmscrypt cryptsetup dmsetup request-key python3

kmscrypt kms set local >/dev/null || {
	echo "Bail out! no KMS entry"
	exit 1
}
