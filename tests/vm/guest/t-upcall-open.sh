#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel opens a volume by itself: dmsetup alone, then the command line.
# vm: --smp 1 --mem 1G --disk 64M --disk 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh

# Written through our target, read through dm-crypt with the exported key.
same_as_stock() {
	head -c 1M /dev/urandom >"$t/plain"
	create vol "$(table "$disk")" || return
	dd if="$t/plain" of=/dev/mapper/vol bs=1M oflag=direct status=none
	remove vol
	modprobe dm-crypt
	kmscrypt dump "$disk" --dump-volume-key --volume-key-file "$t/key" ||
		return
	cryptsetup open --volume-key-file "$t/key" --key-size 512 \
		"$disk" stock || return
	dd if=/dev/mapper/stock bs=1M count=1 iflag=direct status=none |
		cmp - "$t/plain"
	local status=$?
	cryptsetup close stock
	return "$status"
}

# Two tables of one volume, a reload and a resume: no second upcall is needed.
reload_and_second() {
	local line size

	line=$(table "$disk")
	size=$(cut -d' ' -f2 <<<"$line")
	create vol "$line" &&
		dmsetup reload --noudevsync vol --table "$line" &&
		dmsetup suspend --noudevsync vol &&
		dmsetup resume --noudevsync vol &&
		create half "0 $((size / 2)) ${line#0 "$size" }" &&
		remove half && remove vol
}

cli_open() {
	kmscrypt open "$disk" vol &&
		blockdev --getsize64 /dev/mapper/vol &&
		kmscrypt status vol &&
		kmscrypt status vol --json | python3 -m json.tool &&
		kmscrypt list
}

cli_open_twice() {
	local status

	kmscrypt open "$disk" vol
	status=$?
	is 5 "$status"
}

cli_close_busy() {
	local status

	exec 9</dev/mapper/vol
	kmscrypt close vol
	status=$?
	exec 9<&-
	is 5 "$status" && kmscrypt close vol && not dmsetup info vol
}

# dmsetup gives no DM UUID: what a mapping is stands in its table.
made_by_dmsetup() {
	local said

	create vol "$(table "$disk")" || return
	said=$(kmscrypt status vol) && like "$(cryptsetup luksUUID "$disk")" \
		"$said" && kmscrypt close vol && not dmsetup info vol
}

not_ours() {
	local status

	create other "0 8 zero" || return
	kmscrypt close other
	status=$?
	remove other && is 4 "$status"
}

by_hand() {
	local said status

	said=$(kmscrypt-upcall "$@" 2>&1)
	status=$?
	is 1 "$status" && like "request-key only" "$said"
}

# What the helper takes, with the time that the whole open takes.
cost() {
	local start end

	start=$(date +%s%N)
	create vol "$(table "$disk")" || return
	end=$(date +%s%N)
	remove vol
	echo "# open, dmsetup call to mapped: $(((end - start) / 1000000)) ms" >&3
}

fresh "$disk"
exec 3>&1
ok "opens by dmsetup alone" create vol "$(table "$disk")"
ok "reads" dd if=/dev/mapper/vol of=/dev/null bs=1M iflag=direct
ok "goes away" remove vol
ok "stock cryptsetup reads what we wrote" same_as_stock
ok "reload and second table" reload_and_second
ok "kmscrypt open" cli_open
ok "kmscrypt open of an open one is exit 5" cli_open_twice
ok "kmscrypt close of one in use is exit 5" cli_close_busy
ok "kmscrypt close of one that dmsetup made" made_by_dmsetup
ok "kmscrypt close of another target's is exit 4" not_ours
ok "by hand without arguments" by_hand
ok "by hand with a key that is none" by_hand 12345
ok "by hand with nonsense" by_hand '%k'
ok "by hand with a key of ours" by_hand "$(keyctl add user x y @s)"
ok "cost" cost
done_testing
