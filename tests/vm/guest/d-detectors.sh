#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The debug kernel sees what it is there for: one error of each kind, made on
# purpose, is reported. Without this its silence would prove nothing.
# vm: --timeout 300
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=kernel-lib.sh
. ./kernel-lib.sh
# shellcheck source=debug-lib.sh
. ./debug-lib.sh

said() {
	dmesg | grep -E "$1"
}

# reports PATTERN ERROR: the kernel says so when lkdtm makes this error
reports() {
	dmesg -C
	echo "$2" >"$debugfs/provoke-crash/DIRECT"
	in_time 20 said "$1"
}

# leaks: a module that loses some of all that the kernel can allocate
leaks() {
	modprobe kmemleak-test
	modprobe -r kmemleak-test
	not no_leak && said 'kmemleak: [0-9]* new'
}

modprobe lkdtm
# it switches itself off with the first error
ok 'lockdep is on' grep -E 'debug_locks: +1' /proc/lockdep_stats
leaks_forget
ok 'no leak' no_leak
ok 'a leak' leaks
echo clear >$debugfs/kmemleak
ok 'it is forgotten' no_leak
# KASAN reports the first error only.
ok 'KASAN: a use after free' reports 'BUG: KASAN: .*use-after-free' \
	READ_AFTER_FREE
ok 'UBSAN: an index beyond the array' reports 'UBSAN: array-index-out-of' \
	ARRAY_BOUNDS
ok 'a reference too many' reports 'refcount_t: saturated' \
	REFCOUNT_INC_OVERFLOW
# all of this was wanted
dmesg -C
done_testing
