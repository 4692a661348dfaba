# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What both boots of the demo share. Sourced in the guest.

set -euo pipefail
# shellcheck source=step.sh
. "$(dirname "${BASH_SOURCE[0]}")/step.sh"

# shellcheck disable=SC2034 # used by who sources this
disk=$(realpath /dev/disk/by-id/virtio-disk0)
system=/dev/disk/by-id/virtio-disk1
name=secrets
# shellcheck disable=SC2034 # used by who sources this
mapped=/dev/mapper/$name
# read back by the second boot: SHARE belongs to the host, which set it
: "${SHARE:?}"

trap 'echo "demo: step after the last line failed (line $LINENO)"' ERR

# The root file system of this guest is volatile. What a real machine keeps,
# the configuration and the registry, lives on a disk of its own.
system_mount() {
	mkdir -p /mnt/system /etc/kmscrypt /var/lib/kmscrypt
	mount "$system" /mnt/system
	mkdir -p /mnt/system/etc /mnt/system/var
	mount --bind /mnt/system/etc /etc/kmscrypt
	mount --bind /mnt/system/var /var/lib/kmscrypt
}

# host REQUEST...: have the surroundings of this machine do something.
host() {
	local tries=0 reply
	rm -f "$SHARE/reply"
	echo "$*" >"$SHARE/request.new"
	mv "$SHARE/request.new" "$SHARE/request"
	until [[ -e $SHARE/reply ]]; do
		sleep 0.1
		tries=$((tries + 1))
		if ((tries > 600)); then
			echo "no answer to: $*" >&2
			return 1
		fi
	done
	reply=$(<"$SHARE/reply")
	if [[ $reply == failed ]]; then
		echo "failed: $*" >&2
		return 1
	fi
	printf '%s\n' "$reply"
}

# ms COMMAND...: run it, print how many milliseconds it took.
ms() {
	local start end
	start=$(date +%s%N)
	"$@" >&2
	end=$(date +%s%N)
	echo $(((end - start) / 1000000))
}

# helper_peak: open the volume once more with the helper under time(1); print
# the most memory that it had, in KiB.
helper_peak() {
	local rule=/etc/request-key.d/kmscrypt.conf
	dmsetup remove "$name"
	cat >/run/measure <<-'EOF'
		#!/bin/sh
		exec time -f %M -o /run/peak /usr/sbin/kmscrypt-upcall "$1"
	EOF
	chmod +x /run/measure
	cp "$rule" /run/rule
	sed 's,/usr/sbin/kmscrypt-upcall,/run/measure,' /run/rule >"$rule"
	dmsetup create "$name" --table "$(kmscrypt table "$disk")"
	cp /run/rule "$rule"
	cat /run/peak
}
