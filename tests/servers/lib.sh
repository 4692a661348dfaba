# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Starting, asking and hurting the test servers; source it from bash.
#
#   . lib.sh; servers_begin     makes SERVERS_DIR, removed again at exit
#   vault_start [NAME] [OPTS]   exports VAULT_ADDR VAULT_TOKEN VAULT_CACERT
#   kmip_start [OPTS]           exports KMIP_ADDR KMIP_CACERT KMIP_CERT KMIP_KEY
#
# A VAULT_ADDR (KMIP_ADDR) that is set beforehand names a real server: then
# nothing is started, and vault_is_real (kmip_is_real) says so.

SERVERS_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PYTHON=/usr/bin/python3

servers_fail() { printf '# servers: %s\n' "$*" >&2; return 1; }

# Every file and process below SERVERS_DIR is ours.
servers_begin() {
	SERVERS_DIR=$(mktemp -d "${TMPDIR:-/tmp}/kms-servers.XXXXXX") || return
	SERVERS_PKI=$SERVERS_DIR/pki
	VAULT_REAL=${VAULT_ADDR:+yes}
	KMIP_REAL=${KMIP_ADDR:+yes}
	export SERVERS_DIR SERVERS_PKI
	trap servers_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	"$SERVERS_HOME/pki.py" "$SERVERS_PKI"
}

# For a caller with an EXIT trap of its own: call this from there.
servers_end() {
	local dir
	[ -n "${SERVERS_DIR:-}" ] || return 0
	for dir in "$SERVERS_DIR"/vault-*; do
		[ ! -d "$dir" ] || vault_stop "${dir##*/vault-}"
	done
	for dir in "$SERVERS_DIR"/server-*; do
		[ ! -d "$dir" ] || server_stop "${dir##*/server-}"
	done
	[ ! -d "$SERVERS_DIR/kmip" ] || kmip_stop
	rm -rf "$SERVERS_DIR"
	SERVERS_DIR=
}

# wait_for SECONDS COMMAND...: succeeds as soon as COMMAND does
wait_for() {
	local until=$((SECONDS + $1))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$until" ] || return 1
		sleep 0.1
	done
}

process_gone() { ! kill -0 "$1" 2>/dev/null; }

# end_process PID SECONDS: TERM, a bounded wait, KILL
end_process() {
	kill -TERM "$1" 2>/dev/null || return 0
	wait_for "$2" process_gone "$1" && return
	kill -KILL "$1" 2>/dev/null
	wait_for 5 process_gone "$1"
}

# --- Vault -----------------------------------------------------------------

vault_is_real() { [ -n "${VAULT_REAL:-}" ]; }

# The state, root token and port outlive vault_stop, so that a second
# vault_start of the same NAME is a restart of the same server.
vault_start() {
	local name=a dir port=0
	if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
		name=$1
		shift
	fi
	! vault_is_real || return 0
	dir=$SERVERS_DIR/vault-$name
	mkdir -p "$dir"
	[ ! -s "$dir/port" ] || port=$(cat "$dir/port")
	rm -f "$dir/ready"
	"$SERVERS_HOME/vault-server.py" \
		--cert "$SERVERS_PKI/server.pem" --key "$SERVERS_PKI/server.key" \
		--client-ca "$SERVERS_PKI/ca.pem" \
		--client-ca "$SERVERS_PKI/other-ca.pem" \
		--port "$port" --ready-file "$dir/ready" \
		--root-token-file "$SERVERS_DIR/vault-root-token" \
		--control "$dir/control" --log "$dir/log" --state "$dir/state" \
		"$@" >"$dir/output" 2>&1 &
	echo $! >"$dir/pid"
	if ! wait_for 60 test -s "$dir/ready"; then
		sed 's/^/# /' "$dir/output" >&2
		servers_fail "vault-server $name did not start"
		return
	fi
	cp "$dir/ready" "$dir/port"
	vault_select "$name"
}

vault_stop() {
	local name=${1:-a} dir
	! vault_is_real || return 0
	dir=$SERVERS_DIR/vault-$name
	[ -s "$dir/pid" ] || return 0
	end_process "$(cat "$dir/pid")" 10
	rm -f "$dir/pid"
}

