#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What Vault and OpenBao do that a client may not expect, and what old ones and
# those behind a load balancer do; the test server, or a real one (VAULT_ADDR)
# for as far as it takes no orders. TAP.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
kms_begin vault-client || exit 1

MOUNT=kmsc-q-$$
TOKEN_FILE=$SERVERS_DIR/token
client() {
	OUT=$("$CLIENT" --address "$VAULT_ADDR" --ca "$VAULT_CACERT" \
		--token-file "$TOKEN_FILE" --mount "$MOUNT" "$@" 2>&1)
}

api() { vault_api "$@" >/dev/null; }

# Nonces of 12 and of 24 bytes, keys of 16 and 32
key_types() {
	local type types=(aes128-gcm96 chacha20-poly1305)
	! vault_is_real || types+=(xchacha20-poly1305)
	for type in "${types[@]}"; do
		api POST "$MOUNT/keys/$type" "{\"type\":\"$type\"}"
		client --key "$type" check wrap unwrap rewrap unwrap
		last OK 'same$' "a key of type $type"
	done
}

soft_deleted() {
	api POST "$MOUNT/keys/soft" '{}'
	client --key soft wrap save="$SERVERS_DIR/soft"
	api DELETE "$MOUNT/keys/soft/soft-delete"
	client --key soft check
	last EKEYREVOKED "key 'soft' is deleted" "a key that is deleted softly"
	client --key soft load="$SERVERS_DIR/soft" unwrap
	last EKEYREVOKED 'soft-deleted' "... does not unwrap"
	api POST "$MOUNT/keys/soft/soft-delete-restore" '{}'
	client --key soft load="$SERVERS_DIR/soft" unwrap
	last OK 'same$' "... until it is restored"
}

# To encrypt with a key that is not there makes it, where that is allowed.
no_upsert() {
	vault_policy "$MOUNT" "path \"$MOUNT/encrypt/*\" {
		capabilities = [\"update\"] }" >/dev/null
	vault_token "$MOUNT" '"ttl":"1h"' >"$TOKEN_FILE"
	client --key absent wrap
	last EACCES "does not allow $MOUNT/encrypt/absent" \
		"a key that is not there, with update alone: denied"
	printf '%s\n' "$VAULT_TOKEN" >"$TOKEN_FILE"
	api POST "$MOUNT/config/keys" '{"disable_upsert":true}'
	client --key absent wrap
	last ENOENT 'encryption key not found' "... where none is made by that"
	api POST "$MOUNT/config/keys" '{"disable_upsert":false}'
	! api GET "$MOUNT/keys/absent"
	ok $? "... and none was"
	api DELETE "sys/policies/acl/$MOUNT"
}

# instead PATH JSON COMMAND...: with this for an answer
instead() {
	local path=$1 json=$2
	shift 2
	vault_fault "{\"action\":\"body\",\"path\":\"$path\",\"body\":$json}"
	client --key k "$@"
	vault_heal
}

answers() {
	local plain
	plain=$(base64 -w0 "$SERVERS_DIR/w.plain")
	instead /decrypt/ "{\"request_id\":\"1\",\"renewable\":false,
		\"lease_duration\":0,\"wrap_info\":null,\"auth\":null,
		\"warnings\":[\"Endpoint ignored these parameters\"],
		\"data\":{\"new\":[{\"a\":1}],\"plaintext\":\"$plain\"},
		\"mount_type\":\"transit\"}" load="$SERVERS_DIR/w" unwrap
	last OK 'same$' "warnings and members that we do not know"
	# a version template of the key's own, in which there may be no version
	instead /encrypt/ '{"data":{"ciphertext":"kms-7-QUJD","key_version":7}}' \
		wrap
	last OK 'v7 kms-7-QUJD ' "a ciphertext in another form"
	instead /encrypt/ '{"data":{"ciphertext":"kms-7-QUJD"}}' wrap
	last OK 'v0 kms-7-QUJD ' "... of an old server"
	instead /encrypt/ '{"data":{"ciphertext":"vault:v0:QUJD"}}' wrap
	last OK 'v1 vault:v0:QUJD ' "version 0, which is 1"
	instead /encrypt/ '{"data":{"ciphertext":""}}' wrap
	last EPROTO 'not Vault' "an empty ciphertext"
	vault_fault '{"action":"status","path":"/decrypt/","status":400,
		"body":{"errors":["cipher: message authentication failed"],
		"data":null}}'
	client --key k load="$SERVERS_DIR/w" unwrap
	last EKEYREJECTED '$' "errors and data side by side"
	vault_heal
}

