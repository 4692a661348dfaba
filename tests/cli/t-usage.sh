#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Wrong usage: exit 1, words that help, nothing done.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

key=$SERVERS_PKI/client.key cert=$SERVERS_PKI/client.pem
echo token >"$CLI_DIR/token"

ends 1 "no command"
says usage: "... shows the usage"
ends 1 "an unknown command" kms sett vault
says "unknown command 'kms sett'" "... is named"
ends 1 "half a command" kms set
says "kmscrypt help kms set" "... points to its help"
ends 0 "help" help
shows "kms set vault URL" "... lists the commands"
ends 0 "help of a group" help kms
shows "kms rewrap" "... lists it"
ends 0 "help of one" help kms set kmip
shows "--client-cert FILE" "... lists its options"
ends 1 "help of none" help nonsense
ends 0 "--version" --version

ends 1 "an unknown option" list --nonsense=secret
says "'--nonsense'" "... is named"
ok "... without its value" [ "${ERR/secret/}" = "$ERR" ]
ends 1 "an option of another command" list --new-key-uid 5
says "does not go with 'list'" "... is named"
ends 1 "an option twice" kms check --name a --name b
ends 1 "an option without its argument" kms check --name
ends 1 "too many arguments" kms set local x
ends 1 "too few arguments" format
ends 1 "an empty argument" format ''
ends 1 "a word that is not one of the choices" format x --key-size 128
says "256|512" "... the choices are named"
ends 1 "a number that is none" kms check --timeout 10s
ends 1 "a number out of range" kms check --timeout 0
ends 1 "a name of an entry with a slash" kms check --name ../x
ends 1 "an empty name of an entry" kms check --name ''

ends 1 "vault without a token" kms set vault https://127.0.0.1:1 k
says "--token-file" "... says what is needed"
ends 1 "vault with two tokens" kms set vault https://127.0.0.1:1 k \
	--token-file "$CLI_DIR/token" --token x
ends 1 "vault with an empty token" kms set vault https://127.0.0.1:1 k --token=
ends 1 "vault with a client certificate" kms set vault https://127.0.0.1:1 k \
	--token x --client-cert "$cert" --client-key "$key"
says "two ways to log in" "... says so"
ends 1 "approle without a secret id" kms set vault https://127.0.0.1:1 k \
	--role-id r
says "--secret-id-file" "... says so"
ends 1 "a secret id without a role" kms set vault https://127.0.0.1:1 k \
	--secret-id-file "$CLI_DIR/token"
ends 1 "approle and a token" kms set vault https://127.0.0.1:1 k \
	--role-id r --secret-id-file "$CLI_DIR/token" --token x
ends 1 "approle and kubernetes" kms set vault https://127.0.0.1:1 k \
	--role-id r --secret-id-file "$CLI_DIR/token" --kubernetes-role r \
	--jwt-file "$CLI_DIR/token"
ends 1 "kubernetes without a JWT" kms set vault https://127.0.0.1:1 k \
	--kubernetes-role r
ends 1 "a relative JWT file" kms set vault https://127.0.0.1:1 k \
	--kubernetes-role r --jwt-file token
says "absolute" "... says so"
ends 4 "a JWT file that is missing" kms set vault https://127.0.0.1:1 k \
	--kubernetes-role r --jwt-file "$CLI_DIR/missing"
ends 1 "a certificate without a key" kms set vault https://127.0.0.1:1 k \
	--client-cert "$cert"
ends 1 "a role with a blank" kms set vault https://127.0.0.1:1 k \
	--role-id 'a b' --secret-id-file "$CLI_DIR/token"
printf 'two\nlines\n' >"$CLI_DIR/lines"
ends 1 "a secret id of two lines" kms set vault https://127.0.0.1:1 k \
	--role-id r --secret-id-file "$CLI_DIR/lines"
ends 1 "an auth path with a token" kms set vault https://127.0.0.1:1 k \
	--token x --auth-path a
says "--auth-path" "... is named"
for bad in '../sys' 'a//b' '/a' 'a/' ''; do
	ends 1 "an auth path ${bad@Q}" kms set vault https://127.0.0.1:1 k \
		--role-id r --secret-id-file "$CLI_DIR/token" --auth-path "$bad"
done
for bad in 'x' 'ftp://x' 'http://' 'http://u:p@x' $'http://x\ny' 'http://x/y'; do
	ends 1 "a proxy ${bad@Q}" kms set vault https://127.0.0.1:1 k \
		--token x --proxy "$bad"
done
ends 1 "kmip with a proxy" kms set kmip 127.0.0.1:1 5 --proxy http://x:1 \
	--client-cert "$cert" --client-key "$key"
ends 1 "kmip with a token" kms set kmip 127.0.0.1:1 5 --token x \
	--client-cert "$cert" --client-key "$key"
