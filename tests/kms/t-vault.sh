#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The Vault provider against the Vault test server, or a real one (VAULT_ADDR);
# and, where the server is ours, against every bad answer. TAP.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
kms_begin vault-client || exit 1

TOKEN_FILE=$SERVERS_DIR/token
use_token() { printf '%s\n' "$1" >"$TOKEN_FILE"; }

# client ARGUMENTS; the environment is hostile on purpose: none of it counts
CA=
client() {
	OUT=$(env -u VAULT_TOKEN https_proxy=http://127.0.0.1:9 ALL_PROXY=http://127.0.0.1:9 \
		SSL_CERT_FILE=/dev/null CURL_CA_BUNDLE=/dev/null \
		"$CLIENT" --address "$VAULT_ADDR" --ca "${CA:-$VAULT_CACERT}" \
		--token-file "$TOKEN_FILE" --mount "$MOUNT" "$@" 2>&1)
}

MOUNT=kmsc-t-$$
prepare() {
	vault_api POST "sys/mounts/$MOUNT" '{"type":"transit"}' >/dev/null &&
		vault_api POST "$MOUNT/keys/k" '{}' >/dev/null &&
		vault_api POST "$MOUNT/keys/k2" '{}' >/dev/null || exit 1
	use_token "$VAULT_TOKEN"
}

round_trips() {
	client --key k check
	last OK "$VAULT_ADDR \| Vault [0-9.]+.* \| v1 \|" \
		"check names address, version and key version"
	client --key k wrap unwrap
	last OK 'same$' "round trip"
	client --key k wrap save="$SERVERS_DIR/w"
	last OK "v1 vault:v1:[^ ]+ $MOUNT/k$" "what wrapping gives"
	vault_api POST "$MOUNT/keys/k/rotate" '{}' >/dev/null
	client --key k newest
	last OK 'v2$' "the newest version is known"
	client --key k load="$SERVERS_DIR/w" rewrap
	last OK 'v2 vault:v2:' "rewrap gives the newest version"
	client --key k load="$SERVERS_DIR/w" rewrap unwrap
	last OK 'same$' "... of the same plaintext"
	client --key k load="$SERVERS_DIR/w" unwrap
	last OK 'same$' "the old version still unwraps"
}

# Token, plaintext and what carries them are nowhere in memory afterwards.
wiping() {
	client --key k --scan wrap unwrap rewrap check
	grep -q '^scan control [1-9]' <<<"$OUT"
	ok $? "the scan finds what is there"
	grep -q '^scan token 0$' <<<"$OUT"
	ok $? "no token is left in memory"
	grep -q '^scan plaintext 0$' <<<"$OUT"
	ok $? "no plaintext is left in memory"
	grep -q '^scan base64 0$' <<<"$OUT"
	ok $? "... nor in base64"
}

rejections() {
	local change
	for change in flip cut text=nonsense text=vault:v1:!! text=vault:v1: \
		text=vault:vx:AAAA other-key other-mount other-ns \
		other-provider; do
		client --key k load="$SERVERS_DIR/w" "$change" unwrap
		last EKEYREJECTED '$' "$change: rejected without words"
	done
	client --key k load="$SERVERS_DIR/w" flip rewrap
	last EKEYREJECTED '$' "flip: rewrap is rejected"
	client --key k2 wrap save="$SERVERS_DIR/w2"
	sed -i 's/"k2"/"k"/' "$SERVERS_DIR/w2"
	client --key k load="$SERVERS_DIR/w2" unwrap
	last EKEYREJECTED '$' "another key's ciphertext"
	client --key k load="$SERVERS_DIR/w" version=99 unwrap
	last ENOENT 'too new' "a version that the KMS does not have"
	vault_api POST "$MOUNT/keys/k/config" '{"min_decryption_version":2}' \
		>/dev/null
	client --key k load="$SERVERS_DIR/w" unwrap
	last EKEYREVOKED 'too old' "a version that is retired"
	vault_api POST "$MOUNT/keys/k/config" '{"min_decryption_version":1}' \
		>/dev/null
}

