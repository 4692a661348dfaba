#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What kms rewrap costs (make bench-kms): N volumes (10,000), a Vault server
# here with 5 ms added to each request, next to the bare header writes in the
# same run, before and after, by as many workers. Writes build/bench/kms.md and
# kms.json. It measures and does not judge.
#
# usage: kms.sh [N]
set -euo pipefail

n=${1:-10000}

# shellcheck source=kms-lib.sh
. "$(dirname "$0")/kms-lib.sh"
cli_vault
mkdir "$CLI_DIR/volumes"
set_vault k

# bare LABEL: each header written once, as it is
bare() {
	"$out/volumes" write "$CLI_DIR/volumes" "$n" | tee "$CLI_DIR/$1" >&2
}

# server_ms: processor time of the Vault server until now
server_ms() {
	local words

	read -r -a words <"/proc/$(cat "$SERVERS_DIR"/vault-*/pid)/stat"
	echo $(((words[13] + words[14]) * 1000 / $(getconf CLK_TCK)))
}

echo "bench: making $n volumes" >&2
"$out/volumes" make "$CLI_DIR/volumes" "$n" default >&2
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
vault_fault '{"action":"delay","ms":5}'
bare before
server_ms >"$CLI_DIR/server"
/usr/bin/python3 "$here/kms-run.py" "$CLI_DIR/run" \
	"$KMSCRYPT" kms rewrap --json >"$CLI_DIR/lines"
server_ms >>"$CLI_DIR/server"
bare after
vault_heal
"$out/volumes" open "$CLI_DIR/volumes" "$n" >"$CLI_DIR/opened"
tail -n 1 "$CLI_DIR/lines" >"$CLI_DIR/summary"
/usr/bin/python3 "$here/kms-report.py" "$CLI_DIR" "$n" "$out/kms"
cat "$out/kms.md"
