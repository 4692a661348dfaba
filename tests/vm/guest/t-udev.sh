#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The real udevd and our rules: while a volume is locked nobody probes it and
# its links stay; once it is unlocked it is probed again.
# vm: --smp 1 --mem 1G --timeout 600 --disk 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh

rules=/usr/lib/udev/rules.d
uuid=0c0ffee0-1111-4222-8333-444444444444
link=/dev/disk/by-uuid/$uuid

# settled: udevd has nothing to do any more
settled() {
	udevadm settle --timeout=$((60 * ${KMSC_SLOW:-1}))
}

# db VARIABLE: what udevd knows of the mapping
db() {
	udevadm info --query=property --property="$1" --value /dev/mapper/vol
}

knows() {
	settled && is "$2" "$(db "$1")"
}

held() {
	dmsetup status vol | grep -o ' held=[0-9]*' | cut -d= -f2
}

probing() {
	[ "$(held)" -gt 0 ]
}

state() {
	like "^$1" "$(dmsetup status vol | cut -d' ' -f4-)"
}

event() {
	udevadm trigger --action="$1" "/sys/class/block/$dm"
}

# unprobed COMMAND...: which sends an event; nobody reads from the device
unprobed() {
	"$@" && settled && is 0 "$(held)" &&
		is locked "$(db KMSCRYPT_STATE)" && is 1 "$(db DM_NOSCAN)"
}

# One who writes and goes: udevd watches for that.
writer() {
	exec 9<>/dev/mapper/vol
	exec 9>&-
}

linked() {
	settled && is "$(readlink -f "$1")" "/dev/$dm"
}

# kept: all that was known of what is on the volume
kept() {
	linked "$link" && linked /dev/disk/by-label/"$1" &&
		is ext4 "$(db ID_FS_TYPE)" && is "$uuid" "$(db ID_FS_UUID)" &&
		like '^1?$' "$(db SYSTEMD_READY)"
}

# lost NAME: the link goes
lost() {
	not test -L "$1"
}

unset DM_DISABLE_UDEV
/lib/systemd/systemd-udevd --daemon || {
	echo "Bail out! no udevd"
	exit 1
}
in_time 20 udevadm control --ping
ok 'udevd runs' in_time 20 test -S /run/udev/control
kmscrypt format --force --on-lock queue --queue-cap 600 "$disk" >/dev/null
ok 'open, by way of udev' kmscrypt open "$disk" vol
dm=$(basename "$(readlink -f /dev/mapper/vol)")
ok '... which made the node a link' test -L /dev/mapper/vol
ok 'no state yet: it is probed' is '' "$(db DM_NOSCAN)"
mkfs.ext4 -q -L one -U $uuid /dev/mapper/vol
ok 'a file system has its links' in_time 20 kept one

# --- locked ---
ok 'lock' kmscrypt lock vol
ok '... udevd knows' knows KMSCRYPT_STATE locked
ok '... and has not probed it' unprobed true
ok '... the links stay' kept one
for action in change add; do
	ok "an event ($action): not probed" unprobed event $action
	ok '... the links stay' kept one
done
ok 'a writer who goes: not probed' unprobed writer
ok '... the links stay' kept one
ok 'locked again: not probed' unprobed kmscrypt lock vol --sleep

# --- unlocked ---
ok 'unlock' kmscrypt unlock vol
ok '... udevd knows' knows KMSCRYPT_STATE active
ok '... and probes it' knows DM_NOSCAN ''
ok '... the links are there' kept one
tune2fs -L two /dev/mapper/vol >/dev/null
ok 'another label has its link' in_time 20 kept two
ok '... and the first none any more' in_time 20 lost /dev/disk/by-label/one

# --- by an outage of which a renewal tells ---
kmscrypt kms set local --name other >/dev/null
mv /etc/kmscrypt/entries/default.json "$t"
dmsetup message vol 0 renew
sleep 1
ok 'a renewal in vain is no lock' state active
ok '... nor one to udevd' knows KMSCRYPT_STATE active
mv "$t/default.json" /etc/kmscrypt/entries/

# --- the rules do it ---
mv $rules/09-kmscrypt.rules "$t"
udevadm control --reload
kmscrypt lock vol >/dev/null
ok 'without the rules it is probed, and that hangs' in_time 30 \
	probing
ok '... until it is unlocked' kmscrypt unlock vol
ok '... then all is well' in_time 60 kept two
mv "$t/09-kmscrypt.rules" $rules
udevadm control --reload
ok 'close' kmscrypt close vol

# --- where I/O fails instead of waiting ---
kmscrypt lease "$disk" --on-lock error >/dev/null
ok 'open' kmscrypt open "$disk" vol
dm=$(basename "$(readlink -f /dev/mapper/vol)")
ok 'the links are there' in_time 20 kept two
kmscrypt lock vol >/dev/null
ok 'locked: not probed' unprobed event change
ok '... the links stay' kept two
ok 'unlock' kmscrypt unlock vol
ok '... the links stay' kept two
ok 'close' kmscrypt close vol
ok '... the links go' in_time 20 lost $link
udevadm control --exit
in_time 20 not pgrep -x systemd-udevd
rm -f /run/udev/control
export DM_DISABLE_UDEV=1
done_testing
