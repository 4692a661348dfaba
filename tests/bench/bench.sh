#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Measure the data path against dm-crypt's; writes build/bench/report.json,
# report.md and a plot a mode. Most modes boot a machine that counts
# instructions instead of time, so that the figures do not depend on what else
# this one does; the smp2 modes have two processors and a clock, and want this
# machine for themselves.
#
# usage: bench.sh [KERNEL...]
#
# BENCH=quick leaves it at 4 KiB and one processor, BENCH=icount at one
# processor, BENCH=smp2 at two; BENCH=tricks measures what is lost without each
# trick of the data path: tricks/NAME.patch takes NAME out. The first kernel
# (6.1) is the one whose report is called just report; others are report-KERNEL.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
vm=$checkout/tests/vm
out=$checkout/build/bench
[ $# -gt 0 ] || set -- 6.1

case ${BENCH:-full} in
full) modes=(icount icount-noerms smp2 smp2-busy tricks tricks-smp2) ;;
quick) modes=(icount) ;;
icount) modes=(icount icount-noerms) ;;
smp2) modes=(smp2 smp2-busy) ;;
tricks) modes=(tricks tricks-smp2) ;;
*)
	sed -n 's/^# BENCH/BENCH/p' "$0" >&2
	exit 1
	;;
esac

# without KERNEL TRICK: NAME=FILE, the module that lacks it
without() {
	local source=$checkout/build/without/$2 module

	rm -rf "$source"
	mkdir -p "$source"
	(cd "$checkout" && cp -r --parents Kbuild kernel include "$source")
	patch -s -d "$source" -p 1 <"$here/tricks/$2.patch"
	module=$("$vm/build-module.sh" --source "$source" "$1" \
		"$checkout/build/module/without-$2-$1")
	echo "$2=$module"
}

# variants KERNEL MODE: the modules to compare, as NAME=FILE. By the clock in
# turn, by instructions once.
variants() {
	local all="kmscrypt=$module" trick

	case $2 in
	tricks)
		for trick in "$here"/tricks/*.patch; do
			trick=$(basename "$trick" .patch)
			# it needs a second processor
			[ "$trick" != fan ] || continue
			all+=" $(without "$1" "$trick")"
		done
		;;
	tricks-smp2)
		all+=" $(without "$1" fan)"
		all+=" $all"
		;;
	esac
	echo "$all"
}

# measure KERNEL MODE: one boot, its lines into MODE-KERNEL.txt
measure() {
	local module floor amount=$2 machine

	module=$("$vm/build-module.sh" "$1")
	floor=$("$vm/build-module.sh" --source "$here/floor" "$1" \
		"$checkout/build/module/floor-$1")
	case $2 in
	icount-noerms | tricks) machine=(--icount --cpu 'max,-erms,-fsrm') ;;
	icount) machine=(--icount) ;;
	*) machine=(--smp 2) ;;
	esac
	[ "${BENCH-}" != quick ] || amount=quick
	echo "bench: $1 $2" >&2
	"$vm/run.sh" --kernel "$1" "${machine[@]}" --timeout 2400 \
		--env "KMSC_MODULE=$module" --env "FLOOR=$floor" \
		--env "VARIANTS=$(variants "$1" "$2")" \
		--env "IO=$out/io" -- "$here/guest.sh" "$amount" \
		>"$out/$2-$1.txt"
}

"$checkout/tests/install-packages.sh"
mkdir -p "$out"
gcc -O2 -Wall -Wextra -Werror -o "$out/io" "$here/io.c"
for kernel; do
	report=$out/report
	[ "$kernel" = "$1" ] || report+=-$kernel
	files=()
	for mode in "${modes[@]}"; do
		measure "$kernel" "$mode"
		files+=("$mode=$out/$mode-$kernel.txt")
	done
	record=$("$vm/kernel.sh" "$kernel")
	release=$(sed -n 's/^release=//p' <<<"$record")
	/usr/bin/python3 "$here/report.py" "$release" "$report" "${files[@]}"
	cat "$report.md"
done
