#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kms check asks through the kernel's helper, where a rule of request-key(8)
# names one: with its bare environment, as its user, in its sandbox. What the
# helper says, and what is said when it cannot.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
HELPER=$(realpath "${KMSCRYPT%/*}/kmscrypt-upcall")
cli_begin
cli_vault && vault_watch || exit 1
kmip_start || exit 1
uid=$(kmip_admin create) || exit 1

# rule PROGRAM: answers the kernel on this machine
rule() {
	mkdir -p "$KMSCRYPT_ROOT/etc/request-key.d"
	printf '# a comment\ncreate .other * * /bin/true %%k\n%s\n' \
		"create .kmscrypt * * $1 %k" \
		>"$KMSCRYPT_ROOT/etc/request-key.d/kmscrypt.conf"
}
no_rule() { rm "$KMSCRYPT_ROOT/etc/request-key.d/kmscrypt.conf"; }

# script NAME LINES: a program to name in a rule
script() {
	printf '#!/bin/bash\n%s\n' "$2" >"$CLI_DIR/$1"
	chmod 755 "$CLI_DIR/$1"
	echo "$CLI_DIR/$1"
}

# by_helper NAME: the last check was asked by the helper
by_helper() { ok "$1" [ "$(field helper)" = true ]; }

ok "Vault" set_vault
ends 0 "no rule: check" kms check --json
ok "... by the command itself" [ "$(field helper)" = false ]
direct=$(field address),$(field key_version),$(field server)
rule "$HELPER"
ends 0 "a rule: check" kms check --json
by_helper "... by the helper"
ok "... which found the same" \
	[ "$(field address),$(field key_version),$(field server)" = "$direct" ]
ends 0 "... in words" kms check
shows "asked by     the kernel's helper" "... says who asked"
shows "key version  1" "... and what it found"

# What a shell has in its environment is nothing to the helper.
saved=$VAULT_ADDR
export https_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1 \
	SSL_CERT_FILE=/dev/null VAULT_ADDR=https://127.0.0.1:1 \
	VAULT_NAMESPACE=none
rule "$(script environ "tr '\\0' '\\n' </proc/\$\$/environ >$CLI_DIR/environ.out
exec $HELPER \"\$@\"")"
ends 0 "a hostile environment" kms check --json
unset https_proxy ALL_PROXY SSL_CERT_FILE VAULT_NAMESPACE
export VAULT_ADDR=$saved
by_helper "... and the helper"
OUT=$(cut -d= -f1 "$CLI_DIR/environ.out" | sort | xargs)
ok "... which has HOME and PATH, and the tests' root" \
	[ "$OUT" = "HOME KMSCRYPT_ROOT PATH" ]

# state: what /proc says of the helper while the KMS lets it wait
state() {
	rm -f "$CLI_DIR/helper-pid"
	vault_hang /encrypt/
	rule "$(script pid "echo \$\$ >$CLI_DIR/helper-pid; exec $HELPER \"\$@\"")"
	"$KMSCRYPT" kms check --timeout 20 >/dev/null 2>&1 &
	wait_for 15 asked_encrypt
	OUT=$(cat "/proc/$(cat "$CLI_DIR/helper-pid")/status")
	vault_heal
	wait $!
}
asked_encrypt() { vault_log | grep -q '"fault": "hang"'; }
state
ok "the helper is not root then" grep -Eq '^Uid:\s+[1-9][0-9]*\s+[1-9]' <<<"$OUT"
ok "... has no capabilities" grep -Eq '^CapEff:\s+0+$' <<<"$OUT"
ok "... and a filter" grep -Eq '^Seccomp:\s+2' <<<"$OUT"
rule "$HELPER"

