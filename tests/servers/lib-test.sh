#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh as the command-line tests use it. TAP.
set -u

# shellcheck source=tests/servers/lib.sh
. "$(dirname "$0")/lib.sh"

count=0
failed=0
# is NAME GOT WANTED
is() {
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
	else
		failed=$((failed + 1))
		echo "not ok $count - $1"
		echo "# got '$2', wanted '$3'"
	fi
}

vault_part() {
	local uid sealed token
	vault_start || exit
	is "Vault answers" "$(vault_status GET sys/health)" 200
	is "mount" "$(vault_status POST sys/mounts/libtest '{"type":"transit"}')" 204
	vault_api POST libtest/keys/k '{}' >/dev/null
	is "key by the API" \
		"$(vault_api GET libtest/keys/k | json_get data.name)" k
	vault_api GET libtest/keys/absent >/dev/null
	is "vault_api fails on an error status" $? 1
	vault_policy libtest 'path "libtest/encrypt/k" { capabilities = ["update"] }'
	token=$(vault_token libtest '"ttl":"5m"')
	sealed=$(VAULT_TOKEN=$token vault_api POST libtest/encrypt/k \
		'{"plaintext":"aGVsbG8="}' | json_get data.ciphertext)
	is "a token under a policy" "${sealed%%:*}" vault
	is "... and its limits" \
		"$(VAULT_TOKEN=$token vault_status GET libtest/keys/k)" 403
	! vault_is_real || { vault_api DELETE sys/mounts/libtest; return; }

	vault_fault '{"action":"status","status":418,"times":1}'
	is "a fault" "$(vault_status GET libtest/keys/k)" 418
	is "... once" "$(vault_status GET libtest/keys/k)" 200
	vault_fault '{"action":"nonsense"}' 2>/dev/null
	is "a wrong fault is refused" $? 22
	vault_heal
	is "the log names the request" \
		"$(vault_log | grep -c '"status": 418')" 1
	vault_stop
	is "stopped" "$(vault_status GET sys/health 2>/dev/null)" 000
	vault_start
	is "restart keeps the key" "$(vault_api POST libtest/decrypt/k \
		"{\"ciphertext\":\"$sealed\"}" | json_get data.plaintext)" 'aGVsbG8='
	vault_start b
	is "a second server is another one" \
		"$(vault_status GET libtest/keys/k)" 404
	vault_select a
	is "back to the first" "$(vault_status GET libtest/keys/k)" 200
	watch_part
}

# Our own server, taken for a real one: what a tap is for.
watch_part() {
	local VAULT_REAL=yes pid addr
	addr=$VAULT_ADDR
	vault_watch || exit
	is "watched, it is asked through another port" \
		"$([ "$VAULT_ADDR" = "$addr" ] || echo other)" other
	vault_api GET libtest/keys/k | vault_api POST libtest/encrypt/k \
		'{"plaintext":"aGVsbG8="}' >/dev/null
	is "... and the log has each request" \
		"$(vault_log | grep -c '"method": "[A-Z]*", "path": "/v1/lib')" 2
	is "... of a connection each" "$(vault_log |
		grep -o '"connection": "[0-9]*"' | sort -u | wc -l)" 2
	vault_hang /encrypt/
	vault_status POST libtest/encrypt/k '{"plaintext":"aGVsbG8="}' \
		>"$SERVERS_DIR/hung" &
	pid=$!
	wait_for 15 vault_is_hung
	is "what is to hang is logged, and has no answer" \
		$?"$(cat "$SERVERS_DIR/hung")" 0
	is "... and nothing else hangs" "$(vault_status GET libtest/keys/k)" 200
	vault_heal
	wait "$pid"
	is "... until it is healed" "$(cat "$SERVERS_DIR/hung")" 200
	vault_unwatch
	is "not watched, the address is the old one" "$VAULT_ADDR" "$addr"
	is "... and works" "$(vault_status GET libtest/keys/k)" 200
}
vault_is_hung() { vault_log | grep -q '"fault": "hang"'; }

kmip_part() {
	local uid port
	# shellcheck disable=SC2119
	kmip_start || exit
	uid=$(kmip_admin create)
	is "KMIP key" "$(kmip_admin state "$uid")" ACTIVE
	port=$(bad_server_start x --mode close --no-client-cert)
	echo | timeout 5 openssl s_client -connect "127.0.0.1:$port" \
		-CAfile "$SERVERS_PKI/ca.pem" 2>/dev/null |
		grep -q 'Verify return code: 0 (ok)'
	is "bad server shakes hands" $? 0
	bad_server_stop x
}

servers_begin || exit
vault_part
kmip_is_real || kmip_part
dir=$SERVERS_DIR
pids=$(cat "$dir"/*/pid)
servers_end
left=0
for pid in $pids; do
	process_gone "$pid" || left=$((left + 1))
done
is "no process is left" "$left" 0
is "no file is left" "$([ -e "$dir" ] && echo yes)" ""
echo "1..$count"
echo "# $((count - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
