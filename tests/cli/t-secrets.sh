#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Canaries: secrets with marks that nothing else has, looked for (raw, hex,
# base64) in arguments and environments of all processes, in every file but
# the 0600 credentials, in output and messages.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1
kmip_start || exit 1
uid=$(kmip_admin create) || exit 1

# A token that is really good, so that everything gets as far as it can.
vault_policy "$MOUNT" "path \"$MOUNT/*\" {
	capabilities = [\"create\", \"read\", \"update\"] }" >/dev/null
token=$(vault_token "$MOUNT" '"ttl":"1h"')
printf '%s\n' "$token" >"$CLI_DIR/canary-token"
chmod 600 "$CLI_DIR/canary-token"

a=$(image a)
said=$CLI_DIR/said traces=$CLI_DIR/traces
mkdir "$traces"

# traced ARGUMENTS: keep output, messages, and every program that is started
# with its arguments and environment
traced() {
	CODE=0
	strace -f -qq -v -s 65536 -e trace=execve -o "$traces/$RANDOM$RANDOM" \
		"$KMSCRYPT" "$@" >"$CLI_DIR/out" 2>&1 </dev/null || CODE=$?
	cat "$CLI_DIR/out" >>"$said"
	[ "$CODE" = 0 ] || diag "$*: exit $CODE: $(cat "$CLI_DIR/out")"
	return "$CODE"
}

ca=()
[ -z "${VAULT_CACERT:-}" ] || ca=(--ca-cert "$VAULT_CACERT")
ok "local" traced kms set local
ok "format" traced format "$a"
ok "export" traced dump "$a" --dump-volume-key --volume-key-file \
	"$CLI_DIR/vk"
local_key=$(find "$KMSCRYPT_ROOT/etc" -name local.key)
cp "$local_key" "$CLI_DIR/canary-local"
cp "$CLI_DIR/vk" "$CLI_DIR/canary-vk"
ok "vault" traced kms set vault "$VAULT_ADDR" k --token-file \
	"$CLI_DIR/canary-token" --transit-path "$MOUNT" "${ca[@]}"
ok "check" traced kms check --json
ok "show" traced kms show --json
ok "rewrap" traced kms rewrap --all
ok "dump" traced dump "$a" --json
ok "list" traced list --json
ok "scan" traced scan "$a"
ok "table" traced table "$a"
ok "a name that is refused" not traced kms set vault "$VAULT_ADDR" missing \
	--token-file "$CLI_DIR/canary-token" --transit-path "$MOUNT" "${ca[@]}"
ok "kmip" traced kms set kmip "$KMIP_ADDR" "$uid" --client-cert "$KMIP_CERT" \
	--client-key "$KMIP_KEY" --ca-cert "$KMIP_CACERT"
sed -n 2p "$KMIP_KEY" >"$CLI_DIR/canary-pem"

# forms FILE: how its content could show up
forms() {
	local size
	size=$(stat -c %s "$1")
	case $1 in
	*-token | *-pem) tr -d '\n' <"$1" && echo ;;
	esac
	head -c "$size" "$1" | od -An -v -tx1 | tr -d ' \n' && echo
	# cut so that the text around it does not matter
	head -c 30 "$1" | base64 -w 0 | tr -d '=' && echo
	tail -c +2 "$1" | head -c 30 | base64 -w 0 | tr -d '=' && echo
	tail -c +3 "$1" | head -c 30 | base64 -w 0 | tr -d '=' && echo
}

# clean NAME PATH...: none of the canaries is there
clean() {
	local name=$1 found
	shift
	found=$(grep -raliF -f "$CLI_DIR/forms" -- "$@")
	found+=$(python3 - "$CLI_DIR" "$@" <<-'PY'
		import os, sys
		where, places = sys.argv[1], sys.argv[2:]
		raw = [open(os.path.join(where, "canary-" + n), "rb").read()
		       for n in ("vk", "local")]
		for place in places:
		    files = [place] if os.path.isfile(place) else [
		        os.path.join(d, f) for d, _, fs in os.walk(place) for f in fs]
		    for name in files:
		        data = open(name, "rb").read()
		        if any(r in data or r[:16] in data for r in raw):
		            print(name)
	PY
	)
	OUT=$found
	[ -z "$found" ]
	result $? "$name: clean"
}

