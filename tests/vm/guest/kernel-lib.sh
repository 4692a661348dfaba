# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For the tests of the kernel module alone, in the guest: a helper that answers
# as the test says (kernel-helper.c), table lines, TAP. Sourced.

guest=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
t=/run/kmsc-test
uuid=11111111-2222-4333-8444-555555555555
# used by the tests that source this
# shellcheck disable=SC2034
uuid2=99999999-8888-4777-8666-555555555555

# --- TAP ---
# shellcheck source=base-lib.sh
. "$guest/base-lib.sh"
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
	fi
}

# skip NAME REASON: said aloud, counted as a test
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# done_testing: no leak at the end is the last test of each script
done_testing() {
	ok "module unloads" module_unload
	ok "no key, keyring or thread is left" nothing_left
	echo "1..$tap_count"
	[ $tap_failed -eq 0 ]
	exit
}

# --- module ---
module_load() {
	grep -q '^kmscrypt ' /proc/modules || insmod "$KMSC_MODULE" || {
		echo "Bail out! the module does not load"
		exit 1
	}
}

module_unload() {
	local tries=0

	# udev is not here; but a process that a test killed may be on its way
	while ! rmmod kmscrypt; do
		tries=$((tries + 1))
		[ $tries -lt 50 ] || return 1
		sleep 0.1
	done
}

nothing_left() {
	# a kworker's name keeps that of the last queue it served
	not grep -F .kmscrypt /proc/keys &&
		not grep -E '^(kmscr|kworker/R-kmscr)' /proc/[0-9]*/comm
}

# --- helper ---
# Installs our helper as the only one, with key length 64 and mode "ok".
helper_install() {
	mkdir -p $t
	gcc -O -Wall -Werror -I"$guest/../../../include" -o $t/helper \
		"$guest/kernel-helper.c" -lkeyutils || exit 1
	rm -f /etc/request-key.d/*
	echo "create .kmscrypt * * $t/helper %k %d %c" \
		>/etc/request-key.d/kmsc-test.conf
	head -c 96 /dev/urandom >$t/key
	helper ''
}

# helper [WORD...]: what the helper does from now on, see kernel-helper.c
helper() {
	echo "$*" >$t/mode
	: >$t/log
}

upcalls() {
	grep -c '^start' $t/log
}

# --- tables ---
set_defaults() {
	cipher=aes-xts-plain64
	key_bytes=64
	iv_offset=0
	offset=0
	options=
	length=
}

# line [name=value...]: our table line for $dev, with these instead of the
# defaults; options is a string of words
line() {
	local cipher key_bytes iv_offset offset options length words assignment

	set_defaults
	for assignment; do
		local "${assignment?}"
	done
	[ -n "$length" ] ||
		length=$(($(blockdev --getsz "$dev") / 8 * 8 - offset))
	read -r -a words <<<"$options"
	echo "0 $length kmscrypt $cipher :$key_bytes:kmscrypt:$uuid" \
		"$iv_offset $dev $offset" \
		"${words:+${#words[@]} ${words[*]}}"
}

# crypt_line [name=value...]: the same as dm-crypt wants it
crypt_line() {
	local ours hex

	ours=$(line "$@")
	# a cipher may hold colons too
	hex=$(head -c "$(cut -d' ' -f5 <<<"$ours" | cut -d: -f2)" $t/key |
		od -An -v -tx1 | tr -d ' \n')
	sed "s/ kmscrypt / crypt /; s/:[0-9]*:kmscrypt:[-0-9a-f]*/$hex/" \
		<<<"$ours"
}

# create NAME LINE...
create() {
	local name=$1
	shift

	dmsetup create --noudevsync --noudevrules "$name" --table "$*"
}

remove() {
	local name

	for name; do
		dmsetup remove --noudevsync "$name" || return
	done
}

# refused TEXT LINE...: the table does not load, and the kernel says why
refused() {
	local text=$1 said
	shift

	dmesg -C
	if create refused "$*"; then
		remove refused
		echo "loaded: $*"
		return 1
	fi
	said=$(dmesg)
	[[ $said == *": kmscrypt: $text"* ]] || {
		printf 'wanted: %s\nsaid: %s\n' "$text" "$said"
		return 1
	}
}

# info NAME: the status line without start, length and target
info() {
	dmsetup status "$1" | cut -d' ' -f4-
}

# brd MIB: a ramdisk as $dev
brd() {
	modprobe brd rd_nr=2 rd_size=$(($1 * 1024))
	dev=/dev/ram0
}

modprobe dm-mod
module_load
helper_install
