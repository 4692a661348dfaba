#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run one guest test in a virtual machine of its own.
#
# usage: guest.sh KERNEL SCRIPT [ARGUMENT...]
#
# The script says what machine it needs in lines "# vm: OPTION...", with the
# options of run.sh; "--disk SIZE" makes an empty disk of that size. "# make:
# TARGET..." names what else is to be built, "# module: DIRECTORY FILE..." a
# module: what the directory holds, and files of ours that it tests. In the guest
# the programs are installed as `make install` does it, and KMSC_MODULE names the
# module for the kernel that runs, TEST_MODULE that other one; SOAK is as it is
# here (see tests/README.md).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
kernel=$1
script=$(realpath -e -- "$2")
shift 2

mkdir -p "$checkout/build/vm"
work=$(mktemp -d "$checkout/build/vm/guest.XXXXXX")
trap 'rm -rf "$work"' EXIT

options=()
disks=0
while read -r -a words; do
	size=false
	for word in "${words[@]}"; do
		if $size; then
			disks=$((disks + 1))
			truncate -s "$word" "$work/$disks.img"
			word=$work/$disks.img
		fi
		options+=("$word")
		case $word in
		--disk | --nvme) size=true ;;
		*) size=false ;;
		esac
	done
done < <(sed -n 's/^# vm: //p' "$script")
[ "${SOAK:-}" != 1 ] || options+=(--patience 8)

"$here/build-module.sh" "$kernel" >"$work/module.log" 2>&1 || {
	cat "$work/module.log"
	exit 1
}
test_module=
read -r -a words < <(sed -n 's/^# module: //p' "$script") || true
if [ ${#words[@]} -gt 0 ]; then
	mkdir "$work/module"
	(cd "$checkout" && cp "${words[0]}"/* "${words[@]:1}" "$work/module")
	test_module=$("$here/build-module.sh" --source "$work/module" "$kernel" \
		"$checkout/build/module/$(basename "${words[0]}")-$kernel")
fi
read -r -a targets < <(sed -n 's/^# make: //p' "$script") || true
[ ${#targets[@]} -eq 0 ] || make -s -C "$checkout" "${targets[@]}" >&2
make -s -C "$checkout" install-user DESTDIR="$work/root" >&2

"$here/run.sh" --kernel "$kernel" "${options[@]}" \
	--env "SOAK=${SOAK:-}" \
	--env "KMSC_ROOT=$work/root" \
	--env "KMSC_MODULE=$checkout/build/module/$kernel/kmscrypt.ko" \
	--env "TEST_MODULE=$test_module" \
	-- "$here/guest/setup.sh" "$script" "$@"
