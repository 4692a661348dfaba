#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fetch one of Debian's kernels, with what is needed to build a module for it,
# into a cache outside the checkout. Nothing is installed on the machine.
#
# usage: kernel.sh [-v] [--refresh] NAME
#
# NAME is 6.1, 6.12, 7.2, 7.3 or newest (7.3). Prints name=value lines:
#   name      the directory's name in the cache
#   release   what uname -r will say
#   vmlinux   the kernel image, uncompressed
#   root      holds lib/modules/RELEASE, as modprobe -d wants it
#   tree      a Debian tree to build in by chroot; empty: build on the host
#   kdir      the kernel build directory (inside the tree if there is one)
#   slow      how many times longer all takes; absent: 1
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$here/debian.sh"
# shellcheck source-path=SCRIPTDIR source=kernel-source.sh
. "$here/kernel-source.sh"

usage() {
	sed -n 's/^# usage: /usage: /p' "$0" >&2
	exit 1
}

# Where each kernel comes from, and whether its host tools run on this machine:
# those of the older kernels need no newer libc than Debian 12's, and are built
# with a gcc that Debian 12 has.
kernel_source() {
	case $name in
	6.1) suites=(bookworm bookworm-security) where=host ;;
	6.12) suites=(bookworm bookworm-backports) where=host ;;
	7.2) suites=(sid) where=tree ;;
	7.3) suites=(trixie trixie-backports) where=tree ;;
	debug | kcsan) suites=(bookworm bookworm-security) where=source ;;
	*) usage ;;
	esac
}

# fetch_packages DIR: kernel, modules and, for a build on the host, headers.
# sid spreads a kernel over several packages; the closure finds them all.
fetch_packages() {
	local dir=$1 pattern='image|binary|modules|base' packages

	[ "$where" = tree ] || pattern="$pattern|headers|kbuild"
	packages=$(debian_closure linux-image-amd64 linux-headers-amd64 |
		grep -E "^linux-($pattern)-.*[0-9]")
	# shellcheck disable=SC2086 # one word a package
	debian_unpack "$dir" $packages
}

# fetch_tree DIR: unpack, without configuring, what a module build needs
fetch_tree() {
	local dir=$1 sub
	local tools=bash,binutils,coreutils,dash,findutils,gawk,grep,make,sed


	mmdebstrap --quiet --mode=root --variant=extract --arch=amd64 \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Sandbox::User ""' \
		--include="linux-headers-$release,$tools" \
		"${suites[0]}" "$dir/tree" "$apt/sources.list"
	# what the maintainer scripts, which did not run, would have made
	for sub in bin sbin lib lib64; do
		[ -e "$dir/tree/$sub" ] || ln -s "usr/$sub" "$dir/tree/$sub"
	done
	ln -sf gawk "$dir/tree/usr/bin/awk"
	mkdir -p "$dir/tree"/{proc,dev,tmp,build}
}

# fix_headers DIR: Debian's header packages find each other through absolute
# paths, which are below our cache here
fix_headers() {
	local dir=$1 headers=$1/usr/src/linux-headers-$release

	sed -i "s|/usr/src/|$final/usr/src/|g" "$headers/Makefile"
	# the two links of the image package point to the same place
	rm -f "$dir/lib/modules/$release"/{build,source}
}

# number FILE OFFSET BYTES: a little-endian number
number() {
	od -An -t "u$3" -j "$(($2))" -N "$3" "$1" | tr -d ' '
}

# uncompress VMLINUZ: unpacking itself takes the kernel 8 s under emulation, so
# we do it once, here. The offsets are those of the x86 boot protocol: setup
# sectors, payload offset and length; the length includes 4 bytes after the
# compressed data.
uncompress() {
	local image=$1 start length magic

	start=$((($(number "$image" 0x1f1 1) + 1) * 512))
	start=$((start + $(number "$image" 0x248 4)))
	length=$(($(number "$image" 0x24c 4) - 4))
	magic=$(number "$image" "$start" 4)
	dd if="$image" iflag=skip_bytes,count_bytes bs=1M status=none \
		skip="$start" count="$length" |
		case $magic in
		1484404733) xz -dc ;;	# fd 37 7a 58
		4247762216) zstd -dc ;;	# 28 b5 2f fd
		*) gzip -dc ;;
		esac
}

# kernel_current: is it in the cache, and still what we want?
kernel_current() {
	[ -e "$final/record" ] || return
	[ "$where" != source ] || source_current
}

kernel_fetch() {
	local dir release vmlinuz

	if [ "$where" = source ]; then
		source_build
		return
	fi
	dir=$(mktemp -d "$kernels/.$name.XXXXXX")
	apt=$dir/apt
	debian_init "$apt" "${suites[@]}"
	fetch_packages "$dir"
	[ -e "$dir/lib" ] || ln -s usr/lib "$dir/lib"

	release=$(basename "$dir"/lib/modules/*)
	vmlinuz=boot/vmlinuz-$release
	# newer packages keep it with the modules
	[ -e "$dir/$vmlinuz" ] || vmlinuz=lib/modules/$release/vmlinuz
	uncompress "$dir/$vmlinuz" >"$dir/vmlinux"
	depmod -b "$dir" "$release"
	if [ "$where" = tree ]; then
		fetch_tree "$dir"
	else
		fix_headers "$dir"
	fi
	rm -rf "$apt"
	{
		echo "name=$name"
		echo "release=$release"
		echo "vmlinux=$final/vmlinux"
		echo "root=$final"
		if [ "$where" = tree ]; then
			echo "tree=$final/tree"
			echo "kdir=/usr/src/linux-headers-$release"
		else
			echo "tree="
			echo "kdir=$final/usr/src/linux-headers-$release"
		fi
	} >"$dir/record"
	rm -rf "$final"
	chmod 755 "$dir"
	mv "$dir" "$final"
}

cleanup() {
	local status=$?

	# also what an earlier run left half-done: we hold the lock
	rm -rf "$kernels/.$name".??????
	if [ $status -ne 0 ]; then
		$verbose || tail -n 60 "$log" >&2
		echo "kernel: cannot get the kernel $name" >&2
	fi
	rm -f "$log"
}

verbose=false
refresh=false
while [ $# -gt 0 ]; do
	case $1 in
	-v) verbose=true ;;
	--refresh) refresh=true ;;
	-*) usage ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 1 ] || usage
name=$1
[ "$name" != newest ] || name=7.3
kernel_source

kernels=${KMSCRYPT_CACHE:-$HOME/.cache/kmscrypt}/kernel
final=$kernels/$name
mkdir -p "$kernels"

# one fetch at a time; the others then find it done
patience=1800
[ "$where" != source ] || patience=14400
exec {lock}>"$kernels/.$name.lock"
flock --wait "$patience" "$lock"
if $refresh || ! kernel_current; then
	log=$kernels/.$name.log
	[ "$where" != source ] ||
		echo "kernel: building $name, for 20 min or more: $log" >&2
	trap cleanup EXIT
	trap 'exit 1' HUP INT TERM
	if $verbose; then
		kernel_fetch >&2
	else
		kernel_fetch >"$log" 2>&1
	fi
fi
cat "$final/record"