for i in token vk local pem; do
	forms "$CLI_DIR/canary-$i"
done | grep . >"$CLI_DIR/forms"
ok "there are canaries to look for" [ "$(wc -l <"$CLI_DIR/forms")" -ge 12 ]
cp "$CLI_DIR/canary-token" "$CLI_DIR/planted"
ok "... and they would be found" \
	grep -qaF -f "$CLI_DIR/forms" "$CLI_DIR/planted"

clean "output and messages" "$said"
clean "arguments and environments" "$traces"
clean "registry and caches" "$KMSCRYPT_ROOT/var" "$KMSCRYPT_ROOT/run"
clean "entries" "$KMSCRYPT_ROOT/etc/kmscrypt/entries"
clean "the volume" "$a"
ok "no program was started" [ "$(cat "$traces"/* | grep -c execve)" = \
	"$(find "$traces" -type f | wc -l)" ]
k kms set local
clean "what is left of the old KMS" "$KMSCRYPT_ROOT"

# --- modes ---
set_kmip "$uid"
OUT=$(find "$KMSCRYPT_ROOT/etc" -type f ! -perm 600)
ok "every file has mode 0600" [ -z "$OUT" ]
OUT=$(find "$KMSCRYPT_ROOT/etc" "$KMSCRYPT_ROOT/var" -mindepth 1 -type d \
	-path '*kmscrypt*' ! -perm 700)
ok "every folder has mode 0700" [ -z "$OUT" ]
(umask 0; "$KMSCRYPT" kms set local --name open >/dev/null)
OUT=$(find "$KMSCRYPT_ROOT/etc" ! -perm 600 ! -perm 700 -path '*kmscrypt*')
ok "... whatever the umask" [ -z "$OUT" ]

# --- a token in argv works, warns, and is blanked at once ---
k kms set vault "$VAULT_ADDR" k --token "$token" --transit-path "$MOUNT" \
	"${ca[@]}"
ok "--token works" [ "$CODE" = 0 ]
says "--token-file" "... and warns"
if vault_is_real; then
	skip "--token is blanked" "a real server cannot be made to hang"
else
	# shown FILE...: what ps would show while it waits for the server
	shown() {
		"$KMSCRYPT" kms set vault "$VAULT_ADDR" k "$@" --timeout 8 \
			--transit-path "$MOUNT" "${ca[@]}" >/dev/null 2>&1 &
		local pid=$!
		sleep 1
		tr '\0' ' ' <"/proc/$pid/cmdline"
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	}
	vault_fault '{"action":"hang"}'
	OUT=$(shown --token "$token")
	ok "--token is blanked" not grep -qF "$token" <<<"$OUT"
	shows "--transit-path" "... and nothing else"
	OUT=$(shown "--token=$token")
	ok "--token= is blanked" not grep -qF "$token" <<<"$OUT"
	vault_heal
fi
"$KMSCRYPT" kms set vault "$VAULT_ADDR" k --tokn "$token" 2>"$CLI_DIR/err"
ok "a mistyped option does not show its value" not \
	grep -qF "$token" "$CLI_DIR/err"

# --- no core, no ptrace by others ---
vault_is_real || vault_fault '{"action":"hang"}'
"$KMSCRYPT" kms check --timeout 8 >/dev/null 2>&1 &
pid=$!
sleep 0.5
if [ -e "/proc/$pid/limits" ]; then
	OUT=$(grep 'core file' "/proc/$pid/limits")
	ok "no core is written" grep -qE 'size +0 +0' <<<"$OUT"
else
	skip "no core is written" "the check was over too soon"
fi
kill "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
vault_is_real || vault_heal

cli_vault_end
cli_end