key_problems() {
	client --key absent check
	last ENOENT "has no key 'absent' in '$MOUNT'" "a mistyped key"
	vault_api GET "$MOUNT/keys/absent" >/dev/null
	[ $? = 1 ]
	ok $? "... is not created by checking"
	client --key k --mount absent check
	last ENOENT "no key 'k' in 'absent'" "a mistyped transit path"
	vault_api POST "$MOUNT/keys/rsa" '{"type":"rsa-2048"}' >/dev/null
	client --key rsa check
	last EINVAL 'is an RSA key' "an RSA key"
	vault_api POST "$MOUNT/keys/derived" '{"derived":true}' >/dev/null
	client --key derived check
	last EINVAL 'derived' "a derived key"
	vault_api POST "$MOUNT/keys/gone" '{}' >/dev/null
	client --key gone wrap save="$SERVERS_DIR/gone"
	vault_api POST "$MOUNT/keys/gone/config" '{"deletion_allowed":true}' \
		>/dev/null
	client --key gone check
	last OK 'deletion_allowed' "a key that may be deleted gives a warning"
	vault_api DELETE "$MOUNT/keys/gone" >/dev/null
	client --key gone load="$SERVERS_DIR/gone" unwrap
	last ENOENT 'encryption key not found' "a deleted key"
	client --key ../k wrap
	last EINVAL 'not allowed' "a key name with .."
	client --key k --mount 'a/../b' wrap
	last EINVAL 'not allowed' "a transit path with .."
	client --key "$(printf 'k\r\nX: y')" wrap
	last EINVAL 'not allowed' "a key name with line breaks"
}

