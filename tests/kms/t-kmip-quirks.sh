#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What KMIP servers do that a client may not expect; see t-kmip.sh for what is
# wrong with an answer, t-kmip-status.sh for what is refused. TAP.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
unset KMIP_REAL KMIP_ADDR
kms_begin kmip-client || exit 1

LOG=$SERVERS_DIR/log
IDLE=23 # seconds, a few more than a connection may be idle (IDLE_MAX_S)

AS=client
client() {
	OUT=$("$CLIENT" --ca "$SERVERS_PKI/ca.pem" \
		--cert "$SERVERS_PKI/$AS.pem" --key "$SERVERS_PKI/$AS.key" \
		"$@" 2>&1)
}

# quirk OPTIONS...: the server does this from now on
quirk() {
	: >"$LOG"
	bad_server_order quirk "$@"
}

# A load balancer forgets a connection without a word: one that was idle for
# long is not used again. Begun first, looked at last, so that nobody waits.
idle_begin() {
	IDLE_PORT=$(bad_server_start idle --log "$SERVERS_DIR/idle-log") ||
		exit 1
	"$CLIENT" --ca "$SERVERS_PKI/ca.pem" --cert "$SERVERS_PKI/client.pem" \
		--key "$SERVERS_PKI/client.key" \
		--address "127.0.0.1:$IDLE_PORT" --uid 1 wrap unwrap \
		"wait=$SERVERS_DIR/idle-over" unwrap unwrap \
		>"$SERVERS_DIR/idle-out" 2>&1 &
	IDLE_PID=$!
	wait_for 30 grep -q '^unwrap' "$SERVERS_DIR/idle-out"
	IDLE_END=$((SECONDS + IDLE))
}

idle_end() {
	local left=$((IDLE_END - SECONDS))
	OUT=$(cat "$SERVERS_DIR/idle-log")
	[ "$(grep -c handshake <<<"$OUT")" = 1 ]
	ok $? "two requests, one connection"
	[ "$left" -le 0 ] || sleep "$left"
	touch "$SERVERS_DIR/idle-over"
	wait "$IDLE_PID"
	OUT=$(cat "$SERVERS_DIR/idle-out")
	last OK 'same$' "$IDLE s later"
	[ "$(grep -c handshake "$SERVERS_DIR/idle-log")" = 2 ]
	ok $? "... another connection"
	bad_server_stop idle
}

# Records do not end where messages do.
split_answers() {
	quirk --mode drip=1
	client --address "$BAD" --uid 1 wrap unwrap
	last OK 'same$' "an answer that comes byte by byte"
}

own_ideas() {
	local v
	quirk --mode own-iv --operation 1f
	client --address "$BAD" --uid 1 wrap
	last EPROTO 'did not take our IV' "a server with an IV of its own"
	for v in 1.4 2.0; do
		quirk --mode no-attributes --operation b --versions "$v"
		client --address "$BAD" --uid 1 check
		last OK "KMIP $v" "nothing is said of the key, $v: it is tried"
	done
	quirk --mode other-algorithm --operation b --versions 2.0
	client --address "$BAD" --uid 1 check
	last EINVAL 'key 1 is not an AES key' "a key of another algorithm"
	# The standard lets a server decrypt by a key that has been deactivated.
	quirk --mode deactivated --operation b --versions 2.1
	client --address "$BAD" --uid 1 wrap unwrap
	last OK 'same$' "a deactivated key: what the server decrypts is taken"
	client --address "$BAD" --uid 1 check
	last EKEYREVOKED 'key 1 is deactivated' "... and check says so"
	quirk --mode unknown-tags --versions 2.1
	client --address "$BAD" --uid 1 check
	last OK 'KMIP 2\.1' "2.1 with tags that we do not know"
	client --address "$BAD" create
	last OK '1$' "... also in Create's answer"
}

# What not every server has, and what we can do without.
missing_operations() {
	quirk --mode status=5 --operation 18
	client --address "$BAD" --uid 1 check
	last OK 'KMIP 1\.4' "no Query: check"
	quirk --mode no-answer --operation 18
	client --address "$BAD" --uid 1 --timeout 8000 check
	last OK 'KMIP 1\.4' "... nor any answer to it: check"
	quirk --mode status=5 --operation 1e
	client --address "$BAD" --uid 1 check wrap unwrap
	last OK 'same$' "no Discover Versions: 1.4 is spoken"
	quirk --mode status=C --operation 12
	client --address "$BAD" create
	last EACCES 'key 1 was made but not activated' \
		"no Activate: the key that was made is named"
	quirk --mode status=5 --operation 1
	client --address "$BAD" create
	last EOPNOTSUPP 'Operation Not Supported' "no Create"
}

# One common name in a certificate is an identity to PyKMIP; none or two are not.
names() {
	local uid
	# shellcheck disable=SC2119
	kmip_start || exit 1
	uid=$(kmip_admin create)
	for AS in client-nocn client-twocn; do
		client --address "$KMIP_ADDR" --uid "$uid" check
		last EACCES 'Authentication Not Successful' "$AS"
	done
	AS=client
	client --address "$KMIP_ADDR" --uid "$uid" check
	last OK 'PyKMIP' "... one is well"
}

# PyKMIP's own default is TLS 1.0, and old appliances have no more.
old_tls() {
	quirk --old-tls
	client --address "$BAD" --uid 1 check
	last EHOSTUNREACH 'no TLS version or cipher in common' \
		"a server with TLS 1.1 alone"
	quirk
	client --address "$BAD" --uid 1 check
	last OK 'KMIP 1\.4' "... with TLS 1.2 and later"
}

idle_begin
BAD=127.0.0.1:$(bad_server_start quirk --log "$LOG") || exit 1
split_answers
own_ideas
missing_operations
names
old_tls
idle_end
kms_end