vault_addr() { echo "https://127.0.0.1:$(cat "$SERVERS_DIR/vault-$1/port")"; }

# Which of several servers VAULT_ADDR and the vault_ functions mean.
vault_select() {
	! vault_is_real || return 0
	VAULT_INSTANCE=$1
	VAULT_ADDR=$(vault_addr "$1")
	VAULT_TOKEN=$(cat "$SERVERS_DIR/vault-root-token")
	VAULT_CACERT=$SERVERS_PKI/ca.pem
	export VAULT_ADDR VAULT_TOKEN VAULT_CACERT
}

# vault_curl METHOD PATH JSON [CURL OPTIONS]: VAULT_NAMESPACE is honoured
vault_curl() {
	local method=$1 path=$2 json=$3
	shift 3
	curl --silent --show-error --max-time 30 --path-as-is \
		${VAULT_CACERT:+--cacert "$VAULT_CACERT"} \
		--request "$method" --header 'X-Vault-Request: true' \
		--header 'Content-Type: application/json' \
		${VAULT_NAMESPACE:+--header "X-Vault-Namespace: $VAULT_NAMESPACE"} \
		--header @<(printf 'X-Vault-Token: %s\n' "$VAULT_TOKEN") \
		${json:+--data @<(printf '%s' "$json")} \
		"$@" "$VAULT_ADDR/v1/$path"
}

# vault_api METHOD PATH [JSON]: prints the answer; fails on a status >= 400
vault_api() {
	local answer status
	answer=$(vault_curl "$1" "$2" "${3:-}" --write-out '\n%{http_code}') ||
		return
	status=${answer##*$'\n'}
	answer=${answer%$'\n'*}
	[ -z "$answer" ] || printf '%s\n' "$answer"
	[ "$status" -lt 400 ]
}

# vault_status METHOD PATH [JSON]: prints the status alone
vault_status() {
	vault_curl "$1" "$2" "${3:-}" --output /dev/null \
		--write-out '%{http_code}\n'
}

# json_get EXPRESSION: of a JSON text on stdin, e.g. json_get data.keys.1
json_get() {
	"$PYTHON" -c '
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1].split("."):
    value = value[int(name) if isinstance(value, list) else name]
print(value if isinstance(value, str) else json.dumps(value))' "$1"
}

# vault_control METHOD PATH [JSON]: see README.md; test server only
vault_control() {
	if vault_is_real; then
		servers_fail "a real server takes no orders"
		return
	fi
	curl --silent --show-error --fail-with-body --max-time 30 \
		--unix-socket "$SERVERS_DIR/vault-$VAULT_INSTANCE/control" \
		--request "$1" ${3:+--data "$3"} "http://control$2"
}

vault_fault() { vault_control POST /faults "$1" >/dev/null; }
vault_heal() {
	if vault_is_real; then
		rm -f "$SERVERS_DIR/tap-hang"
	else
		vault_control DELETE /faults >/dev/null
	fi
}
vault_log_file() {
	if vault_is_real; then
		echo "$SERVERS_DIR/tap-log"
	else
		echo "$SERVERS_DIR/vault-$VAULT_INSTANCE/log"
	fi
}
vault_log() { cat "$(vault_log_file)"; }
vault_log_clear() { : >"$(vault_log_file)"; }

