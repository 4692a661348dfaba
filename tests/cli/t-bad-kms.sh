#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# KMSs that are wrong, dead, slow, refusing or talking nonsense: the right exit
# code, words that name the address, in time, nothing written and nothing lost.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1
kmip_start || exit 1
uid=$(kmip_admin create) || exit 1

TIMEOUT=3

a=$(image a)
k kms set local
k format "$a"
key_a=$(key_of "$a")
image_sum=$(sha256sum <"$a")
etc() { (cd "$KMSCRYPT_ROOT/etc" && find . -type f -exec sha256sum {} + | sort); }
etc_sum=$(etc)

# intact NAME: nothing has changed, and the volume opens
intact() {
	[ "$(etc)" = "$etc_sum" ] && [ "$(sha256sum <"$a")" = "$image_sum" ] &&
		opens "$a" "$key_a"
	result $? "$1: nothing is changed, nothing lost"
}

# fails CODES NAME WORDS ARGUMENTS: exit with one of the codes, in time
fails() {
	local codes=$1 name=$2 words=$3 start=$SECONDS
	shift 3
	k "$@" --timeout "$TIMEOUT"
	[[ " $codes " == *" $CODE "* ]]
	result $? "$name: exit $codes"
	[ $((SECONDS - start)) -le $((TIMEOUT + 2)) ]
	result $? "$name: in time"
	[[ $ERR == *"$words"* ]]
	result $? "$name: says '$words'"
	intact "$name"
}

vault_at() {
	local codes=$1 name=$2 words=$3 url=$4
	shift 4
	fails "$codes" "$name" "$words" kms set vault "$url" k \
		--token-file "$CLI_DIR/token" --transit-path "$MOUNT" "$@"
}

kmip_at() {
	local codes=$1 name=$2 words=$3 address=$4
	shift 4
	fails "$codes" "$name" "$words" kms set kmip "$address" "$uid" \
		--client-cert "$SERVERS_PKI/${AS:-client}.pem" \
		--client-key "$SERVERS_PKI/${AS:-client}.key" "$@"
}

ca=(--ca-cert "${VAULT_CACERT:-}")
[ -n "${VAULT_CACERT:-}" ] || ca=()

# --- Vault, any ---
vault_at 3 "Vault, nobody listens" "127.0.0.1:1" https://127.0.0.1:1 "${ca[@]}"
vault_at 3 "Vault, no such host" nowhere.invalid https://nowhere.invalid:8200 \
	"${ca[@]}"
vault_at 3 "Vault, wrong CA" certificate "$VAULT_ADDR" \
	--ca-cert "$SERVERS_PKI/other-ca.pem"
vault_at "1 6" "Vault, a CA file that is none" "CA" "$VAULT_ADDR" \
	--ca-cert "$CLI_DIR/token"
echo nonsense >"$CLI_DIR/nonsense"
fails 2 "Vault, a token that is none" "refuses the token" kms set vault \
	"$VAULT_ADDR" k --token-file "$CLI_DIR/nonsense" --transit-path \
	"$MOUNT" "${ca[@]}"
printf 'two\nlines\n' >"$CLI_DIR/lines"
fails 1 "Vault, a token with a line break" token kms set vault \
	"$VAULT_ADDR" k --token-file "$CLI_DIR/lines" --transit-path \
	"$MOUNT" "${ca[@]}"
fails "2 4" "Vault, no such mount" "" kms set vault "$VAULT_ADDR" k \
	--token-file "$CLI_DIR/token" --transit-path "no-such-$$" "${ca[@]}"
vault_api POST "$MOUNT/keys/rsa" '{"type":"rsa-2048"}' >/dev/null
fails 1 "Vault, a key of another type" rsa kms set vault "$VAULT_ADDR" rsa \
	--token-file "$CLI_DIR/token" --transit-path "$MOUNT" "${ca[@]}"

# --- Vault, ours to hurt ---
if vault_is_real; then
	skip "Vault talking nonsense" "a real server takes no orders"
