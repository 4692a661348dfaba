#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kms rewrap: new versions in Vault (server-side), a new UID with KMIP, a new
# key file locally; only what is stale; repeating resumes.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault && vault_watch || exit 1
kmip_start || exit 1
uid=$(kmip_admin create) && uid2=$(kmip_admin create) || exit 1

version() { k dump "$1" --json && field bindings.0.key_version; }
key_id() { k dump "$1" --json && field bindings.0.key_id; }

a=$(image a) b=$(image b)

# --- Vault ---
ok "Vault" set_vault k
ends 0 "format" format "$a"
key_a=$(key_of "$a")
ends 1 "--new-key-uid is refused for Vault" kms rewrap --new-key-uid 5
says "for KMIP" "... and says why"
before=$(sha256sum <"$a")
ends 0 "nothing is stale" kms rewrap --json
ok "... so nothing is done" [ "$(summary rewrapped)$(summary current)" = 01 ]
ok "... the header is untouched" [ "$(sha256sum <"$a")" = "$before" ]
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
ends 0 "a dry run after a rotation" kms rewrap --dry-run
shows ": to be rewrapped" "... says what would happen"
ends 0 "... as JSON" kms rewrap --dry-run --json
ok "... finds one" [ "$(summary rewrapped)" = 1 ]
ok "... and changes nothing" [ "$(sha256sum <"$a")" = "$before" ]
vault_log_clear
ends 0 "rewrap" kms rewrap --json
ok "... does one" [ "$(summary rewrapped)" = 1 ]
vault_log >"$CLI_DIR/log"
ok "Vault was asked to rewrap" grep -q "/rewrap/k" "$CLI_DIR/log"
ok "... and never to decrypt" not grep -q "/decrypt/k" "$CLI_DIR/log"
ok "... it has version 2" [ "$(version "$a")" = 2 ]
ok "... and opens with the same key" opens "$a" "$key_a"
vault_api POST "$MOUNT/keys/k/config" '{"min_decryption_version":2}' >/dev/null
ok "... also when version 1 is retired" opens "$a" "$key_a"
ends 0 "again" kms rewrap --json
ok "... does nothing" [ "$(summary rewrapped)$(summary current)" = 01 ]
before=$(sha256sum <"$a")
ends 0 "--all" kms rewrap --all --json
ok "... does it anyway" [ "$(summary rewrapped)" = 1 ]
ok "... the ciphertext is new" [ "$(sha256sum <"$a")" != "$before" ]
ok "... and opens" opens "$a" "$key_a"

# --- a version that is retired under a volume ---
ends 0 "format b" format "$b"
key_b=$(key_of "$b")
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
vault_api POST "$MOUNT/keys/k/config" '{"min_decryption_version":3}' >/dev/null
ok "a retired version does not open" not opens "$b" "$key_b"
ok "... is exit 9" [ "$CODE" = 9 ]
ends 7 "... and cannot be rewrapped" kms rewrap
shows "$b: FAILED" "... which is named"
vault_api POST "$MOUNT/keys/k/config" '{"min_decryption_version":1}' >/dev/null
ends 0 "it can once it is allowed again" kms rewrap
ok "... and opens" opens "$b" "$key_b"

# --- many at once: batches, workers, JSON lines, one that is broken ---
VOLUMES=$CLI_HOME/../../build/bench/volumes
make -s -C "$CLI_HOME/../.." -f Makefile -f tests/bench/bench.mk \
	build/bench/volumes || exit 1
cli_root many
set_vault k
mkdir "$CLI_DIR/many"
n=130
"$VOLUMES" make "$CLI_DIR/many" $n default >/dev/null ||
	result 1 "making $n volumes"
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
vault_log_clear
k kms rewrap --json
ok "many: all are done" [ "$(summary rewrapped)$(summary failed)" = ${n}0 ]
ok "... with a line for each, and the summary" [ "$(wc -l <<<"$OUT")" = $((n + 1)) ]
ok "... each line has its device" \
	[ "$(head -n $n <<<"$OUT" | grep -c '"result":"rewrapped"')" = $n ]
ok "... the oldest version in use is the newest" \
	[ "$(summary oldest_key_version)" = "$(summary key_version)" ]
