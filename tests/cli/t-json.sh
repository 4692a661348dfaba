#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What every command prints with --json, errors too, against kmscrypt-json(5):
# the page itself is the schema. What only an open volume has is not seen here.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1
kmip_start || exit 1
uid=$(kmip_admin create) || exit 1

PAGE=$CLI_HOME/../../man/kmscrypt-json.5
SEEN=$CLI_DIR/seen
: >"$SEEN"
: >"$CLI_DIR/ran"

# schema SECTION TEXT [PAGE]
schema() {
	python3 "$CLI_HOME/json-schema.py" "${3:-$PAGE}" check "$1" "$SEEN" \
		<<<"$2" >"$CLI_DIR/problems"
}

# complaints: standard error has errors and warnings alone
complaints() {
	local line section
	while IFS= read -r line; do
		section=errors
		[[ $line != '{"warning"'* ]] || section=warnings
		[ -z "$line" ] || schema "$section" "$line" || return
	done <<<"$ERR"
}

# j SECTION CODE ARGUMENTS: exits with CODE, prints what SECTION says ("-":
# nothing), and on standard error what every command may
j() {
	local section=$1 code=$2 status=0
	shift 2
	echo "$*" >>"$CLI_DIR/ran"
	k "$@" --json
	[ "$CODE" = "$code" ] || status=1
	if [ "$section" = - ]; then
		[ -z "$OUT" ] || status=1
	else
		schema "$section" "$OUT" || status=1
	fi
	[ "$status" = 0 ] && { complaints || status=1; }
	case $code in
	0) ;;
	10) [[ $ERR == *'{"warning"'* ]] || status=1 ;;
	*) [[ $ERR == *'{"error"'* ]] || status=1 ;;
	esac
	result "$status" "$*: exit $code" || diag "$(cat "$CLI_DIR/problems")"
}