# vault_watch: from now on vault_log has what is asked, and vault_hang works. For
# a real server VAULT_ADDR becomes that of a tap, until vault_unwatch.
vault_watch() {
	local port upstream=${VAULT_ADDR#https://}
	if vault_is_real; then
		port=$(server_start tap tls-tap.py --pki "$SERVERS_PKI" \
			--upstream "${upstream%/}" \
			--ca "${VAULT_CACERT:-/etc/ssl/certs/ca-certificates.crt}" \
			--log "$SERVERS_DIR/tap-log" \
			--hang "$SERVERS_DIR/tap-hang") || return
		VAULT_BEHIND=("$VAULT_ADDR" "${VAULT_CACERT:-}")
		VAULT_ADDR=https://127.0.0.1:$port
		VAULT_CACERT=$SERVERS_PKI/ca.pem
	fi
	vault_log_clear
}

vault_unwatch() {
	! vault_is_real || {
		server_stop tap
		VAULT_ADDR=${VAULT_BEHIND[0]}
		VAULT_CACERT=${VAULT_BEHIND[1]}
	}
}

# vault_hang REGEX: requests to such a path wait, until vault_heal
vault_hang() {
	if vault_is_real; then
		printf '%s\n' "$1" >"$SERVERS_DIR/tap-hang"
	else
		vault_fault "{\"action\":\"hang\",\"path\":\"$1\"}"
	fi
}

# vault_token POLICY [JSON MEMBERS]: prints a new token, e.g.
#   vault_token opener '"ttl":"1h","num_uses":3'
vault_token() {
	vault_api POST auth/token/create \
		"{\"policies\":[\"$1\"]${2:+,$2}}" | json_get auth.client_token
}

# vault_policy NAME HCL
vault_policy() {
	local json
	json=$("$PYTHON" -c '
import json, sys
print(json.dumps({"policy": sys.argv[1]}))' "$2")
	vault_api PUT "sys/policies/acl/$1" "$json"
}

# --- KMIP ------------------------------------------------------------------

kmip_is_real() { [ -n "${KMIP_REAL:-}" ]; }

# Keys survive kmip_stop; a second kmip_start has the same port.
kmip_start() {
	! kmip_is_real || return 0
	mkdir -p "$SERVERS_DIR/kmip"
	"$SERVERS_HOME/kmip-server.sh" "$SERVERS_DIR/kmip" start \
		--pki "$SERVERS_PKI" "$@" || return
	KMIP_ADDR=127.0.0.1:$(cat "$SERVERS_DIR/kmip/port")
	KMIP_CACERT=$SERVERS_PKI/ca.pem
	KMIP_CERT=$SERVERS_PKI/client.pem
	KMIP_KEY=$SERVERS_PKI/client.key
	export KMIP_ADDR KMIP_CACERT KMIP_CERT KMIP_KEY
}

kmip_stop() {
	kmip_is_real || "$SERVERS_HOME/kmip-server.sh" "$SERVERS_DIR/kmip" stop
}

# kmip_admin ARGUMENTS: of kmip-admin.py, without DIR
kmip_admin() {
	"$SERVERS_HOME/kmip-admin.py" "$SERVERS_DIR/kmip" "$@"
}

# server_start NAME PROGRAM [OPTIONS]: starts a server of this folder that writes
# a --ready-file, and prints its port; servers_end stops it, if nobody has
server_start() {
	local name=$1 program=$2 dir
	shift 2
	dir=$SERVERS_DIR/server-$name
	mkdir -p "$dir"
	rm -f "$dir/ready"
	"$SERVERS_HOME/$program" --ready-file "$dir/ready" "$@" \
		>"$dir/output" 2>&1 &
	echo $! >"$dir/pid"
	if ! wait_for 60 test -s "$dir/ready"; then
		sed 's/^/# /' "$dir/output" >&2
		servers_fail "$program, $name, did not start"
		return
	fi
	cat "$dir/ready"
}

server_stop() {
	local dir=$SERVERS_DIR/server-$1
	[ -s "$dir/pid" ] || return 0
	end_process "$(cat "$dir/pid")" 5
	rm -f "$dir/pid"
}

# bad_server_start NAME [OPTIONS]: starts bad-server.py, prints its port
bad_server_start() {
	local name=$1 orders=$SERVERS_DIR/orders-$1
	shift
	rm -f "$orders"
	server_start "$name" bad-server.py --pki "$SERVERS_PKI" \
		--orders "$orders" "$@"
}

# bad_server_order NAME OPTIONS: what it is to do from the next connection on
bad_server_order() {
	local orders=$SERVERS_DIR/orders-$1
	shift
	{ (($# == 0)) || printf '%s\n' "$@"; } >"$orders.new"
	mv "$orders.new" "$orders"
}

bad_server_stop() { server_stop "$1"; }