ok "... in few requests" [ "$(vault_log | grep -c /rewrap/k)" -lt 20 ]
ok "... and all open" "$VOLUMES" open "$CLI_DIR/many" $n
# connections ARGUMENTS: how many carried a rewrap
connections() {
	vault_log_clear
	k kms rewrap --all "$@"
	[ "$CODE" = 0 ] || return
	vault_log | grep /rewrap/k | grep -o '"connection": *"[^"]*"' |
		sort -u | wc -l
}
ends 1 "--connections takes a number" kms rewrap --connections 0
ends 1 "... in bounds" kms rewrap --connections 65
ok "many connections" [ "$(connections)" -gt 1 ]
ok "... or one" [ "$(connections --connections 1)" = 1 ]
ok "... or two" [ "$(connections --connections 2)" -le 2 ]
OUT=$(python3 "$CLI_HOME/terminal.py" -- "$KMSCRYPT" kms rewrap --all)
CODE=$?
ok "on a terminal there is a bar, with rate and time left" grep -qE \
	"\[#+ *\] [0-9]+/$n, [0-9]+/s, [0-9]+:[0-9]{2} left" <<<"$OUT"
# A ciphertext that the key did not make fails alone in its batch.
cp --sparse=always "$CLI_DIR/many/9.img" "$CLI_DIR/whole"
"$CLI_HOME/header.py" "$CLI_DIR/many/9.img" set tokens/0/wrapped \
	"\"vault:v1:$(head -c 300 /dev/zero | base64 -w0)\""
ends 7 "many: one is broken" kms rewrap --all --json
ok "... the others are done" \
	[ "$(summary rewrapped)$(summary failed)" = $((n - 1))1 ]
ok "... and it is named" grep -q 'many/9.img.*"failed"' <<<"$OUT"
# Old servers refuse the whole batch then, each in its own way.
for release in 1.14.0 1.9.0 1.1.5; do
	if vault_is_real; then
		skip "Vault $release, one is broken" "it has one release"
		continue
	fi
	vault_control POST /release "{\"version\":\"$release\"}" >/dev/null
	ends 7 "Vault $release, one is broken" kms rewrap --all --json
	ok "... the others are done" \
		[ "$(summary rewrapped)$(summary failed)" = $((n - 1))1 ]
	ok "... and it is named" grep -q 'many/9.img.*"failed"' <<<"$OUT"
	vault_control POST /release '{"version":"2.7.2"}' >/dev/null
done
cp --sparse=always "$CLI_DIR/whole" "$CLI_DIR/many/9.img"
if vault_is_real; then
	skip "a batch that fails inside the server" "it takes no orders"
else
	vault_fault '{"action":"status","path":"/rewrap/","status":500,
		"times":1,"body":{"data":{"batch_results":[{"error":"x"}]}}}'
	ends 0 "a batch that fails inside the server is sent again" \
		kms rewrap --all --json
	ok "... all are done" \
		[ "$(summary rewrapped)$(summary failed)" = "$n"0 ]
	vault_heal
fi

# --- what Vault gives is proven before it replaces what works ---
if vault_is_real; then
	skip "a rewrap that gives what does not decrypt" "it takes no orders"
else
	vault_fault '{"action":"spoil","path":"/rewrap/"}'
	ends 7 "a rewrap that gives what does not decrypt" \
		kms rewrap --all --json
	vault_heal
	ok "... is told" [ "$(summary failed)" = "$n" ]
	ok "... in words" grep -q "what it has just rewrapped" <<<"$OUT"
	ok "... and not stored: all open" "$VOLUMES" open "$CLI_DIR/many" $n
	ends 0 "... and is done when it works again" kms rewrap --all
	ok "... all open" "$VOLUMES" open "$CLI_DIR/many" $n
	cli_root one
	set_vault k
	one=$(image one)
	k format "$one"
	key=$(key_of "$one")
	vault_fault '{"action":"spoil","path":"/rewrap/"}'
	ends 7 "one alone, the same" kms rewrap --all
	vault_heal
	shows "what it has just rewrapped" "... is told"
	ok "... and not stored: it opens" opens "$one" "$key"
	cli_root many
fi
mv "$CLI_DIR/many/3.img" "$CLI_DIR/many/away"
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
ends 7 "many: one is away" kms rewrap --json
ok "... the others are done" \
	[ "$(summary rewrapped)$(summary failed)" = $((n - 1))1 ]
ok "... and it is named" grep -q 'many/3.img.*"failed"' <<<"$OUT"
ends 0 "... but not when it is found elsewhere" kms rewrap --json \
	"$CLI_DIR/many/away"
