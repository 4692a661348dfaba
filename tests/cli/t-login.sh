#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The ways to log in to Vault: AppRole, Kubernetes, a client certificate. A
# login's token is kept, so that many opens cost one login: secret ids with few
# uses count the logins, on a real server, too.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1

AUTH=kmscrypt-auth-$$
POLICY=$MOUNT
full_policy() {
	vault_policy "$POLICY" "path \"$MOUNT/*\" {
		capabilities = [\"read\", \"update\"] }" >/dev/null
}
full_policy || exit 1

revoke_kept() {
	vault_api POST auth/token/revoke "{\"token\":\"$(kept_token)\"}" \
		>/dev/null
}

# secret_id USES: a new one of the role r, in the file $CLI_DIR/secret-id
secret_id() {
	vault_api POST "auth/$AUTH/role/r" "{\"token_policies\":\"$POLICY\",
		\"token_ttl\":\"1h\",\"secret_id_num_uses\":$1}" >/dev/null
	vault_api POST "auth/$AUTH/role/r/secret-id" '{}' |
		json_get data.secret_id >"$CLI_DIR/secret-id"
}

# approle USES [ARGUMENTS]: kms set with a new secret id
approle() {
	secret_id "$1"
	shift
	login_set --role-id "$ROLE" --secret-id-file "$CLI_DIR/secret-id" \
		--auth-path "$AUTH" "$@"
}

# at_once N IMAGE KEY: all of N opens at the same time give the key
at_once() {
	local i n=0 pids=()
	for ((i = 0; i < $1; i++)); do
		"$KMSCRYPT" dump "$2" --dump-volume-key --volume-key-file \
			"$CLI_DIR/key-$i" >/dev/null 2>"$CLI_DIR/err-$i" &
		pids+=($!)
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" || diag "$(cat "$CLI_DIR/err-$i")"
		[ "$(od -An -v -tx1 "$CLI_DIR/key-$i" | tr -d ' \n')" = \
			"$3" ] && n=$((n + 1))
		rm -f "$CLI_DIR/key-$i"
	done
	[ "$n" = "$1" ]
}

approle_login() {
	local a key first
	vault_api POST "sys/auth/$AUTH" '{"type":"approle"}' >/dev/null || exit 1
	secret_id 1
	ROLE=$(vault_api GET "auth/$AUTH/role/r/role-id" |
		json_get data.role_id)
	ok "approle: kms set" approle 1
	a=$(image approle)
	ends 0 "... format" format "$a"
	key=$(key_of "$a")
	ok "... opens" opens "$a" "$key"
	ok "... 16 at once" at_once 16 "$a" "$key"
	OUT=$(stat -c %a "$(kept_file)")
	ok "... the login's token is kept, 0600" [ "$OUT" = 600 ]
	OUT=$(find "$KMSCRYPT_ROOT/etc" -name secret-id -printf %m)
	ok "... the secret id, too" [ "$OUT" = 600 ]
	OUT=$(grep -rlF "$(cat "$CLI_DIR/secret-id")" "$KMSCRYPT_ROOT")
	ok "... and is nowhere else" [ "${OUT##*/}" = secret-id ]

	ok "approle: two uses" approle 2
	first=$(kept_token)
	ok "... the same entry, another token" [ -n "$first" ]
	revoke_kept
	ok "... a token that is revoked is replaced" opens "$a" "$key"
	ok "... by another" [ "$(kept_token)" != "$first" ]
	revoke_kept
	ends 2 "... no use is left" kms check
	says "refuses the login" "... says so"
	says "HTTP 400" "... and what the server said"

	ok "approle: two uses again" approle 2
	rm "$(kept_file)"
	ok "... one login for 16 at once" at_once 16 "$a" "$key"
	printf 'kmscrypt-login 1 9 9' >"$(kept_file)"
	ends 2 "... a kept token that is cut off does not count" kms check
	says "refuses the login" "... it logs in, and no use is left"

	ok "approle: one use" approle 1
	vault_policy "$POLICY" "path \"$MOUNT/decrypt/k\" {
		capabilities = [\"update\"] }" >/dev/null
	ends 2 "... the policy refuses" kms check
	says "policy does not allow" "... says so, without another login"
	ok "... and what it allows works" opens "$a" "$key"
	full_policy
	ends 0 "kms unset" kms unset --forget
	ok "... drops the token" [ ! -e "$(kept_file)" ]
	approle_refused
}

approle_refused() {
	approle 9
	echo wrong >"$CLI_DIR/secret-id"
	ends 2 "a wrong secret id" kms set vault "$VAULT_ADDR" k \
		--transit-path "$MOUNT" --role-id "$ROLE" --secret-id-file \
		"$CLI_DIR/secret-id" --auth-path "$AUTH" \
		${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"} --name x
	says "at '$AUTH'" "... names the auth mount"
	secret_id 9
	ok "another auth mount" not login_set --role-id "$ROLE" \
		--secret-id-file "$CLI_DIR/secret-id" --auth-path no-such \
		--name x
	says "no-such" "... is named"
	ok "another role" not login_set --role-id nobody --secret-id-file \
		"$CLI_DIR/secret-id" --auth-path "$AUTH" --name x
	ok "... is denied" [ "$CODE" = 2 ]
	ok "a role with a quote" not login_set --role-id 'a"b\c' \
		--secret-id-file "$CLI_DIR/secret-id" --auth-path "$AUTH" \
		--name x
	ok "... is denied, and no more" [ "$CODE" = 2 ]
	ok "none of these is saved" \
		[ ! -e "$KMSCRYPT_ROOT/etc/kmscrypt/entries/x.json" ]
	vault_watch
	echo wrong >"$CLI_DIR/secret-id"
	login_set --role-id "$ROLE" --secret-id-file "$CLI_DIR/secret-id" \
		--auth-path "$AUTH" --name x
	OUT=$(vault_log | grep -c "auth/$AUTH/login")
	ok "the login is asked once" [ "$OUT" = 1 ]
	vault_unwatch
	if vault_is_real; then
		skip "an answer without a token" "a real server gives none"
		return
	fi
	vault_fault '{"action":"body","path":"/login","body":"{\"auth\":{}}"}'
	secret_id 9
	ok "an answer without a token" not login_set --role-id "$ROLE" \
		--secret-id-file "$CLI_DIR/secret-id" --auth-path "$AUTH"
	vault_heal
	says "not Vault's" "... says so"
	ok "... exit 8" [ "$CODE" = 8 ]
}

# Half of the time is gone: the next use renews, and needs no other login. Three
# ways on three machines, so that they wait for it together.
renewal() {
	local a key first
	cli_root renewal
	vault_api POST "auth/$AUTH/role/short" "{\"token_period\":\"10s\",
		\"token_policies\":\"$POLICY\",\"secret_id_num_uses\":1}" \
		>/dev/null
	ROLE=$(vault_api GET "auth/$AUTH/role/short/role-id" |
		json_get data.role_id)
	vault_api POST "auth/$AUTH/role/short/secret-id" '{}' |
		json_get data.secret_id >"$CLI_DIR/secret-id"
	ok "a short login" login_set --role-id "$ROLE" --secret-id-file \
		"$CLI_DIR/secret-id" --auth-path "$AUTH"
	a=$(image renewal)
	ends 0 "... format" format "$a"
	key=$(key_of "$a")
	first=$(kept_token)
	cli_root renewal-token
	vault_token "$POLICY" '"period":"10s"' >"$CLI_DIR/short-token"
	ok "a short token" login_set --token-file "$CLI_DIR/short-token"
	ok "... is not kept outside the credentials" [ -z "$(kept_token)" ]
	cli_root renewal-not
	vault_token "$POLICY" '"period":"10s","no_default_policy":true' \
		>"$CLI_DIR/short-token"
	ok "a token that may not renew itself" login_set --token-file \
		"$CLI_DIR/short-token"

	sleep 5.5
	ends 0 "... is good for all of its time" kms check
	cli_root renewal
	ok "the login opens after half of its time" opens "$a" "$key"
	cli_root renewal-token
	ends 0 "the token is used after half of its time" kms check
	rm "$(kept_file)"
	sleep 5.5
	cli_root renewal
	ok "the login opens after all of it: it was renewed" opens "$a" "$key"
	ok "... and is the same token" [ "$(kept_token)" = "$first" ]
	cli_root renewal-token
	ends 0 "the token is good after all of it, and after a boot" kms check
	cli_root renewal-not
	ends 2 "the one that may not ends" kms check
	cli_root a
}

kubernetes_login() {
	local a key
	if vault_is_real; then
		skip "kubernetes" "a real server asks a real cluster"
		return
	fi
	cli_kubernetes kubernetes "$POLICY"
	cli_jwt 600 >"$CLI_DIR/jwt"
	ok "kubernetes: kms set, at its default mount" login_set \
		--kubernetes-role node --jwt-file "$CLI_DIR/jwt"
	a=$(image kubernetes)
	ends 0 "... format" format "$a"
	key=$(key_of "$a")
	rm "$CLI_DIR/jwt"
	ok "... opens with the token that is kept" opens "$a" "$key"
	revoke_kept
	ends 2 "... the JWT is missing for a new login" kms check
	says "no JWT in $CLI_DIR/jwt" "... says so"
	cli_jwt -60 >"$CLI_DIR/jwt"
	ends 2 "... has expired" kms check
	says "refuses the login" "... says so"
	cli_jwt 600 >"$CLI_DIR/jwt"
	ok "... is read again, and good" opens "$a" "$key"
	OUT=$(grep -rlF "$(cat "$CLI_DIR/jwt")" "$KMSCRYPT_ROOT")
	ok "... is not copied" [ -z "$OUT" ]
	ok "another role" not login_set --kubernetes-role other --jwt-file \
		"$CLI_DIR/jwt" --name x
	ok "... is denied" [ "$CODE" = 2 ]
	ends 0 "kms unset" kms unset --forget
}

# certificate_ends_json: they say so of a certificate, and in JSON
certificate_ends_json() {
	certificate_ends
	ends 10 "... show, as JSON" kms show --json
	ok "... has the warning" grep -q "in 9 days" \
		<<<"$(field entries.0.generations.0.warning)"
}

cert_login() {
	local a key
	pem=$(sed ':a;N;$!ba;s/\n/\\n/g' "$SERVERS_PKI/ca.pem")
	vault_api POST "sys/auth/$AUTH-cert" '{"type":"cert"}' >/dev/null
	vault_api POST "auth/$AUTH-cert/certs/host" "{\"certificate\":\"$pem\",
		\"token_policies\":\"$POLICY\",\"token_ttl\":\"1h\"}" >/dev/null
	if ! login_set --client-cert "$SERVERS_PKI/client.pem" --client-key \
		"$SERVERS_PKI/client.key" --auth-path "$AUTH-cert" &&
		vault_is_real; then
		skip "cert" "this server's listener asks for no certificate"
		return
	fi
	ok "cert: kms set" [ "$CODE" = 0 ]
	a=$(image cert)
	ends 0 "... format" format "$a"
	key=$(key_of "$a")
	revoke_kept
	ok "... logs in anew" opens "$a" "$key"
	ends 0 "... check" kms check
	ok "a certificate that ends in ten days" login_set --client-cert \
		"$SERVERS_PKI/client-ending.pem" --client-key \
		"$SERVERS_PKI/client-ending.key" --auth-path "$AUTH-cert"
	certificate_ends_json
	ok "another CA's certificate" not login_set --client-cert \
		"$SERVERS_PKI/client-foreign.pem" --client-key \
		"$SERVERS_PKI/client-foreign.key" --auth-path "$AUTH-cert"
	ok "... is denied" [ "$CODE" = 2 ]
	ends 0 "kms unset" kms unset --forget
}

proxy() {
	local port
	port=$(server_start proxy connect-proxy.py --log "$CLI_DIR/proxy-log") ||
		exit 1
	ok "proxy: kms set" login_set --token-file "$CLI_DIR/token" --proxy \
		"http://127.0.0.1:$port"
	OUT=$(sort -u "$CLI_DIR/proxy-log")
	ok "... was used" [ "$OUT" = "CONNECT ${VAULT_ADDR#https://}" ]
	: >"$CLI_DIR/proxy-log"
	ends 0 "... check" kms check
	ok "... uses it, too" [ -s "$CLI_DIR/proxy-log" ]
	server_stop proxy
	ends 3 "... is down" kms check --timeout 3
	says "$port" "... and named"
	ok "without a proxy again" login_set --token-file "$CLI_DIR/token"
	ends 0 "... check" kms check
}

# kms renew, and the warnings of kms check and kms show
credentials() {
	vault_token "$POLICY" '"ttl":"1h"' >"$CLI_DIR/short-token"
	ok "a token that ends" login_set --token-file "$CLI_DIR/short-token"
	ends 10 "... check" kms check --json
	says "expires soon" "... warns"
	ok "... in JSON, too" grep -q "expires soon" <<<"$(field warning)"
	ok "... and for programs" [ "$(field credential_ends)" = true ]
	ends 10 "... show" kms show
	says "expires soon" "... warns"
	ends 10 "... show, as JSON" kms show --json
	ok "... has the warning" grep -q soon \
		<<<"$(field entries.0.generations.0.warning)"
	ends 0 "... renew" kms renew
	shows "renewed, the token is good for" "... says how long"
	vault_token "$POLICY" '"ttl":"1h","renewable":false' \
		>"$CLI_DIR/short-token"
	ok "a token that cannot be renewed" login_set --token-file \
		"$CLI_DIR/short-token"
	ends 2 "... renew" kms renew
	says "does not renew" "... says so"
	vault_token "$POLICY" '"num_uses":50' >"$CLI_DIR/short-token"
	ok "a token with few uses" login_set --token-file \
		"$CLI_DIR/short-token"
	ends 10 "... check" kms check --json
	ok "... says how many are left" [ "$(field credential_uses)" -gt 9 ]
	ok "a token for ever" login_set --token-file "$CLI_DIR/token"
	ends 0 "... renew" kms renew
	shows "does not expire" "... has no need"
	ends 0 "... check" kms check --json
	ok "... without a warning" [ -z "$ERR" ]
	ok "... also for programs" [ "$(field credential_ends)" = false ]
	ends 0 "... show" kms show
	vault_token "$POLICY" '"ttl":"1h","period":"1h"' \
		>"$CLI_DIR/short-token"
	ok "a periodic token" login_set --token-file "$CLI_DIR/short-token"
	ends 0 "... check" kms check
	ok "... without a warning" [ -z "$ERR" ]
	vault_token "$POLICY" '"ttl":"700h"' >"$CLI_DIR/short-token"
	ok "a token that is good for long, and not for ever" login_set \
		--token-file "$CLI_DIR/short-token"
	ends 10 "... check" kms check
	says "not periodic" "... warns"
	ok "approle" approle 2
	revoke_kept
	ends 0 "... renew" kms renew --json
	ok "... logs in anew" [ "$(field logged_in)" = true ]
	ends 0 "... check: its token may end" kms check
	ends 0 "kms unset" kms unset --forget
	ends 0 "local" kms set local
	ends 1 "... renew" kms renew
	ends 0 "kms unset" kms unset --forget
}

approle_login
credentials
renewal
kubernetes_login
cert_login
proxy
for mount in "$AUTH" "$AUTH-cert"; do
	vault_api DELETE "sys/auth/$mount" >/dev/null
done
vault_api DELETE "sys/policies/acl/$POLICY" >/dev/null
cli_vault_end
cli_end
