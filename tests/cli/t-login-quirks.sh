#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is special about some logins to Vault: namespaces, auth paths of several
# parts, batch tokens, which nobody can renew, very long tokens, and every
# status that a login can be answered with.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1

AUTH=kmscrypt-authq-$$
NS=kmscrypt-ns-$$
in_ns() { VAULT_NAMESPACE=$NS "$@"; }
api() { vault_api "$@" >/dev/null; }

# approle MOUNT JSON: a role r there, its secret id in $CLI_DIR/secret-id: ROLE
approle() {
	api POST "auth/$1/role/r" "{\"token_policies\":\"$MOUNT\",$2}" &&
		vault_api POST "auth/$1/role/r/secret-id" '{}' |
		json_get data.secret_id >"$CLI_DIR/secret-id" &&
		ROLE=$(vault_api GET "auth/$1/role/r/role-id" |
			json_get data.role_id)
}

policy() {
	vault_policy "$MOUNT" "path \"$MOUNT/*\" {
		capabilities = [\"read\", \"update\"] }" >/dev/null
}

# by_role AUTH-MOUNT ARGUMENTS: kms set
by_role() {
	local auth=$1
	shift
	login_set --role-id "$ROLE" --secret-id-file "$CLI_DIR/secret-id" \
		--auth-path "$auth" "$@"
}

namespaces() {
	local a key
	if ! api POST "sys/namespaces/$NS" '{}'; then
		vault_is_real || exit 1
		skip "namespaces" "this server has none"
		return
	fi
	in_ns api POST "sys/mounts/$MOUNT" '{"type":"transit"}'
	in_ns api POST "$MOUNT/keys/k" '{}'
	in_ns api POST sys/auth/team/approle '{"type":"approle"}'
	in_ns policy
	in_ns approle team/approle '"token_ttl":"1h"' || exit 1
	vault_is_real || vault_log_clear
	ok "a login in a namespace, at a path of two parts" by_role \
		team/approle --namespace "$NS"
	a=$(image namespace)
	ends 0 "... format" format "$a"
	key=$(key_of "$a")
	in_ns api POST auth/token/revoke "{\"token\":\"$(kept_token)\"}"
	ok "... opens, by another login" opens "$a" "$key"
	k dump "$a" --json
	ok "... the header names it" grep -q "\"$NS\"" <<<"$OUT"
	vault_is_real || {
		OUT=$(vault_log | grep /auth/team/approle/login |
			grep -v '"fault": "' | sort -u)
		ok "... both logins name it, too" \
			[ "$(grep -c "\"namespace\": \"$NS\"" <<<"$OUT")" = 2 ]
		ok "... and send no token" not grep -q \
			'"token_sent": true' <<<"$OUT"
	}
	ok "the same key outside of it" not by_role team/approle --name x
	ok "... is denied" [ "$CODE" = 2 ]
	ok "a namespace that there is not" not by_role team/approle \
		--namespace no-such --name x
	[ "$CODE" = 4 ] || [ "$CODE" = 2 ]
	result $? "... is no success"
	ok "a namespace with a slash at its end" not by_role team/approle \
		--namespace "$NS/" --name x
	ok "... is wrong usage" [ "$CODE" = 1 ]
	ends 0 "kms unset" kms unset --forget
	api DELETE "sys/namespaces/$NS"
}

# They have no lease, and nothing can renew or revoke them.
batch_tokens() {
	local a key first
	api POST "sys/auth/$AUTH" '{"type":"approle"}' || exit 1
	policy
	approle "$AUTH" '"token_type":"batch","token_ttl":"4s"' || exit 1
	ok "a login that gives a batch token" by_role "$AUTH"
	a=$(image batch)
	ends 0 "... format" format "$a"
	key=$(key_of "$a")
	first=$(kept_token)
	ok "... is kept" [ -n "$first" ]
	sleep 4.5
	ok "... opens when it is over, by another" opens "$a" "$key"
	ok "... which is kept" [ "$(kept_token)" != "$first" ]
	ends 0 "... check" kms check --json
	ok "... says that nobody renews it" \
		[ "$(field credential_renewable)" = false ]
	ends 0 "kms unset" kms unset --forget
	vault_token "$MOUNT" '"type":"batch","ttl":"1h"' >"$CLI_DIR/batch"
	ok "a batch token by itself" login_set --token-file "$CLI_DIR/batch"
	ends 10 "... check" kms check
	says "cannot be renewed" "... warns"
	ends 2 "... renew" kms renew
	says "does not renew" "... says so"
	ends 0 "kms unset" kms unset --forget
}

# The end of a token that can be renewed until then
maximum() {
	vault_token "$MOUNT" '"ttl":"1h","explicit_max_ttl":"2h"' \
		>"$CLI_DIR/maximum"
	ok "a token with a maximum" login_set --token-file "$CLI_DIR/maximum"
	ends 10 "... check" kms check --json
	ok "... warns" grep -q "explicit maximum TTL" <<<"$(field warning)"
	ends 0 "... renew" kms renew
	says "explicit maximum TTL" "... warns as well"
	ends 0 "kms unset" kms unset --forget
}

statuses() {
	local pair
	approle "$AUTH" '"token_ttl":"1h"' || exit 1
	for pair in 400:2 401:2 403:2 404:4 405:8 413:8 418:8 412:3 429:3 \
		472:3 500:3 503:3; do
		vault_fault "{\"action\":\"status\",\"path\":\"/login\",
			\"status\":${pair%:*}}"
		ok "a login answered by HTTP ${pair%:*}" not by_role "$AUTH" \
			--timeout 4
		ok "... exit ${pair#*:}" [ "$CODE" = "${pair#*:}" ]
		vault_heal
	done
	for pair in 400:8 403:2 502:3; do
		vault_fault "{\"action\":\"status\",\"path\":\"/login\",
			\"status\":${pair%:*},\"body\":\"<html>No</html>\"}"
		ok "... HTTP ${pair%:*} in HTML" not by_role "$AUTH" --timeout 4
		ok "... exit ${pair#*:}" [ "$CODE" = "${pair#*:}" ]
		vault_heal
	done
	for pair in 429 503 412; do
		vault_fault "{\"action\":\"status\",\"path\":\"/login\",
			\"status\":$pair,\"times\":1}"
		ok "... HTTP $pair once" by_role "$AUTH"
		vault_heal
	done
}

# As long as a batch token with much in it may be.
long_token() {
	local a key token
	printf 's.%s\n' "$(head -c 60000 /dev/zero | tr '\0' A)" \
		>"$CLI_DIR/long"
	vault_start long --root-token-file "$CLI_DIR/long" >/dev/null || exit 1
	token=$VAULT_TOKEN
	VAULT_TOKEN=$(cat "$CLI_DIR/long")
	api POST "sys/mounts/$MOUNT" '{"type":"transit"}'
	api POST "$MOUNT/keys/k" '{}'
	printf '{"action":"body","path":"/login","body":{"auth":{
		"client_token":"%s","lease_duration":3600,"renewable":false}}}' \
		"$VAULT_TOKEN" >"$CLI_DIR/fault"
	api POST sys/auth/approle '{"type":"approle"}'
	approle approle '"token_ttl":"1h"' || exit 1
	vault_fault "@$CLI_DIR/fault"
	ok "a login that gives a token of 60,002 bytes" by_role approle
	vault_heal
	OUT=$(kept_token | tr -d '\n' | wc -c)
	ok "... is kept" [ "$OUT" = 60002 ]
	vault_log_clear
	a=$(image long)
	ends 0 "... format" format "$a"
	key=$(key_of "$a")
	ok "... opens" opens "$a" "$key"
	OUT=$(vault_log)
	ok "... without another login" not grep -q /login <<<"$OUT"
	ends 0 "kms unset" kms unset --forget
	VAULT_TOKEN=$token
	vault_stop long
	vault_select a
}

namespaces
batch_tokens
maximum
if ! vault_is_real; then
	statuses
	long_token
fi
api DELETE "sys/auth/$AUTH"
api DELETE "sys/policies/acl/$MOUNT"
cli_vault_end
cli_end
