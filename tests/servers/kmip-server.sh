#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs Debian's PyKMIP server on a loopback port; see README.md.
#
#   kmip-server.sh DIR start [--pki DIR] [--cert NAME]
#   kmip-server.sh DIR stop
#   kmip-server.sh DIR restart [OPTIONS]
#
# DIR/port names the port, DIR/pki is where the PKI is (made if no --pki is
# given), DIR/db keeps the keys: a second start has the same keys and port.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
PYTHON=/usr/bin/python3
# In an emulated machine it takes 20 s.
START_SECONDS=$((60 * ${KMSC_SLOW:-1}))
# PyKMIP was seen to need up to 10 s, its socket timeout, to notice a signal.
STOP_SECONDS=15

fail() { echo "kmip-server: $*" >&2; exit 1; }
usage() { sed -n '4,7s/^# *//p' "$0" >&2; exit 2; }

free_port() {
	"$PYTHON" -c '
import socket
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    print(probe.getsockname()[1])'
}

running() {
	[ -s "$DIR/pid" ] && kill -0 "$(cat "$DIR/pid")" 2>/dev/null
}

# A whole handshake with a client certificate: the listener alone is up
# before the server can serve.
answers() {
	timeout 5 openssl s_client -connect "127.0.0.1:$1" -tls1_2 \
		-CAfile "$DIR/pki/ca.pem" -verify_return_error \
		-cert "$DIR/pki/client.pem" -key "$DIR/pki/client.key" \
		</dev/null >"$DIR/handshake" 2>&1
}

write_config() {
	cat >"$DIR/server.conf" <<-END
		[server]
		hostname=127.0.0.1
		port=$1
		certificate_path=$DIR/pki/$CERT.pem
		key_path=$DIR/pki/$CERT.key
		ca_path=$DIR/pki/ca.pem
		auth_suite=TLS1.2
		policy_path=$DIR/policy
		enable_tls_client_auth=True
		database_path=$DIR/db
		logging_level=INFO
	END
}

# try_start PORT: 0 when it answers on that port
try_start() {
	local until=$((SECONDS + START_SECONDS))
	write_config "$1"
	(
		unset PYTHONPATH PYTHONHOME
		umask 077
		exec "$PYTHON" -c '
import sys
from kmip.services.server.server import main
sys.exit(main())' -f "$DIR/server.conf" -l "$DIR/server.log"
	) >"$DIR/output" 2>&1 </dev/null &
	echo $! >"$DIR/pid"
	while [ "$SECONDS" -lt "$until" ]; do
		running || return 1
		! answers "$1" || return 0
		sleep 0.1
	done
	return 1
}

start() {
	local port="" attempt
	! running || fail "already running, pid $(cat "$DIR/pid")"
	mkdir -p "$DIR/policy"
	if [ -n "$PKI" ]; then
		[ "$PKI" -ef "$DIR/pki" ] || ln -sfn "$PKI" "$DIR/pki"
	else
		"$HERE/pki.py" "$DIR/pki"
	fi
	[ -e "$DIR/pki/$CERT.pem" ] || fail "no certificate named $CERT"
	[ ! -s "$DIR/port" ] || port=$(cat "$DIR/port")
	for attempt in 1 2 3 4 5; do
		[ -n "$port" ] || port=$(free_port)
		if try_start "$port"; then
			echo "$port" >"$DIR/port.tmp"
			mv "$DIR/port.tmp" "$DIR/port"
			return 0
		fi
		stop
		# Somebody took the port: only a first start may move.
		[ ! -s "$DIR/port" ] || break
		grep -qs 'Address already in use' "$DIR/server.log" \
			"$DIR/output" || break
		: >"$DIR/server.log"
		port=""
	done
	tail -n 20 "$DIR/output" "$DIR/server.log" >&2 || true
	fail "did not answer a TLS handshake (attempt $attempt)"
}

# A connection ends the accept() in which the server would sit out its socket
# timeout before it looks at the signal.
wake() {
	local port
	[ -s "$DIR/server.conf" ] || return 0
	port=$(sed -n 's/^port=//p' "$DIR/server.conf")
	timeout 1 bash -c "sleep 0.2; : <>/dev/tcp/127.0.0.1/$port" \
		2>/dev/null || true
}

stop() {
	local pid until
	[ -s "$DIR/pid" ] || return 0
	pid=$(cat "$DIR/pid")
	until=$((SECONDS + STOP_SECONDS))
	kill -TERM "$pid" 2>/dev/null || true
	wake
	while kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$until" ]; do
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null || true
	rm -f "$DIR/pid"
}

[ $# -ge 2 ] || usage
mkdir -p "$1"
DIR=$(cd "$1" && pwd)
ACTION=$2
shift 2
PKI="" CERT=server
while [ $# -gt 0 ]; do
	case $1 in
	--pki) [ $# -ge 2 ] || usage; PKI=$(cd "$2" && pwd); shift 2 ;;
	--cert) [ $# -ge 2 ] || usage; CERT=$2; shift 2 ;;
	*) usage ;;
	esac
done
case $ACTION in
start) start ;;
stop) stop ;;
restart) stop; start ;;
*) usage ;;
esac