ca=(${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"})
vault() {
	j "kms set vault" "$1" kms set vault "$VAULT_ADDR" "$2" --token-file \
		"$CLI_DIR/token" --transit-path "$MOUNT" "${ca[@]}" "${@:3}"
}

# --- each command ---
a=$(image a)
b=$(image b)
vault 0 k
j - 4 kms set vault "$VAULT_ADDR" missing --token-file "$CLI_DIR/token" \
	--transit-path "$MOUNT" "${ca[@]}"
j - 1 kms set vault "$VAULT_ADDR" k
j - 4 kms set vault "$VAULT_ADDR" k --token-file "$CLI_DIR/none"
j "kms set local" 0 kms set local --name local
j "kms set kmip" 0 kms set kmip "$KMIP_ADDR" "$uid" --name kmip \
	--client-cert "$KMIP_CERT" --client-key "$KMIP_KEY" \
	--ca-cert "$KMIP_CACERT"
j format 0 format "$a"
j - 5 format "$a"
j bind 0 bind "$a" --name local
j - 4 bind "$a" --name none
j unbind 0 unbind "$a" --name local
j - 5 unbind "$a" --name default
j bind 0 bind "$a" --name kmip
j lease 0 lease "$a" --lease 60
j - 4 lease "$b"
j table 0 table "$a"
j - 4 table "$b"
j dump 0 dump "$a"
j - 4 dump "$b"
cp --sparse=always "$a" "$CLI_DIR/damaged.img"
python3 "$CLI_HOME/header.py" "$CLI_DIR/damaged.img" set tokens/0/version 9
j dump 0 dump "$CLI_DIR/damaged.img"
rm "$CLI_DIR/damaged.img"
j "kms check" 0 kms check
j "kms check" 0 kms check --name kmip
j - 4 kms check --name none
j "kms set kmip" 0 kms set kmip "$KMIP_ADDR" "$uid" --name ends --client-cert \
	"$SERVERS_PKI/client-ending.pem" --client-key \
	"$SERVERS_PKI/client-ending.key" --ca-cert "$KMIP_CACERT"
j "kms check" 10 kms check --name ends
j "kms show" 10 kms show --name ends
j "kms unset" 0 kms unset --name ends
j "kms renew" 0 kms renew
j - 1 kms renew --name local
j "kms create-key vault" 0 kms create-key vault "$VAULT_ADDR" made \
	--token-file "$CLI_DIR/token" --transit-path "$MOUNT" "${ca[@]}"
j - 5 kms create-key vault "$VAULT_ADDR" made --token-file "$CLI_DIR/token" \
	--transit-path "$MOUNT" "${ca[@]}"
j "kms create-key kmip" 0 kms create-key kmip "$KMIP_ADDR" --client-cert \
	"$KMIP_CERT" --client-key "$KMIP_KEY" --ca-cert "$KMIP_CACERT"
j "kms create-key" 0 kms create-key --name kmip
j - 4 kms create-key --name none
j "kms policy" 0 kms policy
j - 1 kms policy --name local
vault 0 k --open-only --name opens
j "kms check" 0 kms check --name opens
j "kms show" 0 kms show
j "kms unset" 0 kms unset --name opens
j kms 0 kms
j - 4 kms show --name none
j list 0 list
j scan 0 scan "$a"
j - 4 scan "$CLI_DIR/none"
j resize 0 resize "$a"
j - 4 resize "$b"
j "header backup" 0 header backup "$a" "$CLI_DIR/header"
j - 5 header backup "$a" "$CLI_DIR/header"
j "header restore" 0 header restore "$a" "$CLI_DIR/header"
j - 4 header restore "$a" "$b"
cp --sparse=always "$a" "$CLI_DIR/copy.img"
j reidentify 0 reidentify "$CLI_DIR/copy.img"
j - 5 reidentify "$a"
j forget 0 forget "$CLI_DIR/copy.img" --force
j - 4 forget "$CLI_DIR/copy.img"
printf secret >"$CLI_DIR/pass"
j recover 0 recover "$a" --passphrase-file "$CLI_DIR/pass"
j - 1 recover "$a"
j enroll 0 enroll "$a" --passphrase-file "$CLI_DIR/pass"
j - 4 enroll "$b" --passphrase-file "$CLI_DIR/pass"
j version 0 version
# there is no device-mapper to talk to, or no such device
j - 4 open "$a" name
j - 1 open "$a" a/b
k close "none-$$" --json
ok "close fails" [ "$CODE" != 0 ]
ok "... as documented" complaints
k status "none-$$" --json
ok "status fails" [ "$CODE" != 0 ]
ok "... as documented" complaints
for verb in lock unlock; do
	k "$verb" "none-$$" --json
	ok "$verb fails" [ "$CODE" != 0 ]
	ok "... as documented" complaints
done
printf '%s\n' close lock status unlock >>"$CLI_DIR/ran"

# open --all, a line for each volume and then the summary
ok_all() {
	local code=$1 all
	k open --all --json
	all=$OUT
	[ "$CODE" = "$code" ] &&
		schema "open --all" "$(tail -n 1 <<<"$all")" &&
		schema "open --all VOLUME" "$(head -n -1 <<<"$all")" &&
		complaints
	result $? "open --all: exit $code" || diag "$(cat "$CLI_DIR/problems")"
}
ok_all 7 # image files, which no kernel opens

# rewrap prints a line for each volume and then the summary
# rewrap CODE ARGUMENTS
rewrap() {
	local code=$1 all
	shift
	echo kms rewrap >>"$CLI_DIR/ran"
	k kms rewrap "$@" --json
	all=$OUT
	[ "$CODE" = "$code" ] &&
		schema "kms rewrap" "$(tail -n 1 <<<"$all")" &&
		schema "kms rewrap FILE" "$(head -n -1 <<<"$all")" &&
		complaints
	result $? "kms rewrap $*: exit $code" ||
		diag "$(cat "$CLI_DIR/problems")"
}
vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
rewrap 0
d=$(image d)
k format "$d"
mv "$d" "$d.away"
rewrap 7
vault 7 other
mv "$d.away" "$d"
vault 0 other
j - 4 kms rewrap --name none
j "kms unset" 5 kms unset
j "kms unset --allow-downgrade" 0 kms unset --allow-downgrade
j "kms unset" 0 kms unset --name default --forget
j - 4 kms reset --name none
j erase 0 erase "$a" --yes
j - 4 erase "$b" --yes
j - 5 erase "$d"

# --- the table against the page ---
"$KMSCRYPT" commands | cut -f1 | grep -vx help >"$CLI_DIR/table"
python3 "$CLI_HOME/json-schema.py" "$PAGE" commands >"$CLI_DIR/sections"
OUT=$(grep -vxFf "$CLI_DIR/sections" "$CLI_DIR/table")
ok "every command has a section" [ -z "$OUT" ]
ok "... and one that has none is seen" grep -qvxFf \
	<(grep -vx erase "$CLI_DIR/sections") "$CLI_DIR/table"
OUT=$(while read -r path; do
	grep -q "^$path\( \|$\)" "$CLI_DIR/ran" || echo "$path"
done <"$CLI_DIR/table")
ok "every command was run" [ -z "$OUT" ]
wrong=''
while read -r path; do
	# shellcheck disable=SC2086 # words are what is meant
	k $path --json --nonsense
	[ "$CODE" = 1 ] && [ -z "$OUT" ] && complaints || wrong+=" $path"
done <"$CLI_DIR/table"
OUT=$wrong
ok "wrong usage of each is an error as documented" [ -z "$OUT" ]

# --- the page is a schema that can fail ---
k version --json
document=$OUT
k table "$d" --json
table=$OUT
grep -v '^\.It Va sectors ' "$PAGE" >"$CLI_DIR/less.5"
ok "a member that is not documented is seen" not schema table "$table" \
	"$CLI_DIR/less.5"
sed 's/^\.It Va sectors Pq number/.It Va sectors Pq string/' "$PAGE" \
	>"$CLI_DIR/other.5"
ok "... another type is" not schema table "$table" "$CLI_DIR/other.5"
ok "... a missing member is" not schema table "$document"
ok "... and the page as it is takes it" schema table "$table"
OUT=$(python3 "$CLI_HOME/json-schema.py" "$PAGE" unseen "$SEEN" |
	grep -vE '^(open|close|lock|status|unlock): |open_as|^resize: name$' |
	grep -vxF 'open --all VOLUME: name')
# what only a volume with tags has: tests/vm/guest/t-integrity.sh
OUT=$(grep -vxE '(format|dump): integrity|table: dif_device' <<<"$OUT")
# what a server says only under circumstances: tests/cli/t-login.sh
OUT=$(grep -vE 'credential_|: warning$|\.warning$|\.proxy$' <<<"$OUT" |
	grep -vE 'kms set |^kms( show)?: |^(scan|list|bind|unbind): ' |
	grep -vE '^(kms reset|kms rewrap FILE|kms unset.*|kms create-key.*): ')
ok "nothing is documented that nobody prints" [ -z "$OUT" ]

cli_vault_end
cli_end