identities() {
	use_token s.nonsense
	client --key k check
	last EACCES 'refuses the token' "an unknown token"
	use_token "$(printf 'a\rX-Vault-Token: b')"
	client --key k check
	last EINVAL 'control characters' "a token with a line break"
	: >"$TOKEN_FILE"
	client --key k check
	grep -q '^open EACCES .*no token' <<<"$OUT"
	ok $? "no token"
	vault_policy "kmsc-$$" "path \"$MOUNT/keys/k\" {
		capabilities = [\"read\"] }
	path \"$MOUNT/decrypt/k\" { capabilities = [\"update\"] }" >/dev/null
	use_token "$(vault_token "kmsc-$$" '"ttl":"1h"')"
	client --key k check
	last EACCES "policy does not allow $MOUNT/encrypt/k" \
		"a policy without encrypt"
	client --key k load="$SERVERS_DIR/w" unwrap
	last OK 'same$' "... suffices to unwrap"
	client --key k load="$SERVERS_DIR/w" rewrap
	last EACCES "policy does not allow $MOUNT/rewrap/k" \
		"... and not to rewrap"
	vault_api PUT "sys/policies/acl/kmsc-$$" "{\"policy\":\"path \\\"$MOUNT/*\\\" { capabilities = [\\\"read\\\", \\\"update\\\"] }\"}" >/dev/null
	client --key k check
	last OK '\| (3600|35[0-9][0-9]) 1 \| .*expires soon' \
		"a short-lived token gives a warning"
	use_token "$(vault_token "kmsc-$$" '"ttl":"1h","num_uses":20')"
	client --key k check
	last OK 'limited number of times' "a token with few uses"
	use_token "$VAULT_TOKEN"
}

# fault JSON-MEMBERS ERRNO WORDS NAME: of one unwrap, which has $LIMIT ms
LIMIT=1500
fault() {
	vault_fault "{\"path\":\"/decrypt/\",$1}"
	client --key k --timeout "$LIMIT" load="$SERVERS_DIR/w" unwrap
	vault_heal
	last "$2" "$3" "$4"
}

answers() {
	local body
	fault '"action":"garbage"' EPROTO . "garbage"
	fault '"action":"truncated"' EPROTO 'cut off' "truncated"
	fault '"action":"oversized"' EPROTO 'too large' "oversized"
	LIMIT=9000 fault '"action":"endless"' EPROTO 'too large' "endless"
	fault '"action":"html502"' EHOSTUNREACH 'HTTP 502' "HTML 502"
	LIMIT=6000 fault '"action":"html502","times":1' OK 'same$' "HTML 502 once"
	fault '"action":"drop"' EHOSTUNREACH 'without an answer' "dropped"
	LIMIT=6000 fault '"action":"drop","times":1' OK 'same$' "dropped once"
	fault '"action":"drop-accept"' EHOSTUNREACH . "dropped before TLS"
	fault '"action":"reset-accept"' EHOSTUNREACH . "reset before TLS"
	fault '"action":"close"' OK 'same$' "closed after the answer"
	fault '"action":"delay","ms":700' OK 'same$' "slow to answer"
	for body in hang hang-headers hang-body hang-accept slow; do
		fault "\"action\":\"$body\"" ETIMEDOUT 'in time' "$body"
		in_time $LIMIT "$body: the deadline is kept"
	done
	while read -r body; do
		fault "\"action\":\"body\",\"body\":\"$body\"" EPROTO \
			"answer is not Vault's" "body: $body"
	done <<-'EOF'

		null
		[]
		{}
		{\"data\":null}
		{\"data\":[]}
		{\"data\":{}}
		{\"data\":{\"plaintext\":7}}
		{\"data\":{\"plaintext\":\"\"}}
		{\"data\":{\"plaintext\":\"AA\"}}
		{\"data\":{\"plaintext\":\"AAA*\"}}
		{\"data\":{\"plaintext\":\"A\\\\u0041AA\"}}
		{\"data\":{\"plain\\\\u0074ext\":\"AAAA\"}}
		{\"data\":{\"plaintext\":\"AAAA\",\"plaintext\":\"AAAA\"}}
		{\"data\":{\"batch_results\":[]}}
		{\"data\":{\"plaintext\":\"AAAA\"}} x
		<html><body>It works!</body></html>
	EOF
	fault '"action":"body","body":"{\"data\":{\"plaintext\":\"AAAA\"}}"' \
		OK DIFFERENT "another plaintext is for the capsule to tell"
}

# status CODE ERRORS ERRNO WORDS
status() {
	fault "\"action\":\"status\",\"status\":$1,\"body\":{\"errors\":[$2]}" \
		"$3" "$4" "HTTP $1 $2"
}

statuses() {
	local code
	status 400 '"cipher: message authentication failed"' EKEYREJECTED '$'
	status 500 '"cipher: message authentication failed"' EKEYREJECTED '$'
	status 400 '"invalid ciphertext: unable to decrypt"' EKEYREJECTED '$'
	status 400 '"something new"' EKEYREJECTED '$'
	status 400 '"missing client token"' EACCES .
	status 400 '"refusing to use soft-deleted key"' EKEYREVOKED soft-deleted
	status 403 '"permission denied"' EACCES 'policy does not allow'
	status 404 '' ENOENT 'HTTP 404'
	status 404 '"no handler for route"' ENOENT 'no handler'
	status 503 '"Vault is sealed"' EHOSTUNREACH 'is sealed'
	status 503 '"node is not active"' EHOSTUNREACH 'no active node'
	status 500 '"local node not active"' EHOSTUNREACH 'failure of its own'
	for code in 412 429 472 473 474 501 502 504 530; do
		status $code '' EHOSTUNREACH "HTTP $code"
	done
	status 418 '' EPROTO 'HTTP 418'
	LIMIT=8000 fault '"action":"status","status":503,"times":2' OK 'same$' \
		"sealed twice, then not"
	fault '"action":"status","status":204,"body":null' EPROTO \
		'where 200 was due' "HTTP 204"
	fault '"action":"status","status":404,"body":"<html>"' EPROTO \
		"not Vault's" "HTTP 404 of something else"
}

redirects() {
	local other
	other=$(vault_addr a)
	vault_start b >/dev/null || return
	vault_control POST /standby "{\"location\":\"$other\"}" >/dev/null
	client --key k load="$SERVERS_DIR/w" unwrap
	last OK 'same$' "a standby's redirect is followed"
	vault_control POST /standby "{\"location\":\"$(vault_addr b)\"}" \
		>/dev/null
	client --key k load="$SERVERS_DIR/w" unwrap
	last EPROTO 'redirects twice' "... once"
	vault_control POST /standby '{"location":"http://127.0.0.1:1"}' \
		>/dev/null
	client --key k load="$SERVERS_DIR/w" unwrap
	last EPROTO 'where Vault would not' "... to https alone"
	vault_fault '{"action":"status","status":307,"headers":{"Location":"'"$other"'/v1/sys/x"}}'
	client --key k load="$SERVERS_DIR/w" unwrap
	last EPROTO 'where Vault would not' "... and to the same path"
	vault_heal
	vault_stop b
	vault_select a
}

addresses() {
	local good=$VAULT_ADDR dead=https://127.0.0.1:1
	VAULT_ADDR="$dead,$good" client --key k load="$SERVERS_DIR/w" unwrap
	last OK 'same$' "the first address is dead"
	VAULT_ADDR="$dead,https://no-such-host.invalid" \
		client --key k --timeout 3000 load="$SERVERS_DIR/w" unwrap
	last EHOSTUNREACH "$dead: cannot connect.*no-such-host.*resolved" \
		"each dead address is named"
	vault_start b >/dev/null || return
	vault_fault '{"action":"hang-accept"}'
	VAULT_ADDR="$VAULT_ADDR,$good" \
		client --key k --timeout 6000 load="$SERVERS_DIR/w" unwrap
	last OK 'same$' "one that hangs leaves time for the next"
	vault_heal
	vault_stop b
	vault_select a
	VAULT_ADDR=http://127.0.0.1:1 client --key k check
	grep -q '^open EINVAL .*https' <<<"$OUT"
	ok $? "plain http is refused"
	VAULT_ADDR=https://u:p@127.0.0.1 client --key k check
	grep -q '^open EINVAL .*more than host' <<<"$OUT"
	ok $? "a password in the address is refused"
}

# With a CA of the entry's own the system's do not count. The system's are
# replaced for one process, by the CA that signed the server "foreign".
system_cas() {
	local dir=$SERVERS_DIR/system-cas how
	mkdir -p "$dir"
	cp "$SERVERS_PKI/other-ca.pem" "$dir/ca-certificates.crt"
	cp "$SERVERS_PKI/other-ca.pem" "$dir/$(openssl x509 -noout -hash \
		-in "$SERVERS_PKI/other-ca.pem").0"
	vault_start system --cert "$SERVERS_PKI/server-foreign.pem" \
		--key "$SERVERS_PKI/server-foreign.key" >/dev/null || return
	for how in '' "--ca $VAULT_CACERT"; do
		# shellcheck disable=SC2016,SC2086 # for the inner shell; words
		OUT=$(env -u VAULT_TOKEN unshare --mount sh -c '
			mount --bind "$1" /etc/ssl/certs && shift && exec "$@"
			' sh "$dir" "$CLIENT" --address "$VAULT_ADDR" $how \
			--token-file "$TOKEN_FILE" --mount "$MOUNT" --key k \
			newest 2>&1)
		if [ -z "$how" ]; then
			last "(EACCES|ENOENT|OK)" "$VAULT_ADDR|v[0-9]" \
				"without a CA of our own the system's count"
		else
			last EHOSTUNREACH "from an unknown CA" \
				"... with one they do not"
		fi
	done
	vault_stop system
	vault_select a
}

certificates() {
	local name words tls="server's certificate"
	CA=$SERVERS_PKI/other-ca.pem client --key k check
	last EHOSTUNREACH "$tls is from an unknown CA" "the CA is not ours"
	CA=/dev/null client --key k check
	last EBADMSG 'CA certificate cannot be used' "a CA file without any"
	system_cas
	for name in expired future wrong-host foreign; do
		vault_start "$name" --cert "$SERVERS_PKI/server-$name.pem" \
			--key "$SERVERS_PKI/server-$name.key" >/dev/null ||
			return
		client --key k check
		case $name in
		expired) words="$tls has expired by this machine's clock" ;;
		future) words="$tls is not valid yet by this machine's clock" ;;
		wrong-host) words="$tls is for another name" ;;
		foreign) words="$tls is from an unknown CA" ;;
		esac
		last EHOSTUNREACH "$words" "certificate: $name"
		case $name in
		expired | future)
			grep -q "next: Check this machine's clock" <<<"$OUT"
			ok $? "... look at the clock"
			;;
		esac
		vault_stop "$name"
	done
	vault_select a
	for name in expired future; do
		client --key k --cert "$SERVERS_PKI/client-$name.pem" \
			--cert-key "$SERVERS_PKI/client-$name.key" check
		case $name in
		expired) words="has expired" ;;
		future) words="is not valid yet" ;;
		esac
		last EACCES "our client certificate $words by this machine's" \
			"our own certificate: $name"
	done
	client --key k --cert "$SERVERS_PKI/client.pem" \
		--cert-key "$SERVERS_PKI/client.key" wrap unwrap
	last OK 'same$' "with a client certificate"
	client --key k --cert "$SERVERS_PKI/client.pem" \
		--cert-key "$SERVERS_PKI/client-other.key" wrap
	last EBADMSG 'client certificate' "a key of another certificate"
}

old_servers() {
	local release
	for release in 1.14.0 1.9.0 1.1.5; do
		vault_control POST /release "{\"version\":\"$release\"}" \
			>/dev/null
		client --key k check
		last OK 'Vault' "Vault $release: check"
		client --key k load="$SERVERS_DIR/w" flip unwrap
		last EKEYREJECTED '$' "Vault $release: tampered"
	done
	vault_control POST /release '{"version":"2.7.2"}' >/dev/null
}

namespaces() {
	vault_log_clear
	client --key k --ns team/a wrap
	vault_log | grep -q '"team/a'
	ok $? "the namespace is sent"
}

vault_start >/dev/null || exit 1
prepare
round_trips
wiping
rejections
key_problems
identities
if ! vault_is_real; then
	answers
	statuses
	redirects
	addresses
	certificates
	old_servers
	namespaces
fi
vault_api DELETE "sys/mounts/$MOUNT" >/dev/null
kms_end
