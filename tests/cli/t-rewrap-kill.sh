#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kms rewrap with several workers, killed at random moments and run again: no
# volume is lost, each opens, and no header is written twice for one version
# (the sequence number that LUKS2 counts in the header proves it).
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1

n=64
kills=$([ "${SOAK:-}" = 1 ] && echo 200 || echo 20)
tries=$((8 * kills))	# a run that is over before its kill is none
VOLUMES=$CLI_HOME/../../build/bench/volumes
make -s -C "$CLI_HOME/../.." -f Makefile -f tests/bench/bench.mk \
	build/bench/volumes || exit 1

# sequences FILE [look]: the steps from the primary headers' sequence numbers in
# FILE to those of now, which it is written with; look: how many headers differ
sequences() {
	"$PYTHON" - "$CLI_DIR/volumes" "$n" "$@" <<'END'
import json
import os
import struct
import sys
folder, number, known = sys.argv[1], int(sys.argv[2]), sys.argv[3]
now = []
for i in range(number):
    with open("%s/%d.img" % (folder, i), "rb") as image:
        now.append(struct.unpack(">Q", image.read(24)[16:])[0])
old = now
if os.path.exists(known):
    with open(known, encoding="ascii") as source:
        old = json.load(source)
if len(sys.argv) > 4:
    print(sum(a != b for a, b in zip(now, old)))
    sys.exit()
with open(known, "w", encoding="ascii") as target:
    json.dump(now, target)
steps = sorted({a - b for a, b in zip(now, old)})
print(*steps)
END
}

# a run in a session of its own, killed after about MS milliseconds
killed_after() {
	local pid
	"$KMSCRYPT" kms rewrap --json >/dev/null 2>&1 </dev/null &
	pid=$!
	sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
	kill -KILL "$pid" 2>/dev/null
	{ wait "$pid"; } 2>/dev/null
	[ $? = 137 ]
}

mkdir "$CLI_DIR/volumes"
set_vault k
if ! "$VOLUMES" make "$CLI_DIR/volumes" $n default >/dev/null; then
	result 1 "making $n volumes"
	cli_end
fi
sequences "$CLI_DIR/sequences" >/dev/null
RANDOM=${SEED:-$$}
diag "SEED=${SEED:-$$}"
# How long a whole run takes here and now is the span to choose from; for every
# other kill the part of it in which headers are written, as far as it is known.
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
start=$(date +%s%N)
k kms rewrap --json
span=$((($(date +%s%N) - start) / 1000000))
[ "$(summary rewrapped)" = $n ] && [ "$(sequences "$CLI_DIR/sequences")" = 1 ]
result $? "a whole run writes each header once"

lost=0 stuck=0 twice=0 hit=0 partial=0 early=0
for ((i = 0; hit < kills && i < tries; i++)); do
	vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
	delay=$((RANDOM % span))
	[ $((i % 2)) = 0 ] || [ "$early" -ge "$span" ] ||
		delay=$((early + RANDOM % (span - early)))
	if ! killed_after "$delay"; then
		# It was faster: choose earlier from now on. All are done.
		[ "$span" -le 50 ] || span=$((span * 9 / 10))
		sequences "$CLI_DIR/sequences" >/dev/null
		continue
	fi
	hit=$((hit + 1))
	written=$(sequences "$CLI_DIR/sequences" look)
	if [ "$written" = 0 ]; then
		[ "$delay" -le "$early" ] || early=$delay
	elif [ "$written" -lt $n ]; then
		partial=$((partial + 1))
		early=$((early * 9 / 10))
	fi
	"$VOLUMES" open "$CLI_DIR/volumes" $n >/dev/null ||
		lost=$((lost + 1))
	k kms rewrap --json
	if [ "$CODE" != 0 ] || [ "$(summary failed)" != 0 ]; then
		stuck=$((stuck + 1))
	fi
	steps=$(sequences "$CLI_DIR/sequences")
	if [ "$steps" != 1 ]; then
		twice=$((twice + 1))
		diag "kill $i: headers were written this often: $steps"
	fi
done
"$VOLUMES" open "$CLI_DIR/volumes" $n >/dev/null
result $? "all open in the end"
diag "$hit of $i runs were killed, $partial of them with some headers written"
ok "$kills runs were killed" [ "$hit" = "$kills" ]
ok "... some of them with some headers written" [ "$partial" -gt 0 ]
ok "... each volume opens after each kill" [ "$lost" = 0 ]
ok "... running it again finishes" [ "$stuck" = 0 ]
ok "... and no header is written twice" [ "$twice" = 0 ]

cli_vault_end
cli_end
