#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What kms rewrap costs with KMIP (make bench-kms), which has no batch: N
# volumes (200) to a new key over 1, 2, 4, … connections, each request 20 ms on
# its way (BENCH_KMIP_MS) to Debian's PyKMIP server. Writes build/bench/kmip.md.
# It measures and does not judge.
#
# usage: kms-kmip.sh [N]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
out=$checkout/build/bench
n=${1:-200}
ms=${BENCH_KMIP_MS:-20}

mkdir -p "$out"
export TMPDIR=${TMPDIR:-$out}
make -s -C "$checkout" -f Makefile -f tests/bench/bench.mk user \
	build/bench/volumes
# shellcheck source=../cli/lib.sh
. "$checkout/tests/cli/lib.sh"
cli_begin
kmip_start
trap 'kill "$proxy" 2>/dev/null || true; servers_end' EXIT
"$checkout/tests/servers/delay-proxy.py" --ready-file "$CLI_DIR/proxy" \
	--upstream "$KMIP_ADDR" --ms "$ms" &
proxy=$!
wait_for 15 test -s "$CLI_DIR/proxy"
uid=$(kmip_admin create)
set_kmip "$uid"
echo "bench: making $n volumes" >&2
mkdir "$CLI_DIR/volumes"
"$out/volumes" make "$CLI_DIR/volumes" "$n" default >&2
# The same server, a longer way: what the volumes carry stays good.
direct=$KMIP_ADDR
KMIP_ADDR=127.0.0.1:$(cat "$CLI_DIR/proxy")
set_kmip "$uid"
[ "$(generations retiring)" = 0 ]

runs=()
for connections in 1 2 4 8 16; do
	uid=$(KMIP_ADDR=$direct kmip_admin create)
	/usr/bin/python3 "$here/kms-run.py" "$CLI_DIR/run-$connections" \
		"$KMSCRYPT" kms rewrap --new-key-uid "$uid" --connections \
		"$connections" --json >"$CLI_DIR/lines"
	tail -n 1 "$CLI_DIR/lines" | tee "$CLI_DIR/summary-$connections" >&2
	runs+=("$connections")
done
"$out/volumes" open "$CLI_DIR/volumes" "$n" >&2
/usr/bin/python3 - "$CLI_DIR" "$n" "$ms" "$out/kmip.md" "${runs[@]}" <<'END'
import json, os, sys
folder, n, ms, out = sys.argv[1:5]
rows = []
for name in sys.argv[5:]:
    run = json.load(open(f"{folder}/run-{name}"))
    summary = json.load(open(f"{folder}/summary-{name}"))
    if summary["rewrapped"] != int(n) or summary["failed"]:
        sys.exit(f"{name} connections: not all were rewrapped: {summary}")
    rows.append((name, run))
one = rows[0][1]["wall_s"]
with open(out, "w") as page:
    page.write(f"KMIP, {n} volumes to a new key, {ms} ms added to each"
               f" request, PyKMIP on this machine ({os.cpu_count()}"
               " processors):\n\n"
               "| connections | wall s | times one | cpu s |"
               " ms a volume |\n|--:|--:|--:|--:|--:|\n")
    for name, run in rows:
        page.write(f"| {name} | {run['wall_s']:.2f} |"
                   f" {one / run['wall_s']:.2f} | {run['cpu_s']:.2f} |"
                   f" {run['wall_s'] * 1000 / int(n):.1f} |\n")
END
cat "$out/kmip.md"
