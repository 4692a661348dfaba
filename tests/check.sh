#!/bin/bash
# Everything that proves the project, in rings (see tests/README.md):
#
#   tests/check.sh [RING...]     style build unit fuzz servers kms cli vm
#   KERNELS="6.1 6.12 7.2"       kernels of the vm ring, default 6.1; also
#                                debug, which has further tests
#   SOAK=1                       the suites' full counts, which take hours
#
# The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8
# shellcheck source=suite.sh
. tests/suite.sh

# What a suite may take, grows by this
patience=1
[[ ${SOAK:-} != 1 ]] || patience=8

ring_style() {
	suite_run style 900 tests/style/style.sh
}

ring_unit() {
	local bin
	export CMOCKA_MESSAGE_OUTPUT=TAP
	export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
	for bin in build/unit/test-*; do
		[[ -x $bin ]] && suite_run "unit/${bin##*/}" 300 "$bin"
	done
}

# ring_scripts RUN RING SCRIPT...: each of them with suite_run or suite_side. The
# latter is for suites that each have a folder, servers and ports of their own:
# they wait more than they work.
ring_scripts() {
	local run=$1 ring=$2 script
	shift 2
	for script in "$@"; do
		"$run" "$ring/$(basename "${script%.*}")" \
			$((900 * patience)) "$script"
	done
	suite_settle
}

ring_servers() {
	ring_scripts suite_run servers tests/servers/*-selftest.* tests/servers/*-test.*
}

ring_build() {
	ring_scripts suite_run build tests/build/t-*.sh
}

ring_fuzz() {
	suite_run fuzz 900 tests/fuzz/run.sh
}

ring_kms() {
	local clients=(kmip-client vault-client sandbox-client)
	# Here, so that no two suites build at the same time.
	make -s -f Makefile -f tests/kms/kms.mk \
		"${clients[@]/#/build/kms/}" >"$suite_dir/kms-build.log" 2>&1
	ring_scripts suite_side kms tests/kms/t-*.sh
}

ring_cli() {
	make -s -f Makefile -f tests/bench/bench.mk build/bench/volumes \
		>"$suite_dir/cli-build.log" 2>&1
	ring_scripts suite_side cli tests/cli/t-*.sh
}

# vm_scripts RUN KERNEL SECONDS SCRIPT...: each of them in a machine of its own
vm_scripts() {
	local run=$1 kernel=$2 limit=$3 script
	shift 3
	for script in "$@"; do
		"$run" "vm-$kernel/$(basename "${script%.sh}")" \
			$((limit * patience)) tests/vm/guest.sh "$kernel" "$script"
	done
	suite_settle
}

# Only machines of one processor go beside each other. Of two with two each one
# of a pair often waits, spinning, for the other to be given a processor: both
# then take three times as long.
ring_vm() {
	local kernel script scripts limit one='^# vm:.*--(smp 1|icount)'
	for kernel in ${KERNELS:-6.1}; do
		# To fetch it, or even to build it, takes no test's time.
		if ! tests/vm/kernel.sh "$kernel" >/dev/null; then
			suite_run "vm-$kernel/kernel" 10 false
			continue
		fi
		scripts=(tests/vm/guest/t-*.sh)
		limit=1800
		if [[ $kernel == debug ]]; then
			scripts+=(tests/vm/guest/d-*.sh)
			limit=6000
		fi
		# shellcheck disable=SC2046 # one word a script
		vm_scripts suite_side "$kernel" "$limit" $(grep -lE "$one" "${scripts[@]}")
		# shellcheck disable=SC2046
		vm_scripts suite_run "$kernel" "$limit" $(grep -LE "$one" "${scripts[@]}")
		# Tests that do something to the machine from outside. Not on
		# the debug kernel, which keeps what was freed to look at it.
		[[ $kernel == debug ]] ||
			for script in tests/vm/t-*.sh; do
				suite_run "vm-$kernel/$(basename "${script%.sh}")" \
					$((900 * patience)) "$script" "$kernel"
			done
	done
}

trap suite_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tests/install-packages.sh || exit 1
rm -rf "$suite_dir"
mkdir -p "$suite_dir"
if ! make -s user unit module WERROR=-Werror >"$suite_dir/build.log" 2>&1; then
	tail -n 40 "$suite_dir/build.log"
	echo "the build failed"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
(($#)) || set -- style build unit fuzz servers kms cli vm
for ring in "$@"; do
	"ring_$ring"
done
suite_summary
