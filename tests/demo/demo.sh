#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The main job, shown: a volume whose key comes from a KMS, on Debian's kernel
# in a virtual machine, through a KMS change, a key rotation, a power cut and a
# revocation. This machine's own kernel is never touched.
#
# The KMIP server is Debian's python3-pykmip and runs here, on loopback: for
# the guest it is another machine. The guest asks for what only its
# surroundings can do (start the server, create a key, cut the power) by
# writing a request into a shared folder; see host() in guest.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
demo=tests/demo
kernel=${KERNEL:-6.1}
tests/install-packages.sh
# Debian's kernel is fetched once; that is part of the packages, not of the job.
tests/vm/kernel.sh "$kernel" >/dev/null
export DEMO_START
DEMO_START=$(date +%s%N)
# shellcheck source=step.sh
. $demo/step.sh

mkdir -p build
work=$(mktemp -d "$PWD/build/demo.XXXXXX")
machine=
cleanup() {
	[[ -z $machine ]] || kill "$machine" 2>/dev/null || true
	wait 2>/dev/null || true
	tests/servers/kmip-server.sh "$work/kmip" stop >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap cleanup EXIT

# serve COMMAND ARGUMENT...: what a guest's request does. Prints the answer.
serve() {
	case $1 in
	kmip-start)
		tests/servers/kmip-server.sh "$work/kmip" start \
			--pki "$work/pki" >&2
		cp "$work/pki/ca.pem" "$work/pki/client.pem" \
			"$work/pki/client.key" "$work/share/"
		cat "$work/kmip/port"
		;;
	kmip-create) tests/servers/kmip-admin.py "$work/kmip" create ;;
	kmip-deactivate) tests/servers/kmip-admin.py "$work/kmip" deactivate "$2" ;;
	on-disk)
		# how often a text stands on the raw disk
		grep -aoF -- "$2" "$work/disk.img" | wc -l || true
		;;
	power-cut) echo quit | socat - "UNIX-CONNECT:$work/monitor" >&2 ;;
	*) return 1 ;;
	esac
}

# boot SCRIPT: run it in the guest and serve its requests until it ends.
boot() {
	local request status=0

	rm -f "$work/share/request" "$work/share/reply"
	tests/vm/run.sh --kernel "$kernel" --net --timeout 280 \
		--disk "$work/disk.img" --disk "$work/state.img" --disk "$work/source.img" \
		--share "$work/share" --monitor "$work/monitor" \
		--env "KMSC_ROOT=$PWD/build/demo-root" \
		--env "KMSC_MODULE=$PWD/build/module/$kernel/kmscrypt.ko" \
		--env "DEMO_START=$DEMO_START" --env "SHARE=$work/share" \
		-- "$PWD/tests/vm/guest/setup.sh" "$PWD/$demo/$1" \
		2>"$work/run.log" &
	machine=$!
	while kill -0 "$machine" 2>/dev/null; do
		if [[ -e $work/share/request ]]; then
			read -r request <"$work/share/request"
			rm "$work/share/request"
			# shellcheck disable=SC2086 # words are what is meant
			serve $request >"$work/share/reply.new" \
				2>>"$work/serve.log" || echo failed \
				>"$work/share/reply.new"
			mv "$work/share/reply.new" "$work/share/reply"
		fi
		sleep 0.1
	done
	wait "$machine" || status=$?
	machine=
	return $status
}

failed() {
	cat "$work/serve.log" "$work/run.log" >&2 2>/dev/null || true
	echo "demo: FAILED"
	exit 1
}

make -s user WERROR=-Werror >"$work/build.log" 2>&1 || {
	cat "$work/build.log"
	exit 1
}
rm -rf build/demo-root
make -s install-user DESTDIR="$PWD/build/demo-root"
step "built the programs"
tests/vm/build-module.sh "$kernel" >"$work/build.log" 2>&1 || {
	cat "$work/build.log"
	exit 1
}
step "built the module for Debian's kernel $kernel"

mkdir "$work/share"
tests/servers/pki.py "$work/pki" >"$work/build.log" 2>&1 || {
	cat "$work/build.log"
	exit 1
}
truncate -s 512M "$work/disk.img"
truncate -s 64M "$work/state.img"
mke2fs -q -t ext4 "$work/state.img"
# A real tree of more than 200 MB, on a disk of its own: what this machine has
# of compilers, scripting languages and headers.
mkdir -p "$work/source/tree"
for dir in /usr/lib/gcc /usr/lib/python3 /usr/lib/python3.11 /usr/share/perl \
	/usr/include /usr/src/linux-headers-*-common; do
	(($(du -sm "$work/source" | cut -f1) > 205)) && break
	cp -r "$dir" "$work/source/tree/"
done
mke2fs -q -t ext4 -d "$work/source" "$work/source.img" 512M >/dev/null
rm -rf "$work/source"
step "made the disks, one with a tree to copy"

boot before.sh || [[ -e $work/share/power-was-cut ]] || failed
[[ -e $work/share/power-was-cut ]] || failed
step "the power of the machine was cut, its file system mounted"
boot after.sh || failed
[[ -e $work/share/all-shown ]] || failed
echo "demo: ok"
