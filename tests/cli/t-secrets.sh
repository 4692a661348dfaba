#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Canaries: secrets with marks that nothing else has, looked for (raw, hex,
# base64) in arguments and environments of all processes, in every file but
# the 0600 credentials, in output and messages. Each command of the table is
# run: one that is new needs a run here.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault && vault_watch || exit 1
kmip_start || exit 1
uid=$(kmip_admin create) || exit 1

# A token that is really good, so that everything gets as far as it can.
vault_policy "$MOUNT" "path \"$MOUNT/*\" {
	capabilities = [\"create\", \"read\", \"update\"] }" >/dev/null
token=$(vault_token "$MOUNT" '"period":"1h"')
printf '%s\n' "$token" >"$CLI_DIR/canary-token"
chmod 600 "$CLI_DIR/canary-token"

# For the logins of kms set and of checks, and spare ones; each leaves a token.
secret_id() {
	vault_api POST "auth/$MOUNT/role/r" \
		"{\"policies\":[\"$MOUNT\"],\"secret_id_num_uses\":6}" >/dev/null &&
		vault_api POST "auth/$MOUNT/role/r/secret-id" '{}' |
		json_get data.secret_id >"$CLI_DIR/canary-secret-id"
}
vault_api POST "sys/auth/$MOUNT" '{"type":"approle"}' >/dev/null
secret_id || exit 1
role=$(vault_api GET "auth/$MOUNT/role/r/role-id" | json_get data.role_id)

# The passphrase of a volume of cryptsetup's
head -c 24 /dev/urandom | base64 | tr -d '\n' >"$CLI_DIR/canary-passphrase"
a=$(image a) b=$(image b)
cryptsetup luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
	--batch-mode --type luks2 "$b" "$CLI_DIR/canary-passphrase"
said=$CLI_DIR/said traces=$CLI_DIR/traces
mkdir "$traces"

# --- a /dev of our own, whose log is ours to read ---
mkdir "$CLI_DIR/dev"
/usr/bin/python3 - "$CLI_DIR/log" "$CLI_DIR/journal" <<'PY' &
import socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind(sys.argv[1])
while True:
    with open(sys.argv[2], "ab") as journal:
        journal.write(log.recv(65536) + b"\n")
PY
logger=$!
trap 'kill "$logger"; servers_end' EXIT
wait_for 10 test -S "$CLI_DIR/log"

# in_dev COMMAND...
in_dev() {
	# shellcheck disable=SC2016 # for the other shell
	unshare -m bash -c '
		mount -t tmpfs none "$0" &&
		cp -a /dev/null /dev/zero /dev/full /dev/random \
			/dev/urandom "$0/" && ln -s /proc/self/fd "$0/fd" &&
		touch "$0/log" && mount --bind "$1" "$0/log" &&
		mount --rbind "$0" /dev && shift && exec "$@"
		' "$CLI_DIR/dev" "$CLI_DIR/log" "$@"
}

# says_to_log WORDS: as syslog(3) does
says_to_log() {
	# shellcheck disable=SC2016 # for the other shell
	in_dev /usr/bin/python3 -c '
import sys, syslog
syslog.openlog("canary", 0, syslog.LOG_DAEMON)
syslog.syslog(sys.argv[1])' "$1"
}
says_to_log "the test is here"
ok "what goes to the system's log comes to the test" \
	wait_for 5 grep -q "the test is here" "$CLI_DIR/journal"

# traced ARGUMENTS: keep output, messages, and every program that is started
# with its arguments and environment
traced() {
	CODE=0
	echo "$*" >>"$CLI_DIR/ran"
	in_dev strace -f -qq -v -s 65536 -e trace=execve \
		-o "$traces/$RANDOM$RANDOM" \
		"$KMSCRYPT" "$@" >"$CLI_DIR/out" 2>&1 </dev/null || CODE=$?
	cat "$CLI_DIR/out" >>"$said"
	[ "$CODE" = 0 ] || diag "$*: exit $CODE: $(cat "$CLI_DIR/out")"
	return "$CODE"
}

# rule PROGRAM: answers the kernel on this machine
rule() {
	mkdir -p "$KMSCRYPT_ROOT/etc/request-key.d"
	echo "create .kmscrypt * * $1 %k" \
		>"$KMSCRYPT_ROOT/etc/request-key.d/kmscrypt.conf"
}
no_rule() { rm "$KMSCRYPT_ROOT/etc/request-key.d/kmscrypt.conf"; }
helper=$(realpath "${KMSCRYPT%/*}/kmscrypt-upcall")
started=0	# programs that a command has started, as it should

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
ok "lease" traced lease "$a" --lease 3600
ok "renew" traced kms renew
ok "policy" traced kms policy
ok "a key of Vault's" traced kms create-key vault "$VAULT_ADDR" made \
	--token-file "$CLI_DIR/canary-token" --transit-path "$MOUNT" "${ca[@]}"
ok "approle" traced kms set vault "$VAULT_ADDR" k --role-id "$role" \
	--secret-id-file "$CLI_DIR/canary-secret-id" --auth-path "$MOUNT" \
	--transit-path "$MOUNT" "${ca[@]}"
# what a login leaves is as secret: what it gave this host, from its 0600 file
find "$KMSCRYPT_ROOT/run" -path '*/tokens/*' -type f -exec sed -n 2p {} + |
	grep -a . | head -n 1 >"$CLI_DIR/canary-login-token"
# a service account's token, which is not copied; and asked through the helper
if vault_is_real; then
	head -c 300 /dev/urandom | base64 -w 0 >"$CLI_DIR/canary-jwt"
	skip "kubernetes" "a real server asks a real cluster"
else
	cli_kubernetes "$MOUNT-k8s" "$MOUNT"
	cli_jwt 600 >"$CLI_DIR/canary-jwt"
	k8s=(kms set vault "$VAULT_ADDR" k --kubernetes-role node --jwt-file
		"$CLI_DIR/canary-jwt" --auth-path "$MOUNT-k8s"
		--transit-path "$MOUNT" "${ca[@]}")
	ok "kubernetes" traced "${k8s[@]}" --name k8s
	find "$KMSCRYPT_ROOT/run" -path '*/tokens/*' -type f -delete
	ok "... a login by the command" traced kms check --name k8s
fi
for i in default k8s; do
	[ -e "$KMSCRYPT_ROOT/etc/kmscrypt/entries/$i.json" ] || continue
	find "$KMSCRYPT_ROOT/run" -path '*/tokens/*' -type f -delete
	rule "$helper"
	ok "$i: a check through the helper" traced kms check --name "$i"
	started=$((started + 1))
	ok "... which has asked" grep -q "by *the kernel's helper" \
		"$CLI_DIR/out"
	no_rule
done
find "$KMSCRYPT_ROOT/run" -path '*/tokens/*' -type f -exec sed -n 2p {} + |
	grep -a . | head -n 1 >"$CLI_DIR/canary-login2-token"
rm -f "$KMSCRYPT_ROOT/etc/kmscrypt/entries/k8s.json"
ok "enroll" traced enroll "$b" --passphrase-file "$CLI_DIR/canary-passphrase"
ok "recover" traced recover "$a" --passphrase-file \
	"$CLI_DIR/canary-passphrase"
ok "a second entry" traced kms set local --name second
ok "bind" traced bind "$a" --name second
ok "unbind" traced unbind "$a" --name second
ok "unset" traced kms unset --name second
ok "a third entry" traced kms set local --name third
ok "reset" traced kms reset --name third
ok "header backup" traced header backup "$a" "$CLI_DIR/backup"
ok "header restore" traced header restore "$a" "$CLI_DIR/backup" --force
cp --sparse=always "$a" "$CLI_DIR/c.img"
ok "reidentify" traced reidentify "$CLI_DIR/c.img" --force
ok "erase" traced erase "$b" --yes
uuid=$(cryptsetup luksUUID "$CLI_DIR/c.img")
mv "$CLI_DIR/c.img" "$CLI_DIR/gone"
ok "forget" traced forget "$uuid"
ok "kms" traced kms
for words in help version commands; do
	ok "$words" traced "$words"
done
# there is no device-mapper to talk to, or no such device
for words in "open $a canary-$$" "status canary-$$" "resize canary-$$" \
	"lock canary-$$" "unlock canary-$$" "close canary-$$"; do
	# shellcheck disable=SC2086 # words are what is meant
	ok "$words" not traced $words
done
head -c 24 /dev/urandom | base64 | tr -d '\n' >"$CLI_DIR/canary-password"
ok "kmip" traced kms set kmip "$KMIP_ADDR" "$uid" --client-cert "$KMIP_CERT" \
	--client-key "$KMIP_KEY" --ca-cert "$KMIP_CACERT" --username canary \
	--password-file "$CLI_DIR/canary-password"
OUT=$(find "$KMSCRYPT_ROOT/etc" -name password -exec cmp {} \
	"$CLI_DIR/canary-password" \; -print | wc -l)
ok "... whose password is kept" [ "$OUT" = 1 ]
ok "... and used" traced kms check
ok "... and shown" traced kms show --json
ok "... a key there" traced kms create-key
ok "... and one without an entry" traced kms create-key kmip "$KMIP_ADDR" \
	--client-cert "$KMIP_CERT" --client-key "$KMIP_KEY" \
	--ca-cert "$KMIP_CACERT"
sed -n 2p "$KMIP_KEY" >"$CLI_DIR/canary-pem"

# never_run: the commands of the table that were not
never_run() {
	"$KMSCRYPT" commands | cut -f1 | python3 -c '
import sys
table = sys.stdin.read().splitlines()
ran = set()
for line in open(sys.argv[1]):
    words = line.split()
    for n in range(len(words), 0, -1):
        if " ".join(words[:n]) in table:
            ran.add(" ".join(words[:n]))
            break
print("\n".join(sorted(set(table) - ran)))' "$CLI_DIR/ran"
}
OUT=$(never_run)
ok "every command of the table was run" [ -z "$OUT" ]
sed -i '/^lease /d' "$CLI_DIR/ran"
ok "... and one that was not is seen" [ "$(never_run)" = lease ]

# forms FILE: how its content could show up
forms() {
	local size
	size=$(stat -c %s "$1")
	case $1 in
	*-token | *-pem | *-passphrase | *-password | *-secret-id | *-jwt) tr -d '\n' <"$1" && echo ;;
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

for i in token login-token login2-token secret-id passphrase password jwt vk \
	local pem; do
	forms "$CLI_DIR/canary-$i"
done | grep . >"$CLI_DIR/forms"
ok "there are canaries to look for" [ "$(wc -l <"$CLI_DIR/forms")" -ge 48 ]
for i in token login-token login2-token secret-id passphrase password jwt; do
	cp "$CLI_DIR/canary-$i" "$CLI_DIR/planted"
	ok "... and $i would be found" \
		grep -qaF -f "$CLI_DIR/forms" "$CLI_DIR/planted"
done

# /run has the login's token, in a file that is checked below
find "$KMSCRYPT_ROOT/run" -path '*/tokens/*' -type f -delete
clean "output and messages" "$said"
clean "the system's log" "$CLI_DIR/journal"
cp "$CLI_DIR/journal" "$CLI_DIR/journal.before"
says_to_log "$(cat "$CLI_DIR/canary-jwt")"
wait_for 5 grep -qaF -f "$CLI_DIR/forms" "$CLI_DIR/journal"
result $? "... and it would be found there"
mv "$CLI_DIR/journal.before" "$CLI_DIR/journal"
clean "arguments and environments" "$traces"
clean "registry and caches" "$KMSCRYPT_ROOT/var" "$KMSCRYPT_ROOT/run"
clean "entries" "$KMSCRYPT_ROOT/etc/kmscrypt/entries"
clean "the volumes" "$a" "$b" "$CLI_DIR/gone" "$CLI_DIR/backup"
ok "no program was started, but the helper" [ "$(cat "$traces"/* | grep -c execve)" = \
	$(($(find "$traces" -type f | wc -l) + started)) ]
k kms unset --allow-downgrade
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
vault_hang .
OUT=$(shown --token "$token")
ok "--token is blanked" not grep -qF "$token" <<<"$OUT"
shows "--transit-path" "... and nothing else"
OUT=$(shown "--token=$token")
ok "--token= is blanked" not grep -qF "$token" <<<"$OUT"
vault_heal
"$KMSCRYPT" kms set vault "$VAULT_ADDR" k --tokn "$token" 2>"$CLI_DIR/err"
ok "a mistyped option does not show its value" not \
	grep -qF "$token" "$CLI_DIR/err"

# --- no core ---
# dies_by_abort DIRECTORY PROGRAM...: as a crash does, with every core allowed
dies_by_abort() {
	local dir=$1 pid
	shift
	mkdir "$dir"
	(
		cd "$dir" || exit
		ulimit -c unlimited
		exec "$@" >/dev/null 2>&1
	) &
	pid=$!
	sleep 1
	kill -ABRT "$pid"
	wait "$pid" 2>/dev/null
	[ -n "$(ls "$dir")" ]
}
if ! dies_by_abort "$CLI_DIR/core-sleep" sleep 60; then
	skip "no core is written" "here the kernel writes none where we see it"
else
	vault_hang .
	ok "no core is written" not dies_by_abort "$CLI_DIR/core" \
		"$(realpath "$KMSCRYPT")" kms set vault "$VAULT_ADDR" k \
		--token-file "$CLI_DIR/canary-token" --timeout 8 \
		--transit-path "$MOUNT" "${ca[@]}"
	vault_heal
fi

vault_api DELETE "sys/auth/$MOUNT-k8s" >/dev/null
vault_api DELETE "sys/auth/$MOUNT" >/dev/null
cli_vault_end
cli_end