# --- what goes wrong is said as ever ---
vault_token nothing '"ttl":"1h"' >"$CLI_DIR/short"
cp "$CLI_DIR/token" "$CLI_DIR/token.good"
find "$KMSCRYPT_ROOT/etc" -name token -exec cp "$CLI_DIR/short" {} \;
ends 2 "a token without rights" kms check
says "policy does not allow" "... is named"
find "$KMSCRYPT_ROOT/etc" -name token -exec cp "$CLI_DIR/token" {} \;
ends 0 "the right one again" kms check
cli_vault_dies
ends 3 "a server that is down" kms check --json --timeout 4
ok "... as JSON" [ "$(json_get error.code <<<"$ERR" 2>/dev/null ||
	field error.code)" = 3 ]
cli_vault_returns
ends 4 "an entry that there is not" kms check --name none
vault_policy "$MOUNT" "path \"$MOUNT/*\" {
	capabilities = [\"read\", \"update\"] }" >/dev/null
vault_token "$MOUNT" '"ttl":"1h"' >"$CLI_DIR/short"
ok "a token that ends" login_set --token-file "$CLI_DIR/short" --name ends
ends 10 "... check" kms check --name ends
says "expires soon" "... warns"

# A login is kept as by the helper for a volume: one for both.
vault_api POST sys/auth/kmscrypt-check-$$ '{"type":"approle"}' >/dev/null
vault_api POST auth/kmscrypt-check-$$/role/r "{\"token_policies\":\"$MOUNT\",
	\"token_ttl\":\"1h\",\"secret_id_num_uses\":2}" >/dev/null
vault_api POST auth/kmscrypt-check-$$/role/r/secret-id '{}' |
	json_get data.secret_id >"$CLI_DIR/secret-id"
cli_root login
rule "$HELPER"
login_set --secret-id-file "$CLI_DIR/secret-id" --auth-path \
	kmscrypt-check-$$ --role-id "$(vault_api GET \
		auth/kmscrypt-check-$$/role/r/role-id | json_get data.role_id)"
ok "AppRole" [ "$CODE" = 0 ]
rm "$(kept_file)"
ends 0 "... check logs in" kms check
first=$(kept_token)
ok "... and keeps the token" [ -n "$first" ]
OUT=$(stat -c %u:%a "$(kept_file)")
ok "... in root's own file" [ "$OUT" = 0:600 ]
ends 0 "... check again" kms check --json
by_helper "... by the helper"
ok "... with the same one" [ "$(kept_token)" = "$first" ]
ends 0 "kms unset" kms unset --forget
vault_api DELETE sys/auth/kmscrypt-check-$$ >/dev/null
vault_api DELETE "sys/policies/acl/$MOUNT" >/dev/null

ok "KMIP" set_kmip "$uid"
ends 0 "... check" kms check --json
by_helper "... by the helper"
kmip_admin deactivate "$uid"
ends 9 "... of a key that is deactivated" kms check
says "is deactivated" "... says so"
cli_root local
rule "$HELPER"
k kms set local
ends 0 "local: check" kms check --json
by_helper "... by the helper"

# --- a helper that is none ---
rule "$CLI_DIR/nothing"
ends 8 "a helper that is not there" kms check
says "$CLI_DIR/nothing cannot be started" "... is named"
rule /bin/false
ends 8 "one that says nothing" kms check
says "gives no answer that makes sense" "... says so"
rule "$(script killed "kill -9 \$\$")"
ends 8 "one that dies" kms check
says "died of signal 9" "... says so"
rule "$(script noise "head -c 100000 /dev/urandom")"
ends 8 "one that talks nonsense" kms check
says "gives no answer that makes sense" "... says so"
rule "$(script hangs "exec sleep 1000")"
ends 8 "one that hangs" kms check --timeout 2
says "does not answer" "... says so"
rule relative/path
ends 8 "a rule without a program" kms check
says "names no helper" "... says so"
no_rule
ends 0 "no rule again" kms check

# --- by hand ---
OUT=$("$HELPER" check default 0 2>&1)
ok "the helper wants a time" [ $? = 1 ]
OUT=$(env -u KMSCRYPT_ROOT "$HELPER" check no-such-entry 5000 | tr -d '\0')
ok "... and writes what kms check reads" grep -q no-such-entry <<<"$OUT"

cli_vault_end
cli_end
