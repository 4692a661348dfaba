#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The demo's second boot: after the power cut.

# shellcheck source=guest.sh
. "$(dirname "$0")/guest.sh"

system_mount
step "booted again"
took=$(ms dmsetup create "$name" --table "$(kmscrypt table "$disk")")
step "the kernel fetched the key from the KMIP server: mapped in $took ms"
e2fsck -p "$mapped" >/dev/null || (($? == 1))
e2fsck -fn "$mapped" >/dev/null 2>&1
mkdir -p /mnt/data
mount "$mapped" /mnt/data
step "fsck: clean"
(cd /mnt/data && sha256sum --quiet -c /mnt/system/sums)
step "$(wc -l </mnt/system/sums) checksums equal"
umount /mnt/data
kmscrypt dump "$disk" --dump-volume-key \
	--volume-key-file /run/exported.key >/dev/null 2>&1
kmscrypt close "$name" >/dev/null

read -r _ uid </mnt/system/keys
host kmip-deactivate "$uid" >/dev/null
step "deactivated key $uid in the KMS"
status=0
said=$(dmsetup create "$name" --table "$(kmscrypt table "$disk")" 2>&1) ||
	status=$?
((status != 0)) && [[ ! -e $mapped ]]
said=${said%%$'\n'*}
step "dmsetup create: refused: ${said##*: }"
status=0
said=$(kmscrypt open "$disk" "$name" 2>&1) || status=$?
((status == 9))
step "kmscrypt open: exit $status: ${said%%$'\n'*}"

cryptsetup open "$disk" stock --key-size 512 \
	--volume-key-file /run/exported.key
shred -u /run/exported.key
mount -o ro /dev/mapper/stock /mnt/data
# emulated, all of them would take half a minute more
shuf -n 300 /mnt/system/sums >/run/sums
(cd /mnt/data && sha256sum --quiet -c /run/sums)
umount /mnt/data
cryptsetup close stock
step "stock cryptsetup opens the same disk with the exported key; 300 files equal"
touch "$SHARE/all-shown"
