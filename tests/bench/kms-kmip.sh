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

n=${1:-200}
ms=${BENCH_KMIP_MS:-20}

# shellcheck source=kms-lib.sh
. "$(dirname "$0")/kms-lib.sh"
kmip_start
port=$(server_start proxy delay-proxy.py --upstream "$KMIP_ADDR" --ms "$ms")
uid=$(kmip_admin create)
set_kmip "$uid"
echo "bench: making $n volumes" >&2
mkdir "$CLI_DIR/volumes"
"$out/volumes" make "$CLI_DIR/volumes" "$n" default >&2
# The same server, a longer way: what the volumes carry stays good.
direct=$KMIP_ADDR
KMIP_ADDR=127.0.0.1:$port
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
