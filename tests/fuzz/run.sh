#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run every fuzz target for FUZZ_SECONDS (5) each, one result a target (TAP).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

seconds=${FUZZ_SECONDS:-5}
mapfile -t targets < <(basename -s .c tests/fuzz/fuzz-*.c)
echo "1..${#targets[@]}"
make -s fuzz >build/fuzz-build.log 2>&1 || {
	tail -n 30 build/fuzz-build.log
	exit 1
}
n=0 failed=0
for target in "${targets[@]}"; do
	n=$((n + 1))
	if said=$(make -s fuzz-run FUZZ="$target" FUZZ_SECONDS="$seconds" 2>&1)
	then
		echo "ok $n - $said"
	else
		echo "not ok $n - $target"
		printf '%s\n' "$said" | tail -n 40 | sed 's/^/# /'
		failed=1
	fi
done
exit "$failed"
