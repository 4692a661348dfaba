#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Servers and proxies at an IPv6 address: Vault and KMIP, from outside and, as
# root, from inside the helper's sandbox. TAP.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
unset VAULT_REAL VAULT_ADDR KMIP_REAL KMIP_ADDR
kms_begin vault-client || exit 1
VAULT_CLIENT=$CLIENT
make -s -f Makefile -f tests/kms/kms.mk build/kms/kmip-client \
	build/kms/sandbox-client || exit 1
[ -e /proc/sys/net/ipv6 ] || {
	echo "1..0 # SKIP this kernel has no IPv6"
	exit 0
}

TOKEN_FILE=$SERVERS_DIR/token
vault() {
	OUT=$("$VAULT_CLIENT" --ca "$VAULT_CACERT" --key k \
		--token-file "$TOKEN_FILE" --address "$@" check wrap unwrap 2>&1)
}
kmip() {
	OUT=$(build/kms/kmip-client --ca "$SERVERS_PKI/ca.pem" \
		--cert "$SERVERS_PKI/client.pem" \
		--key "$SERVERS_PKI/client.key" --uid 1 --address "$@" 2>&1)
}

# names CLIENT ADDRESS ARGUMENTS: where kms.test is 127.0.0.1 and ::1
names() {
	local client=$1 address=$2
	shift 2
	printf '127.0.0.1 kms.test\n::1 kms.test\n' >"$SERVERS_DIR/hosts"
	# shellcheck disable=SC2016 # the inner shell expands it
	OUT=$(unshare -m sh -c 'mount --bind "$1" /etc/hosts && shift &&
		exec "$@"' sh "$SERVERS_DIR/hosts" "$client" \
		--address "$address" "$@" wrap unwrap 2>&1)
}

vault_start --listen ::1 >/dev/null || exit 1
PORT=${VAULT_ADDR##*:}
VAULT_ADDR=https://localhost:$PORT
vault_api POST sys/mounts/transit '{"type":"transit"}' >/dev/null &&
	vault_api POST transit/keys/k '{}' >/dev/null || exit 1
printf '%s\n' "$VAULT_TOKEN" >"$TOKEN_FILE"

vault "https://[::1]:$PORT"
last OK 'same$' "Vault at [::1]"
grep -q "^check OK [0-9]* https://\[::1\]:$PORT |" <<<"$OUT"
ok $? "... is the one shown"
if [ "$(id -u)" = 0 ]; then
	names "$VAULT_CLIENT" "https://kms.test:$PORT" --ca "$VAULT_CACERT" \
		--key k --token-file "$TOKEN_FILE"
	last OK 'same$' "... by a name with two addresses, of which one answers"
fi
vault "https://[::1]:1,https://127.0.0.1:1,https://[::1]:$PORT"
last OK 'same$' "... the last of three addresses"
vault "https://[::1:$PORT"
grep -q '^check EINVAL .*malformed' <<<"$OUT"
ok $? "half a bracket is no address"

KMIP_PORT=$(bad_server_start six --listen ::1) || exit 1
kmip "[::1]:$KMIP_PORT" check wrap unwrap
last OK 'same$' "KMIP at [::1]"
if [ "$(id -u)" = 0 ]; then
	names build/kms/kmip-client "kms.test:$KMIP_PORT" --uid 1 \
		--ca "$SERVERS_PKI/ca.pem" --cert "$SERVERS_PKI/client.pem" \
		--key "$SERVERS_PKI/client.key"
	last OK 'same$' "... by a name with two addresses, of which one answers"
fi
kmip "127.0.0.1:1,[::1]:$KMIP_PORT" wrap unwrap
last OK 'same$' "... the second of two addresses"
kmip "::1" check
last EHOSTUNREACH '::1: connection refused' "an address without a port"
kmip "[::1]:$KMIP_PORT" --name 192.0.2.99 check
last EHOSTUNREACH 'for another name than this address' \
	"the certificate has to have it"

# sandboxed NAME PATTERN ARGUMENTS
sandboxed() {
	local name=$1 pattern=$2
	shift 2
	rm -f "$SERVERS_DIR/output"
	mkfifo "$SERVERS_DIR/output"
	timeout 60 build/kms/sandbox-client "$SERVERS_DIR/output" "$@" \
		2>/dev/null &
	OUT=$(timeout 60 cat "$SERVERS_DIR/output")
	wait $!
	grep -q '^seal OK' <<<"$OUT" && grep -Eq -- "$pattern" <<<"$OUT"
	ok $? "$name"
}

if [ "$(id -u)" = 0 ]; then
	sandboxed "Vault at [::1], from the sandbox" '^check OK' vault \
		"https://[::1]:$PORT" k "$VAULT_CACERT" "$TOKEN_FILE"
	sandboxed "KMIP at [::1], from the sandbox" '^check OK' kmip \
		"[::1]:$KMIP_PORT" 1 "$SERVERS_PKI/ca.pem" \
		"$SERVERS_PKI/client.pem" "$SERVERS_PKI/client.key"
	PROXY=$(server_start proxy connect-proxy.py --listen ::1 \
		--log "$SERVERS_DIR/proxy-log") || exit 1
	PROXY="http://[::1]:$PROXY"
	export PROXY
	sandboxed "Vault at [::1] through a proxy at [::1], from the sandbox" \
		'^check OK' vault "https://[::1]:$PORT" k "$VAULT_CACERT" \
		"$TOKEN_FILE"
	OUT=$(sort -u "$SERVERS_DIR/proxy-log")
	[ "$OUT" = "CONNECT [::1]:$PORT" ]
	ok $? "... which was asked"
fi
kms_end