ok "... which is not shown" [ "${ERR/ x/}" = "$ERR" ]
ends 1 "kmip without a certificate" kms set kmip 127.0.0.1:1 5 \
	--client-key "$key"
says "--client-cert" "... says so"
ends 1 "kmip without a key" kms set kmip 127.0.0.1:1 5 --client-cert "$cert"
ends 4 "a file that is missing" kms set vault https://127.0.0.1:1 k \
	--token-file "$CLI_DIR/missing"
says "$CLI_DIR/missing" "... is named"

for bad in '../k' 'a/b' $'a\r\nX: y' 'a b' '.' '..' 'k?x' 'k%2e' '' \
	"$(printf 'x%.0s' {1..300})"; do
	ends 1 "a key named ${bad@Q}" kms set vault https://127.0.0.1:1 \
		"$bad" --token x
done
for bad in '../sys' 'a//b' '/transit' 'transit/' $'a\nb' 'a/./b' 'a/../b'; do
	ends 1 "a mount named ${bad@Q}" kms set vault https://127.0.0.1:1 k \
		--token x --transit-path "$bad"
	ends 1 "a namespace named ${bad@Q}" kms set vault https://127.0.0.1:1 \
		k --token x --namespace "$bad"
done
for bad in '' ',' 'https://a,' $'https://a\r\nHost: b' 'https://a b' \
	'127.0.0.1' 'ftp://127.0.0.1:1' 'http://user:secret@127.0.0.1:1'; do
	k kms set vault "$bad" k --token x
	[ "$CODE" = 1 ]
	result $? "an address ${bad@Q}"
done
ok "nothing was saved" [ ! -e "$KMSCRYPT_ROOT/etc" ]

ends 4 "no entry" kms check
says "kmscrypt kms set" "... says how to make one"
ends 4 "no entry to rewrap" kms rewrap
ends 4 "no entry to unset" kms unset
ends 4 "no entry to format with" format "$(image a)"
ends 4 "no device" dump "$CLI_DIR/none"
ends 4 "no volume there" dump "$(image a)"
ends 4 "no volume to open" table "$(image a)"
ends 0 "nothing to show" kms show
ends 0 "nothing to list" list
ends 0 "nothing to show, as JSON" kms --json
ok "... is an empty list" [ "$(field entries)" = "[]" ]

ends 4 "an error as JSON" kms check --json
ok "... has nothing on stdout" [ -z "$OUT" ]
OUT=$ERR
ok "... has the code" [ "$(field error.code)" = 4 ]
ok "... the errno" [ "$(field error.errno)" = ENODATA ]
ok "... whether to try again" [ "$(field error.retryable)" = false ]
ok "... a message" [ -n "$(field error.message)" ]
ok "... what to do next" [ -n "$(field error.next)" ]
ends 1 "a usage error as JSON" kms check --json --nonsense
OUT=$ERR
ok "... is JSON" [ "$(field error.code)" = 1 ]

"$KMSCRYPT" help >/dev/full 2>"$CLI_DIR/stderr"
CODE=$? ERR=$(cat "$CLI_DIR/stderr")
ok "a full disk behind stdout is an error" [ "$CODE" = 8 ]

# --- a token of exactly 64 KiB, which is the most, and one byte more ---
# The server is not there: who gets as far as asking it has read the token.
token() {
	printf "%s$2" "$(head -c "$1" /dev/zero | tr '\0' A)" >"$CLI_DIR/long"
	k kms set vault https://127.0.0.1:1 k --token-file "$CLI_DIR/long" \
		--timeout 3
}
for end in '' '\n' '\r\n'; do
	token 65536 "$end"
	ok "64 KiB of token and $(printf '%q' "$end")" [ "$CODE" = 3 ]
	token 65537 "$end"
	ok "... and a byte more" [ "$CODE" = 8 ]
	says "Message too long" "... is too long"
done

# --- a container: no device-mapper, whatever this machine has ---
bare() {
	CODE=0
	# shellcheck disable=SC2016 # the inner shell expands it
	ERR=$(unshare -m bash -c 'mkdir -p /dev/mapper &&
		mount -t tmpfs none /dev/mapper &&
		mount --bind /dev/null /proc/misc &&
		mount --bind /dev/null /proc/devices && exec "$@"' bash \
		"$KMSCRYPT" "$@" 2>&1 >/dev/null </dev/null) || CODE=$?
}
for command in status close lock unlock; do
	bare "$command" nothing
	ok "$command without device-mapper" [ "$CODE" = 8 ]
	says "there is no device-mapper here" "... says so"
	says "modprobe dm_mod" "... and what to do"
done
bare list
ok "list without device-mapper: nothing is open" [ "$CODE$ERR" = 0 ]

cli_end
