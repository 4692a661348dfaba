# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # used by those that source this
#
# For the benches of the programs: $here, $checkout, $out for reports, a private
# machine and the servers of the cli tests, and build/bench/volumes. Sourced.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
out=$checkout/build/bench

mkdir -p "$out"
export TMPDIR=${TMPDIR:-$out}
make -s -C "$checkout" -f Makefile -f tests/bench/bench.mk user \
	build/bench/volumes
# shellcheck source=../cli/lib.sh
. "$checkout/tests/cli/lib.sh"
cli_begin
