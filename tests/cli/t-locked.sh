#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Memory with secrets in it is locked, and left out of dumps: in the command and
# in each process that it divides the work among. Where it may not be locked,
# nothing is begun; a small limit is enough.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
n=12
k kms set local
for i in $(seq "$n"); do
	a=$(image "$i")
	k format "$a"
	[ "$CODE" = 0 ] || exit 1
done
key=$(key_of "$a")

# limited KIB ARGUMENTS: with so much to lock, and no right to more
limited() {
	CODE=0
	OUT=$(prlimit --memlock=$(($1 * 1024)):$(($1 * 1024)) \
		setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock -- \
		"$KMSCRYPT" "${@:2}" 2>"$CLI_DIR/stderr") || CODE=$?
	ERR=$(cat "$CLI_DIR/stderr")
}
limited 64 kms rewrap
ok "with nothing to lock it is refused" [ "$CODE" = 2 ]
says "cannot lock memory for secrets" "... says why"
ok "... and nothing has changed" opens "$a" "$key"
limited 8192 kms rewrap --json
ok "the usual limit, without the right to exceed it" [ "$CODE" = 0 ]
ok "... does all" [ "$(summary rewrapped)$(summary failed)" = "${n}0" ]

# arena PID: the flags of the mapping that secrets lie in, of 4 MiB
arena() {
	awk '/^[0-9a-f]+-/ { size = 0 } /^Size:/ { size = $2 }
		/^VmFlags:/ && size == 4096 { print }' "/proc/$1/smaps"
}
# guarded PID
guarded() {
	OUT=$(arena "$1"; grep 'core file' "/proc/$1/limits")
	grep -q '^VmFlags:.* lo.* dd' <<<"$OUT" &&
		grep -Eq 'core file size +0 +0 ' <<<"$OUT"
}

two_stopped() {
	[ "$(grep -cs 'stopped by SIGSTOP' "$CLI_DIR/stopped")" -ge 2 ]
}

# watched NAME [PREFIX...]: of one that moves volumes, whose workers are stopped
# where they read headers, with the old key in hand
watched() {
	local name=$1 pid bad=0 command workers tracer
	shift
	rm -f "$CLI_DIR/stopped"
	strace -f -qq -o "$CLI_DIR/stopped" -e trace=lseek \
		-e inject=lseek:signal=SIGSTOP:when=1 \
		"$@" "$KMSCRYPT" kms rewrap >/dev/null 2>&1 </dev/null &
	tracer=$!
	wait_for 20 two_stopped
	command=$(pgrep -P "$tracer" | head -n 1)
	workers=$(pgrep -P "$command")
	for pid in $command $workers; do
		guarded "$pid" || bad=$((bad + 1))
	done
	ok "$name: there are workers" [ "$(wc -w <<<"$workers")" -ge 2 ]
	ok "$name: each has locked its secrets, and dumps nothing" \
		[ "$bad" = 0 ]
	kill -KILL "$command"
	wait "$tracer" 2>/dev/null
}
watched "root"
watched "a small limit" prlimit --memlock=8388608:8388608 \
	setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock --
ends 0 "and a rewrap afterwards" kms rewrap
ok "... it opens" opens "$a" "$key"
cli_end
