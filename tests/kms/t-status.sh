#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every status that Vault, OpenBao and what stands before them give: is it
# asked again, does the next address get a turn, what is it in the end. The
# test server only; its log counts the requests.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
unset VAULT_REAL VAULT_ADDR
kms_begin vault-client || exit 1

# unwrap ADDRESSES: OUT is "ERRNO WORDS"
unwrap() {
	OUT=$("$CLIENT" --address "$1" --ca "$VAULT_CACERT" --key k \
		--token-file "$SERVERS_DIR/token" --timeout 30000 \
		load="$SERVERS_DIR/w" unwrap 2>&1 | grep -v '^# ' |
		tail -n 1 | cut -d' ' -f2,4-)
}

asked() { vault_log | grep -c '/decrypt/'; }

# row KIND ERRNO STATUS BODY: KIND is "final" (once, and no other address),
# "over" (once at each of three rounds, and another address answers)
row() {
	local kind=$1 errno=$2 status=$3 body=$4 times=1 second
	vault_select a
	vault_fault "{\"path\":\"/decrypt/\",\"action\":\"status\",\"status\":$status,\"body\":$body}"
	vault_log_clear
	unwrap "$A"
	[ "$kind" = final ] || times=3
	[ "${OUT%% *}" = "$errno" ] && [ "$(asked)" = "$times" ]
	ok $? "$status $body: $errno, asked $times times"
	unwrap "$A,$B"
	second=${OUT%% *}
	vault_select b
	case $kind in
	over) [ "$second" = OK ] && [ "$(asked)" = 1 ] ;;
	final) [ "$second" = "$errno" ] && [ "$(asked)" = 0 ] ;;
	esac
	ok $? "... $([ "$kind" = over ] && echo another answers || echo no other is asked)"
	vault_log_clear
	vault_select a
	vault_heal
}

errors() { echo "{\"errors\":[\"$1\"]}"; }

statuses() {
	local status html='"<html><h1>Bad</h1></html>"' none='{"errors":[]}'
	for status in 412 429 472 473 474 501 502 503 504 530 500; do
		row over EHOSTUNREACH $status "$none"
	done
	row over EHOSTUNREACH 503 "$(errors 'Vault is sealed')"
	row over EHOSTUNREACH 503 "$(errors 'node is not active')"
	row over EHOSTUNREACH 500 "$(errors 'local node not active but active cluster node not found')"
	row over EHOSTUNREACH 429 "$(errors 'request path \"x\": rate limit quota exceeded')"
	# a load balancer's own pages
	for status in 502 503; do
		row over EHOSTUNREACH $status "$html"
	done
	row final EPROTO 400 "$html"
	row final EACCES 403 "$html"
	row final EPROTO 404 "$html"
	row final EPROTO 413 "$html"
	row final EPROTO 200 "$html"
	# what is wrong with the question stays wrong
	row final EKEYREJECTED 400 "$(errors 'cipher: message authentication failed')"
	row final EKEYREJECTED 500 "$(errors 'cipher: message authentication failed')"
	row final EKEYREJECTED 400 "$(errors 'invalid ciphertext: no prefix')"
	row final EKEYREJECTED 400 "$(errors 'invalid ciphertext: could not decode base64')"
	row final EKEYREJECTED 413 "$(errors 'request body too large')"
	row final EKEYREJECTED 405 "$none"
	row final EKEYREVOKED 400 "$(errors 'ciphertext or signature version is disallowed by policy (too old)')"
	row final EKEYREVOKED 400 "$(errors 'refusing to use soft-deleted key')"
	row final ENOENT 400 "$(errors 'invalid ciphertext: version is too new')"
	row final ENOENT 400 "$(errors 'encryption key not found')"
	row final ENOENT 404 "$(errors "no handler for route 'x'")"
	row final ENOENT 404 "$none"
	row final EACCES 400 "$(errors 'missing client token')"
	row final EACCES 403 "$(errors 'permission denied')"
	row final EACCES 403 "$(errors '2 errors occurred: permission denied, invalid token')"
	row final EACCES 401 "$none"
	row final EPROTO 418 "$none"
	row final EPROTO 204 null
}

# A batch token is long: what Vault's own limit on headers lets through
long_tokens() {
	local size
	for size in 4096 32768 65000 65534; do
		printf 's.%s\n' "$(head -c $size /dev/zero | tr '\0' A)" \
			>"$SERVERS_DIR/long"
		vault_start "long$size" --root-token-file "$SERVERS_DIR/long" \
			>/dev/null || return
		cp "$SERVERS_DIR/long" "$SERVERS_DIR/token"
		OUT=$("$CLIENT" --address "$VAULT_ADDR" --ca "$VAULT_CACERT" \
			--key absent --token-file "$SERVERS_DIR/token" newest 2>&1)
		grep -q '^newest ENOENT' <<<"$OUT"
		ok $? "a token of $((size + 2)) bytes is taken"
		vault_stop "long$size"
	done
}

vault_start a >/dev/null || exit 1
vault_api POST sys/mounts/transit '{"type":"transit"}' >/dev/null
vault_api POST transit/keys/k '{}' >/dev/null
printf '%s\n' "$VAULT_TOKEN" >"$SERVERS_DIR/token"
"$CLIENT" --address "$VAULT_ADDR" --ca "$VAULT_CACERT" --key k --token-file \
	"$SERVERS_DIR/token" wrap save="$SERVERS_DIR/w" >/dev/null || exit 1
# the second server of the cluster has what the first one has
vault_stop a
mkdir -p "$SERVERS_DIR/vault-b"
cp "$SERVERS_DIR/vault-a/state" "$SERVERS_DIR/vault-b/state"
vault_start b >/dev/null || exit 1
vault_start a >/dev/null || exit 1
A=$(vault_addr a) B=$(vault_addr b)
vault_select b
vault_log_clear
unwrap "$B"
[ "${OUT%% *}" = OK ]
ok $? "both servers have the key"
vault_log_clear
statuses
long_tokens
kms_end