else
	for rule in 'garbage 8' 'oversized 8' 'html502 3,8' 'drop 3' 'hang 3' \
		'hang-headers 3' 'endless 3,8' 'hang-accept 3' \
		'reset-accept 3' 'truncated 3,8' 'hang-body 3'; do
		vault_fault "{\"action\":\"${rule% *}\"}"
		codes=${rule#* }
		vault_at "${codes//,/ }" "Vault, ${rule% *}" "" "$VAULT_ADDR" \
			"${ca[@]}"
		vault_heal
	done
	for status in 403:2 400:1,8 404:4 429:3,8 500:8,3 503:3,8; do
		vault_fault "{\"action\":\"status\",\"status\":${status%:*}}"
		codes=${status#*:}
		vault_at "${codes//,/ }" "Vault, HTTP ${status%:*}" "" \
			"$VAULT_ADDR" "${ca[@]}"
		vault_heal
	done
	for cert in expired:expired wrong-host:"name" foreign:certificate; do
		vault_start "${cert%%:*}" --cert \
			"$SERVERS_PKI/server-${cert%%:*}.pem" \
			--key "$SERVERS_PKI/server-${cert%%:*}.key"
		vault_at 3 "Vault, certificate ${cert%%:*}" "${cert#*:}" \
			"$VAULT_ADDR" "${ca[@]}"
		vault_stop "${cert%%:*}"
	done
	vault_select a
fi

# --- KMIP ---
kca=(--ca-cert "$KMIP_CACERT")
kmip_at 3 "KMIP, nobody listens" 127.0.0.1:1 127.0.0.1:1 "${kca[@]}"
kmip_at 3 "KMIP, wrong CA" "" "$KMIP_ADDR" --ca-cert "$SERVERS_PKI/other-ca.pem"
AS=client-foreign
kmip_at "2 3" "KMIP, a client certificate of another CA" "" "$KMIP_ADDR" \
	"${kca[@]}"
AS=
kmip_at 3 "KMIP, wrong name" "" "$KMIP_ADDR" "${kca[@]}" \
	--server-name wrong.test
kmip_at "1 3" "KMIP, no port" "127.0.0.1" 127.0.0.1 "${kca[@]}"
kmip_at 1 "KMIP, a port that is none" "" 127.0.0.1:99999 "${kca[@]}"
fails "1 2 6" "KMIP, key and certificate of two people" "" kms set kmip \
	"$KMIP_ADDR" "$uid" --client-cert "$KMIP_CERT" --client-key \
	"$SERVERS_PKI/client-rsa.key" "${kca[@]}"
port=$(bad_server_start bad) || exit 1
for mode in garbage:8 oversized:8 truncated:3,8 zeros:8 endless:8,3 silent:3 \
	silent-tcp:3 close-tcp:3 plain:3 deep:8 version=9.9:8 wrong-tag:8 \
	status=1:2,4,8 status=C:2 status=4:8,2,3; do
	codes=${mode#*:} mode=${mode%:*}
	bad_server_order bad --mode "$mode"
	kmip_at "${codes//,/ }" "KMIP, $mode" "" "127.0.0.1:$port" "${kca[@]}"
done
bad_server_stop bad

# --- the same while a volume depends on it ---
ok "on KMIP" set_kmip "$uid"
etc_sum=$(etc) image_sum=$(sha256sum <"$a")
kmip_admin deactivate "$uid"
ends 9 "a key that is deactivated" dump "$a" --dump-volume-key \
	--volume-key-file "$CLI_DIR/vk"
ends 9 "... also for format" format "$(image b)"
ok "... which has written nothing" \
	[ "$(tr -d '\0' <"$CLI_DIR/b.img" | head -c 1 | wc -c)" = 0 ]
kmip_stop
ends 3 "a server that is down" dump "$a" --dump-volume-key \
	--volume-key-file "$CLI_DIR/vk" --timeout 3
says "$KMIP_ADDR" "... is named"
ends 3 "... also for the check" kms check --timeout 3
ok "... no key was written" [ ! -e "$CLI_DIR/vk" ]
ok "nothing has changed" [ "$(etc)$(sha256sum <"$a")" = "$etc_sum$image_sum" ]

cli_vault_end
cli_end