ok "... it alone is done" \
	[ "$(summary rewrapped)$(summary current)" = 1$((n - 1)) ]
mv "$CLI_DIR/many/away" "$CLI_DIR/many/3.img"

# --- a header backup ---
backup=$CLI_DIR/backup
cryptsetup luksHeaderBackup "$CLI_DIR/many/5.img" \
	--header-backup-file "$backup"
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
ends 0 "a header backup goes along" kms rewrap --json "$backup"
ok "... it has the newest version" \
	[ "$(version "$backup")" = "$(version "$CLI_DIR/many/5.img")" ]
ends 4 "a file that is not there" kms rewrap "$CLI_DIR/nowhere"
head -c 65536 /dev/urandom >"$CLI_DIR/noise"
ends 7 "a file that is no header" kms rewrap "$CLI_DIR/noise"
shows "$CLI_DIR/noise: FAILED" "... is named"
cli_root a

# --- KMIP ---
ok "to KMIP" set_kmip "$uid"
ends 1 "KMIP needs a UID" kms rewrap
says "--new-key-uid is needed" "... and says so"
ends 1 "a UID with a line break" kms rewrap --new-key-uid $'5\r\nx'
ends 4 "a UID that is not there" kms rewrap --new-key-uid 99999
pre=$(kmip_admin create --no-activate)
ends 1 "a key that is not active" kms rewrap --new-key-uid "$pre"
ok "... nothing has changed" [ "$(key_id "$a")" = "$uid" ]
ok "... and nothing is retiring" [ "$(generations retiring)" = 0 ]
ends 0 "a dry run" kms rewrap --new-key-uid "$uid2" --dry-run --json
ok "... finds two" [ "$(summary rewrapped)" = 2 ]
ok "... and changes nothing" [ "$(key_id "$a")" = "$uid" ]
mv "$b" "$b.away"
ends 7 "rewrap with a volume away" kms rewrap --new-key-uid "$uid2"
shows "in use by what was done" "... says whom the oldest key leaves out"
ok "... a has the new key" [ "$(key_id "$a")" = "$uid2" ]
ok "... and opens" opens "$a" "$key_a"
mv "$b.away" "$b"
ok "... b opens with the old one" opens "$b" "$key_b"
ends 0 "repeating resumes" kms rewrap --new-key-uid "$uid2" --json
ok "... does the other" [ "$(summary rewrapped)$(summary current)" = 11 ]
ok "... and the old generation is gone" [ "$(generations retiring)" = 0 ]
mkdir "$KMSCRYPT_ROOT/etc/kmscrypt/credentials/0c1d2e3f-4051-4273-8495-a6b7c8d9eafb"
uid3=$(kmip_admin create)
cryptsetup luksHeaderBackup "$a" --header-backup-file "$backup.a"
ends 0 "a header backup, by KMIP" kms rewrap --new-key-uid "$uid3" --json \
	"$backup.a"
ok "... does three" [ "$(summary rewrapped)$(summary failed)" = 30 ]
ok "... it has the new key" [ "$(key_id "$backup.a")" = "$uid3" ]
ok "... and opens" opens "$backup.a" "$key_a"
ok "... as the volume does" opens "$a" "$key_a"
ok "credentials of no entry are swept" \
	[ "$(find "$KMSCRYPT_ROOT/etc/kmscrypt/credentials" -mindepth 1 \
		-maxdepth 1 | wc -l)" = 1 ]
ends 0 "back to the second key" kms rewrap --new-key-uid "$uid2"
kmip_admin deactivate "$uid"
ok "the old key is not needed any more" opens "$b" "$key_b"
kmip_admin deactivate "$uid2"
ok "the new one is" not opens "$b" "$key_b"
ok "... exit 9" [ "$CODE" = 9 ]
ends 9 "... also for the check" kms check

# --- local ---
cli_root b
k kms set local
c=$(image c)
k format "$c"
key_c=$(key_of "$c")
old=$(sha256sum <"$(find "$KMSCRYPT_ROOT/etc" -name local.key)")
ends 0 "local gets a new key file" kms rewrap
ok "... another one" \
	[ "$(sha256sum <"$(find "$KMSCRYPT_ROOT/etc" -name local.key)")" != "$old" ]
ok "... and opens" opens "$c" "$key_c"

cli_vault_end
cli_end
