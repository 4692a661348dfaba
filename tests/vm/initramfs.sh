# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The initial ramdisk of a test machine, sourced by run.sh: busybox, the few
# modules without which the root file system cannot be mounted, init, and what
# the caller wants to find in /run/vm once the machine is up.
#
# It is made anew for each run: that takes a tenth of a second, Debian's own
# takes half a minute to boot under emulation.

# initramfs_modules ROOT RELEASE MODULE...: the files to load, in order
initramfs_modules() {
	local root=$1 release=$2 module
	shift 2

	for module; do
		modprobe -d "$root" -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# initramfs_build HERE OUT SPEC ROOT RELEASE MODULE...: SPEC is a directory
# whose content becomes /run/vm; HERE is where the guest's scripts are
initramfs_build() {
	local here=$1 out=$2 spec=$3 root=$4 release=$5
	local stage file number=100
	shift 5

	stage=$(mktemp -d "$(dirname "$out")/initramfs.XXXXXX")
	mkdir -p "$stage"/{bin,dev,lower,modules,proc,root,sys,upper}
	cp "$here/init" "$stage/init"
	cp "$(command -v busybox)" "$stage/bin/busybox"
	cp -r "$spec" "$stage/vm"
	cp "$here/session" "$stage/vm/session"
	initramfs_modules "$root" "$release" "$@" >"$stage/list"
	while read -r file; do
		number=$((number + 1))
		case $file in
		*.xz) xz -dc "$file" ;;
		*.zst) zstd -qdc "$file" ;;
		*.gz) gzip -dc "$file" ;;
		*) cat "$file" ;;
		esac >"$stage/modules/$number.ko"
	done <"$stage/list"
	(cd "$stage" && find . | cpio --quiet -o -H newc -R 0:0) >"$out"
	rm -r "$stage"
}
