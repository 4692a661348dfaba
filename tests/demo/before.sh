#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The demo's first boot: from nothing to a volume under a rotated KMIP key.

# shellcheck source=guest.sh
. "$(dirname "$0")/guest.sh"
marker=MARKER-$(head -c 12 /dev/urandom | base64 | tr -dc A-Za-z0-9)

system_mount
step "booted $(uname -sr) in QEMU"
kmscrypt kms set local >/dev/null
step "kms set local: $(kmscrypt kms show | head -n 1)"

kmscrypt format "$disk" --label demo >/dev/null
step "formatted $disk: $(blkid -p -s TYPE -s SUBSYSTEM -o value "$disk" |
	tr '\n' ' ')"
table=$(kmscrypt table "$disk")
took=$(ms dmsetup create "$name" --table "$table")
step "opened by \`dmsetup create\` alone in $took ms: $table"
peak=$(helper_peak)
step "the helper's peak memory: $peak KiB"

mkfs.ext4 -q "$mapped"
mkdir -p /mnt/data
mount "$mapped" /mnt/data
mkdir -p /mnt/source
mount -o ro /dev/disk/by-id/virtio-disk2 /mnt/source
cp -r /mnt/source/tree /mnt/data/
echo "$marker" >/mnt/data/marker
sync
size=$(du -sm /mnt/data/tree | cut -f1)
((size >= 200))
step "ext4: copied $(find /mnt/data/tree -type f | wc -l) files, $size MB"
(cd /mnt/data && find . -type f -print0 | sort -z |
	xargs -0 sha256sum) >/mnt/system/sums
sync
((size > 0)) && [[ $(grep -c . /mnt/system/sums) -gt 0 ]]
step "checksums kept on the system's disk"
seen=$(grep -aoF "$marker" /mnt/data/marker | wc -l)
raw=$(host on-disk "$marker")
[[ $seen -eq 1 && $raw -eq 0 ]]
step "the marker in it: found $seen time in the file, $raw on the raw disk"

port=$(host kmip-start)
key=$(host kmip-create)
step "started a KMIP server (python3-pykmip), made key $key"
kmscrypt kms set kmip "kms.test:$port" "$key" --ca-cert "$SHARE/ca.pem" \
	--client-cert "$SHARE/client.pem" --client-key "$SHARE/client.key" \
	>/dev/null
step "kms set kmip: the volume moved while it was mounted"
new=$(host kmip-create)
kmscrypt kms rewrap --new-key-uid "$new" >/dev/null
step "kms rewrap: now under key $new"
kmscrypt dump "$disk" | sed 's/^/            /'
echo "$key $new" >/mnt/system/keys
sync
echo late >/mnt/data/late	# not synced: may be lost, must not hurt
touch "$SHARE/power-was-cut"
host power-cut
sleep 60
exit 1
