#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What of the secrets is in a machine's memory: its RAM is a file here, in which
# memscan looks for them. guest/memory.sh opens, locks and closes in there, asks
# for a scan at each step and judges it, on a machine that clears what is freed
# (init_on_free=1), and with SOAK=1 on one that does not, too.
#
# usage: t-memory.sh KERNEL
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
kernel=$1
rounds=$([ "${SOAK:-}" = 1 ] && echo 20 || echo 1)
patience=$([ "${SOAK:-}" = 1 ] && echo 8 || echo 1)

# shellcheck source=../servers/lib.sh
. "$checkout/tests/servers/lib.sh"
servers_begin

# The machine's RAM is no disk's business; the rest the guest is to see, and
# /dev/shm there is its own.
memory=/dev/shm
[ -d $memory ] && [ -w $memory ] || memory=${TMPDIR:-/tmp}
ram=$(mktemp -d "$memory/kmsc-memory.XXXXXX")
[ -n "$ram" ] && [ -d "$ram" ] || exit 1
mkdir -p "$checkout/build/vm"
work=$(mktemp -d "$checkout/build/vm/memory.XXXXXX")
[ -n "$work" ] && [ -d "$work" ] || exit 1
machine=
cleanup() {
	[ -z "$machine" ] || kill "$machine" 2>/dev/null || true
	wait "$machine" 2>/dev/null || true
	rm -rf -- "${ram:?}" "${work:?}"
	servers_end
}
trap cleanup EXIT

prepare() {
	"$here/build-module.sh" "$kernel" >"$work/module.log" 2>&1 || {
		cat "$work/module.log"
		return 1
	}
	make -s -C "$checkout" install-user DESTDIR="$work/root" >&2
	make -s -C "$checkout" build/kmscrypt-upcall-attacker >&2
	gcc -O2 -Wall -Werror -o "$work/memscan" \
		"$here"/memscan/{memscan,patterns,schedule}.c
	gcc -O2 -Wall -Werror -o "$work/root/usr/sbin/places" \
		"$here/memscan/places.c"
	gcc -O2 -Wall -Werror -o "$work/root/usr/sbin/marker" \
		"$here/guest/marker.c"
}

# A transit mount and a token of our own
vault_prepare() {
	vault_start a
	mount=kmscrypt-memory-$$
	vault_api POST "sys/mounts/$mount" '{"type":"transit"}' >/dev/null
	vault_api POST "$mount/keys/k" '{}' >/dev/null
	vault_policy "$mount" "path \"$mount/*\" {
		capabilities = [\"create\", \"read\", \"update\"] }" >/dev/null
	token=$(vault_token "$mount" '"ttl":"4h"')
}

hex() { od -An -v -tx1 | tr -d ' \n'; }

# --- what the guest asks for ---
# The volume's secrets, from the header on its disk and from the KMS: the guest
# has never told them to anybody.
secrets() {
	local wrapped

	wrapped=$(cryptsetup token export --token-id 0 "$work/disk.img" |
		json_get wrapped)
	vault_api POST "$mount/decrypt/k" "{\"ciphertext\":\"$wrapped\"}" |
		json_get data.plaintext | base64 -d >"$ram/capsule"
	[ "$(stat -c %s "$ram/capsule")" = 256 ]
	{
		echo "key vk $(tail -c +97 "$ram/capsule" | head -c 64 | hex)"
		echo "bytes mac $(tail -c 32 "$ram/capsule" | hex)"
		echo "bytes token $(printf '%s' "$token" | hex)"
		echo "bytes decoy $(hex <"$work/decoy")"
		echo "bytes marker $("$work/root/usr/sbin/marker" print)"
	} >"$ram/secrets"
}

# The decoy in each form, each behind three more lengths of something else
decoys() {
	local n

	for n in 0 1 2; do
		cat "$work/decoy"
		{
			printf '%.*s' "$n" xyz
			cat "$work/decoy"
		} | base64 -w 0
		echo
	done
	hex <"$work/decoy"
	hex <"$work/decoy" | tr a-f A-F
}

serve() {
	case $1 in
	secrets) secrets ;;
	scan) "$work/memscan" "$ram/secrets" "$ram/image" ;;
	hang) vault_fault '{"action":"hang"}' ;;
	heal) vault_heal ;;
	*) return 1 ;;
	esac
}

# --- a machine ---
# boot MODE [ARGUMENT...]: run the guest's part and answer it; its results get
# our numbers
boot() {
	local mode=$1 request
	shift

	truncate -s 0 "$work/disk.img"
	truncate -s 400M "$work/disk.img"
	rm -f "$work/system.img" "$work/share/request" "$work/share/reply"
	mke2fs -q -t ext4 -d "$work/system" "$work/system.img" 16M >&2
	"$here/run.sh" --kernel "$kernel" --mem 768M --net --timeout 600 \
		--patience "$patience" --append "nokaslr $*" \
		--ram-file "$ram/image" --disk "$work/disk.img" \
		--disk "$work/system.img" --share "$work/share" \
		--env "SHARE=$work/share" --env "ROUNDS=$rounds" \
		--env "MODE=$mode" --env "MOUNT=$mount" \
		--env "URL=https://kms.test:${VAULT_ADDR##*:}" \
		--env "ATTACKER=$checkout/build/kmscrypt-upcall-attacker" \
		--env "KMSC_ROOT=$work/root" \
		--env "KMSC_MODULE=$checkout/build/module/$kernel/kmscrypt.ko" \
		-- "$here/guest/setup.sh" "$here/guest/memory.sh" \
		>"$work/output" 2>&1 &
	machine=$!
	while kill -0 "$machine" 2>/dev/null; do
		if [ -e "$work/share/request" ]; then
			request=$(cat "$work/share/request")
			rm "$work/share/request"
			serve "$request" >"$work/share/reply.new" \
				2>>"$work/serve.log" ||
				echo failed >"$work/share/reply.new"
			mv "$work/share/reply.new" "$work/share/reply"
		fi
		sleep 0.05
	done
	wait "$machine" || sed 's/^/# /' "$work/serve.log"
	machine=
	tell "$mode"
}

count=0
failed=0
tell() {
	local line number=0

	while read -r line; do
		case $line in
		'ok '* | 'not ok '*)
			number=$((number + 1))
			count=$((count + 1))
			[ "${line%%ok *}" = '' ] || failed=$((failed + 1))
			echo "${line%%ok *}ok $count - $1: ${line#* - }"
			;;
		*) echo "# ${line#\# }" ;;
		esac
	done <"$work/output"
	grep -qx "all $number told" "$work/output" || {
		count=$((count + 1))
		failed=$((failed + 1))
		echo "not ok $count - $1: the machine ended well"
	}
}

mkdir "$work/share" "$work/system" "$work/system/etc" "$work/root"
prepare
vault_prepare
head -c 32 /dev/urandom >"$work/decoy"
decoys >"$work/share/decoys"
printf '%s\n' "$token" >"$work/system/token"
cp "$VAULT_CACERT" "$work/system/ca.pem"
: >"$work/serve.log"

count=$((count + 1))
if "$work/memscan" --selftest; then
	echo "ok $count - the scanner finds what there is"
else
	failed=$((failed + 1))
	echo "not ok $count - the scanner finds what there is"
fi
boot cleared init_on_free=1
# it takes as long again, and clears less: not in each check
if [ "${SOAK:-}" = 1 ]; then
	boot kept init_on_free=0
else
	echo "# a machine that does not clear what is freed: with SOAK=1 only"
fi
vault_api DELETE "sys/mounts/$mount" >/dev/null || true
echo "1..$count"
[ "$failed" = 0 ]
