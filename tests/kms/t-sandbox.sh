#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Vault and KMIP servers, asked from inside the helper's sandbox: over sockets
# from its child, with CAs that were read before. As root, else skipped. TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
CLIENT=build/kms/sandbox-client
make -s -f Makefile -f tests/kms/kms.mk "$CLIENT" || exit 1
# shellcheck source=../servers/lib.sh
. tests/servers/lib.sh
servers_begin || exit 1

[ "$(id -u)" = 0 ] || {
	echo "1..0 # SKIP only root has privileges to drop"
	exit 0
}

COUNT=0
FAILED=0
# check NAME PATTERN ARGUMENTS: what the client says of the check
check() {
	local name=$1 pattern=$2
	shift 2

	COUNT=$((COUNT + 1))
	rm -f "$SERVERS_DIR/output"
	mkfifo "$SERVERS_DIR/output"
	timeout 60 "$CLIENT" "$SERVERS_DIR/output" "$@" 2>/dev/null &
	OUT=$(timeout 60 cat "$SERVERS_DIR/output")
	wait $!
	if grep -q '^seal OK' <<<"$OUT" && grep -Eq -- "$pattern" <<<"$OUT"; then
		echo "ok $COUNT - $name"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $COUNT - $name"
		echo "# ${OUT//$'\n'/$'\n# '}"
	fi
}

vault_start a || exit 1
vault_api POST sys/mounts/transit '{"type":"transit"}' >/dev/null
vault_api POST transit/keys/k '{}' >/dev/null
TOKEN=$SERVERS_DIR/token
echo "$VAULT_TOKEN" >"$TOKEN"
LOCAL=${VAULT_ADDR/127.0.0.1/localhost}
check "vault" '^check OK' vault "$VAULT_ADDR" k "$VAULT_CACERT" "$TOKEN"
check "vault, by name" '^check OK' vault "$LOCAL" k "$VAULT_CACERT" "$TOKEN"
check "vault, from the system's CAs" '^check EHOSTUNREACH .*unknown CA' \
	vault "$LOCAL" k - "$TOKEN"
check "vault, no such name" '^check EHOSTUNREACH .*no.such.invalid' vault \
	https://no.such.invalid:8200 k "$VAULT_CACERT" "$TOKEN"
check "vault, nobody listens" '^check EHOSTUNREACH .*refused' vault \
	https://127.0.0.1:1 k "$VAULT_CACERT" "$TOKEN"
check "vault, an address not of the entry" \
	'^check EHOSTUNREACH .*no address of the KMS entry' \
	vault "!$VAULT_ADDR" k "$VAULT_CACERT" "$TOKEN"

PROXY=http://localhost:$(server_start proxy connect-proxy.py \
	--log "$SERVERS_DIR/log") || exit 1
export PROXY
check "vault, through a proxy" '^check OK' \
	vault "$LOCAL" k "$VAULT_CACERT" "$TOKEN"
unset PROXY
grep -q "^CONNECT localhost:" "$SERVERS_DIR/log" || {
	echo "Bail out! the proxy was not asked"
	exit 1
}
server_stop proxy

vault_start b --cert "$SERVERS_PKI/server-wrong-host.pem" \
	--key "$SERVERS_PKI/server-wrong-host.key"
check "vault, another name in the certificate" \
	'^check EHOSTUNREACH .*for another name' \
	vault "${VAULT_ADDR/127.0.0.1/localhost}" k "$VAULT_CACERT" "$TOKEN"

# shellcheck disable=SC2119
kmip_start || exit 1
uid=$(kmip_admin create)
own=("$KMIP_CERT" "$KMIP_KEY")
check "kmip" '^check OK' kmip "$KMIP_ADDR" "$uid" "$KMIP_CACERT" "${own[@]}"
check "kmip, by name" '^check OK' kmip "localhost:${KMIP_ADDR##*:}" "$uid" \
	"$KMIP_CACERT" "${own[@]}"
check "kmip, an address not of the entry" \
	'^check EHOSTUNREACH .*no address of the KMS entry' \
	kmip "!$KMIP_ADDR" "$uid" "$KMIP_CACERT" "${own[@]}"
echo "1..$COUNT"
[ "$FAILED" = 0 ]
