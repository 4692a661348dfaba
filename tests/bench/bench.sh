#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Measure the data path against dm-crypt's: boots a machine that counts
# instructions instead of time, so that the figures do not depend on what else
# this one does, and writes build/bench/report.json and report.md.
#
# usage: bench.sh [KERNEL...]
#
# BENCH=quick leaves it at 4 KiB. The first kernel (6.1) is the one whose
# report is called just report; others are report-KERNEL.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
vm=$checkout/tests/vm
out=$checkout/build/bench
amount=full
[ "${BENCH-}" != quick ] || amount=quick
[ $# -gt 0 ] || set -- 6.1

# measure KERNEL MODE CPU: one boot, its lines into MODE.txt
measure() {
	local module floor

	module=$("$vm/build-module.sh" "$1")
	floor=$("$vm/build-module.sh" --source "$here/floor" "$1" \
		"$checkout/build/module/floor-$1")
	echo "bench: $1 $2" >&2
	"$vm/run.sh" --kernel "$1" --icount --cpu "$3" --timeout 1500 \
		--env "KMSC_MODULE=$module" --env "FLOOR=$floor" \
		--env "IO=$out/io" -- "$here/guest.sh" "$amount" \
		>"$out/$2-$1.txt"
}

mkdir -p "$out"
gcc -O2 -Wall -Wextra -Werror -o "$out/io" "$here/io.c"
for kernel; do
	modes=(icount)
	measure "$kernel" icount max
	if [ "$amount" = full ]; then
		modes+=(icount-noerms)
		measure "$kernel" icount-noerms max,-erms,-fsrm
	fi
	record=$("$vm/kernel.sh" "$kernel")
	release=$(sed -n 's/^release=//p' <<<"$record")
	report=$out/report
	[ "$kernel" = "$1" ] || report+=-$kernel
	files=()
	for mode in "${modes[@]}"; do
		files+=("$mode=$out/$mode-$kernel.txt")
	done
	/usr/bin/python3 "$here/report.py" "$release" "$report" "${files[@]}"
	cat "$report.md"
done