# Name and version of the server are for people; a load balancer may keep the
# path for itself.
health() {
	local body status
	for status in 403 404 429 472 501 503; do
		vault_fault "{\"action\":\"status\",\"path\":\"/sys/health\",\"status\":$status}"
		client --key k check
		last OK '\| v1 \|' "health answers $status: all else is well"
		vault_heal
	done
	for body in hang html502 drop garbage; do
		vault_fault "{\"action\":\"$body\",\"path\":\"/sys/(health|cap)\"}"
		client --key k --timeout 8000 check
		last OK '\| v1 \|' \
			"health and rights by $body: all else is well"
		vault_heal
	done
}

connections() {
	vault_fault '{"action":"close"}'
	client --key k load="$SERVERS_DIR/w" unwrap unwrap rewrap unwrap
	last OK 'same$' "a connection that ends after each answer"
	! grep -vqE '^[a-z]+ OK ' <<<"$OUT"
	ok $? "... each time"
	vault_heal
	vault_log_clear
	client --key k check wrap unwrap rewrap
	! vault_log | grep -v '"vault_request": "true"' | grep -q .
	ok $? "X-Vault-Request is in every request"
	vault_log | grep '"method": "POST"' | grep -q /encrypt/
	ok $? "... of which there are some"
}

# A standby may point anywhere. What has another CA gets no token.
redirects() {
	vault_start foreign --cert "$SERVERS_PKI/server-foreign.pem" \
		--key "$SERVERS_PKI/server-foreign.key" >/dev/null || return
	vault_start b >/dev/null || return
	vault_select a
	vault_control POST /standby \
		"{\"location\":\"$(vault_addr foreign)\"}" >/dev/null
	client --key k load="$SERVERS_DIR/w" unwrap
	last EHOSTUNREACH 'from an unknown CA' "a redirect to another CA's server"
	[ ! -s "$SERVERS_DIR/vault-foreign/log" ]
	ok $? "... which is asked nothing"
	vault_control POST /standby "{\"location\":\"$(vault_addr b)\"}" \
		>/dev/null
	client --key k --ns team/a wrap
	vault_control POST /standby '{"location":null}' >/dev/null
	OUT=$(cat "$SERVERS_DIR/vault-b/log")
	grep '"method": "POST"' <<<"$OUT" | grep "/v1/$MOUNT/encrypt/k" |
		grep '"namespace": "team/a"' | grep -q '"token_sent": true'
	ok $? "a redirect keeps method, path, namespace and token"
	vault_stop foreign
	vault_stop b
	vault_select a
}

old_servers() {
	local release
	for release in 1.14.0 1.9.0 1.1.5; do
		vault_control POST /release "{\"version\":\"$release\"}" \
			>/dev/null
		client --key k check
		last OK "Vault $release" "Vault $release: check"
		client --key k load="$SERVERS_DIR/w" unwrap rewrap unwrap
		last OK 'same$' "... unwrap, rewrap, unwrap"
		client --key k wrap
		last OK 'v1 vault:v1:' "... the version is known"
		client --key k wrap flip unwrap
		last EKEYREJECTED '$' "... changed: rejected"
		grep -q '^unwrap EKEYREJECTED [0-9]* $' <<<"$OUT"
		ok $? "... without words"
	done
	vault_control POST /release '{"version":"2.7.2"}' >/dev/null
}

# Nothing below TLS 1.2, whatever the machine's OpenSSL would take.
old_tls() {
	local port
	port=$(bad_server_start tls --old-tls) || return
	VAULT_ADDR=https://127.0.0.1:$port client --key k check
	last EHOSTUNREACH 'TLS handshake failed' "a server with TLS 1.1 alone"
	bad_server_stop tls
}

vault_start >/dev/null || exit 1
printf '%s\n' "$VAULT_TOKEN" >"$TOKEN_FILE"
api POST "sys/mounts/$MOUNT" '{"type":"transit"}' &&
	api POST "$MOUNT/keys/k" '{}' || exit 1
client --key k wrap save="$SERVERS_DIR/w"
last OK 'v1 vault:v1:' "control: a server that does it"
key_types
soft_deleted
no_upsert
if ! vault_is_real; then
	answers
	health
	connections
	redirects
	old_servers
	old_tls
fi
api DELETE "sys/mounts/$MOUNT"
kms_end
