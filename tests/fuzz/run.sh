#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run every fuzz target for FUZZ_SECONDS (60) each, as many at a time as there
# are processors; one result a target (TAP).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

seconds=${FUZZ_SECONDS:-60}
logs=build/fuzz/said
mapfile -t targets < <(basename -s .c tests/fuzz/fuzz-*.c)
echo "1..${#targets[@]}"
rm -rf "$logs"
mkdir -p "$logs"
make -s -j"$(nproc)" fuzz >build/fuzz-build.log 2>&1 || {
	tail -n 30 build/fuzz-build.log
	exit 1
}
run_one() {
	make -s fuzz-run FUZZ="$1" FUZZ_SECONDS="$2" >"$3/$1" 2>&1 ||
		touch "$3/$1.failed"
}
export -f run_one
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I '{}' \
	bash -c 'run_one "$@"' _ '{}' "$seconds" "$logs"
n=0 failed=0
for target in "${targets[@]}"; do
	n=$((n + 1))
	if [[ -s $logs/$target && ! -e $logs/$target.failed ]]; then
		echo "ok $n - $(cat "$logs/$target")"
	else
		echo "not ok $n - $target"
		tail -n 40 "$logs/$target" | sed 's/^/# /'
		failed=1
	fi
done
exit "$failed"
