#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Build kmscrypt.ko for one of Debian's kernels, out of the source tree; with
# --source, the module that the Kbuild there names.
#
# usage: build-module.sh [-v] [--source DIR] NAME [OUTDIR] [MAKE-ARGUMENT...]
#
# NAME is as kernel.sh names it; OUTDIR (build/module/NAME) gets a copy of
# Kbuild, the sources beside it, kernel/ and include/, and the module. Prints
# the module's path.
# Nothing is done if neither the sources nor the arguments changed. On failure,
# and with -v, prints what make said; make's warnings are printed always.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)

usage() {
	sed -n 's/^# usage: /usage: /p' "$0" >&2
	exit 2
}

verbose=false
source=$checkout
while [ $# -gt 0 ]; do
	case $1 in
	-v) verbose=true ;;
	--source)
		[ $# -ge 2 ] || usage
		source=$(realpath -e -- "$2")
		shift
		;;
	-*) usage ;;
	*) break ;;
	esac
	shift
done
[ $# -ge 1 ] || usage
name=$1
shift
out=$checkout/build/module/$name
case ${1-} in
'' | *=*) ;;
*)
	out=$1
	shift
	;;
esac

# sources: what the module is built from, relative to the source directory
sources() {
	(cd "$source" &&
		find . \( -path './*/*' ! -path './kernel/*' ! -path './include/*' \) \
			-prune -o -type f \( -name Kbuild -o -name '*.[chS]' \) \
			-printf '%P\n' | LC_ALL=C sort)
}

# fingerprint: changes whenever the module must be built again
fingerprint() {
	echo "$release" "${settings[@]}" "$@"
	(cd "$source" && sources | xargs -r -d '\n' sha256sum)
}

# copy_sources: only what differs, so that make builds only what it must
copy_sources() {
	local file

	while read -r file; do
		cmp -s "$source/$file" "$out/$file" ||
			install -D -m 644 "$source/$file" "$out/$file"
	done < <(sources)
	(cd "$out" && find . -type f \( -name Kbuild -o -name '*.[chS]' \) \
		! -name '*.mod.c' -printf '%P\n') | LC_ALL=C sort |
		LC_ALL=C comm -13 <(sources) - |
		while read -r file; do rm "$out/$file"; done
}

# Type information for BPF needs pahole and is of no use here.
settings=(W=1 CONFIG_DEBUG_INFO_BTF_MODULES=)

# An empty M= would make kbuild overwrite its own Makefile: M is absolute and
# never empty here.
make_host() {
	make -C "$kdir" M="$out" "$@" modules
}

# In a mount namespace of its own, so that nothing stays mounted, however
# this ends.
make_tree() {
	# shellcheck disable=SC2016 # the inner shell expands these
	unshare --mount bash -euc '
		tree=$1 out=$2 kdir=$3
		shift 3
		mount --bind "$out" "$tree/build"
		mount -t proc proc "$tree/proc"
		mount --rbind /dev "$tree/dev"
		exec chroot "$tree" /usr/bin/env -i \
			PATH=/usr/sbin:/usr/bin LC_ALL=C \
			make -C "$kdir" M=/build "$@" modules
	' bash "$tree" "$out" "$kdir" "$@"
}

record=$("$here/kernel.sh" "$name")
release=$(sed -n 's/^release=//p' <<<"$record")
tree=$(sed -n 's/^tree=//p' <<<"$record")
kdir=$(sed -n 's/^kdir=//p' <<<"$record")

module=$(sed -n 's/^obj-m := *\(.*\)\.o$/\1/p' "$source/Kbuild")
mkdir -p "$out"
out=$(realpath -e -- "$out")
exec {lock}>"$out/.lock"
flock --wait 900 "$lock"

wanted=$(fingerprint "$@")
if [ -e "$out/$module.ko" ] &&
	[ "$wanted" = "$(cat "$out/.fingerprint" 2>/dev/null)" ]; then
	echo "$out/$module.ko"
	exit
fi
rm -f "$out/.fingerprint"
copy_sources
make=make_host
[ -z "$tree" ] || make=make_tree
if ! "$make" -j"$(nproc)" "${settings[@]}" "$@" >"$out/make.log" 2>&1; then
	cat "$out/make.log" >&2
	echo "build-module: cannot build for $name ($release)" >&2
	exit 1
fi
if $verbose; then
	cat "$out/make.log" >&2
else
	grep -A 6 -E 'warning:|WARNING:' "$out/make.log" >&2 || true
fi
echo "$wanted" >"$out/.fingerprint"
echo "$out/$module.ko"
