# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2119,SC2120
# For the t-*.sh beside it: TAP, a private machine in a folder, the servers.
#
#   . lib.sh; cli_begin         a new empty KMSCRYPT_ROOT in $CLI_DIR
#   k ARGUMENTS                 runs kmscrypt: CODE, OUT and ERR are set
#   ok NAME COMMAND...          one result: does COMMAND succeed?
#   ends CODE NAME ARGUMENTS    one result: does kmscrypt exit with CODE?
#   cli_end                     the plan; call it last
#
# KMSCRYPT names the program (default: build/kmscrypt).

CLI_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
KMSCRYPT=${KMSCRYPT:-$CLI_HOME/../../build/kmscrypt}
# shellcheck source=../servers/lib.sh
. "$CLI_HOME/../servers/lib.sh"

cli_count=0
cli_failed=0
CODE=0 OUT='' ERR='' KEY=''

cli_begin() {
	local tool
	for tool in cryptsetup strace openssl curl; do
		command -v "$tool" >/dev/null && continue
		echo "Bail out! $tool is missing: see tests/cli/packages.txt"
		exit 1
	done
	if [ "$(id -u)" != 0 ]; then
		echo "Bail out! root is needed: KMSCRYPT_ROOT is root's alone"
		exit 1
	fi
	servers_begin || exit 1
	CLI_DIR=$SERVERS_DIR/cli
	mkdir "$CLI_DIR"
	cli_root a
}

# cli_root NAME: another machine, empty at first
cli_root() {
	export KMSCRYPT_ROOT=$CLI_DIR/root-$1
	mkdir -p "$KMSCRYPT_ROOT"
}

cli_end() {
	echo "1..$cli_count"
	[ "$cli_failed" = 0 ] && [ "$cli_count" != 0 ]
	exit
}

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

# result STATUS NAME
result() {
	cli_count=$((cli_count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $cli_count - $2"
		return 0
	fi
	cli_failed=$((cli_failed + 1))
	echo "not ok $cli_count - $2"
	diag "called at line ${BASH_LINENO[1]}"
	diag "exit $CODE"
	[ -z "$OUT" ] || diag "out: $OUT"
	[ -z "$ERR" ] || diag "err: $ERR"
	return 1
}

not() { ! "$@"; }

# skip NAME WHY
skip() {
	cli_count=$((cli_count + 1))
	echo "ok $cli_count - $1 # SKIP $2"
}

ok() {
	local name=$1
	shift
	"$@"
	result $? "$name"
}

k() {
	CODE=0
	OUT=$("$KMSCRYPT" "$@" 2>"$CLI_DIR/stderr" </dev/null) || CODE=$?
	ERR=$(cat "$CLI_DIR/stderr")
}

ends() {
	local code=$1 name=$2
	shift 2
	k "$@"
	[ "$CODE" = "$code" ]
	result $? "$name"
}

# says WORDS NAME: the last command's error has these words
says() {
	[[ $ERR == *"$1"* ]]
	result $? "$2"
}

# shows WORDS NAME: its output has
shows() {
	[[ $OUT == *"$1"* ]]
	result $? "$2"
}

# field EXPRESSION: of the last command's JSON output
field() { json_get "$1" <<<"$OUT" 2>/dev/null; }

# certificate_ends: check and show say that the entry's ends in ten days
certificate_ends() {
	ends 10 "... check" kms check --json
	ok "... warns" grep -q "certificate expires in 9 days" \
		<<<"$(field warning)"
	ok "... also programs" [ "$(field credential_ends)" = true ]
	ends 10 "... show" kms show
	says "certificate expires in 9 days" "... warns"
}

# summary EXPRESSION: of the last command's JSON lines, the last one
summary() { tail -n 1 <<<"$OUT" | json_get "$1" 2>/dev/null; }

# image NAME [MIB]: a new empty image, prints its path
image() {
	local path=$CLI_DIR/$1.img
	rm -f "$path"
	truncate -s "${2:-20}M" "$path"
	echo "$path"
}

# What changes a file, or asks somebody who may
CLI_CALLS=rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,fsync,fdatasync,pwrite64,write,sendto,ftruncate

# cli_places ARGUMENTS: runs it, and prints each of these calls as "NAME N", the
# Nth of that name: strace counts each name for itself
cli_places() {
	strace -f -qq -o "$CLI_DIR/calls" -e "trace=$CLI_CALLS" \
		"$KMSCRYPT" "$@" >/dev/null 2>&1 </dev/null || return
	# what fails changes nothing
	sed -n 's/^\([0-9]* *\)\([a-z0-9]*\)(/\1\2 /p' "$CLI_DIR/calls" |
		awk '{ place = $2 " " ++n[$1, $2] }
			!/= -1 E/ && !seen[place]++ { print place }'
}

# cli_killed_at NAME N ARGUMENTS: SIGKILL before that call. 137: it was killed.
cli_killed_at() {
	local name=$1 n=$2
	shift 2
	# The outer shell says "Killed", which is no news here.
	{
		strace -f -qq -o /dev/null -e "trace=$name" \
			-e "inject=$name:signal=SIGKILL:when=$n" \
			"$KMSCRYPT" "$@" >/dev/null 2>&1 </dev/null
	} 2>/dev/null
}

# cli_kill_each RESTORE STEP SAFE FINISH ARGUMENTS: RESTORE, and kill it at each
# STEPth place of a whole run. After each kill SAFE has to succeed, and then
# FINISH, which gets the arguments. PLACES, KILLS, LOST, STUCK; STATUS and what
# is there are of one that ran through, after all the others.
cli_kill_each() {
	local restore=$1 step=$2 safe=$3 finish=$4 i=0 name n
	shift 4
	KILLS=0 LOST=0 STUCK=0
	"$restore"
	cli_places "$@" >"$CLI_DIR/places"
	PLACES=$(wc -l <"$CLI_DIR/places")
	while read -r name n <&3; do
		[ $((i++ % step)) = 0 ] || continue
		"$restore"
		cli_killed_at "$name" "$n" "$@"
		[ $? = 137 ] || continue
		KILLS=$((KILLS + 1))
		if ! "$safe"; then
			LOST=$((LOST + 1))
			diag "killed at $name $n: lost: $ERR"
		fi
		if ! "$finish" "$@"; then
			STUCK=$((STUCK + 1))
			diag "killed at $name $n: stuck: $ERR"
		fi
	done 3<"$CLI_DIR/places"
	"$restore"
	"$KMSCRYPT" "$@" >/dev/null 2>&1 </dev/null
	STATUS=$?
}

# cli_stop_at CALLS ARGUMENTS: kmscrypt in the background, until it has made the
# first of these calls: STOPPED is its process, and $CLI_DIR/out what it says
cli_stop_at() {
	local calls=$1
	shift
	rm -f "$CLI_DIR/stopped"
	strace -qq -o "$CLI_DIR/stopped" -e "trace=$calls" \
		-e "inject=$calls:signal=SIGSTOP:when=1" \
		"$KMSCRYPT" "$@" </dev/null >"$CLI_DIR/out" 2>&1 &
	TRACER=$!
	# not by its state, which is the same at each of the tracer's stops
	wait_for 20 grep -qs 'stopped by SIGSTOP' "$CLI_DIR/stopped"
	STOPPED=$(pgrep -P "$TRACER" | head -n 1)
}

# cli_go_on: to its end, and what it ended with
cli_go_on() {
	kill -CONT "$STOPPED" 2>/dev/null
	wait "$TRACER"
}

# read_key IMAGE: KEY becomes its volume key, hex; fails when it does not open
read_key() {
	local file=$CLI_DIR/exported-key
	KEY=
	rm -f "$file"
	k dump "$1" --dump-volume-key --volume-key-file "$file"
	[ "$CODE" = 0 ] || return 1
	KEY=$(od -An -v -tx1 "$file" | tr -d ' \n')
	rm -f "$file"
}

key_of() { read_key "$1" && echo "$KEY"; }

# opens IMAGE KEY: it opens, and the key is this one
opens() { [ -n "$2" ] && read_key "$1" && [ "$KEY" = "$2" ]; }

# bound_to IMAGE PROVIDER...: these are the providers of its bindings, in order
bound_to() {
	local path=$1
	shift
	k dump "$path" --json
	[ "$(python3 -c '
import json, sys
print(*[b.get("provider", "damaged") for b in json.load(sys.stdin)["bindings"]])
' <<<"$OUT")" = "$*" ]
}

# generations STATE: how many the entries have in that state
generations() {
	"$KMSCRYPT" kms show --json | python3 -c '
import json, sys
print(sum(g["state"] == sys.argv[1]
          for e in json.load(sys.stdin)["entries"] for g in e["generations"]))
' "$1"
}

# A transit mount of our own, so that a real server can be used, too.
cli_vault() {
	vault_start || return
	MOUNT=kmscrypt-test-$$
	vault_api POST "sys/mounts/$MOUNT" '{"type":"transit"}' >/dev/null &&
		vault_api POST "$MOUNT/keys/k" '{}' >/dev/null &&
		vault_api POST "$MOUNT/keys/other" '{}' >/dev/null || return
	printf '%s\n' "$VAULT_TOKEN" >"$CLI_DIR/token"
}

cli_vault_end() {
	vault_api DELETE "sys/mounts/$MOUNT" >/dev/null
}

# cli_vault_dies, cli_vault_returns: a server of ours ends and starts again; of a
# real one, which is not ours to end, the entries get an address where nobody is
cli_vault_dies() { cli_vault_move "${VAULT_ADDR##*/}" 127.0.0.1:1 || vault_stop; }
cli_vault_returns() {
	cli_vault_move 127.0.0.1:1 "${VAULT_ADDR##*/}" || vault_start
}
cli_vault_move() {
	vault_is_real || return
	sed -i "s|${1//./\\.}\"|$2\"|" "$KMSCRYPT_ROOT"/etc/kmscrypt/entries/*.json
}

# set_vault [KEY] [ARGUMENTS]: kms set vault with all that the server needs
set_vault() {
	local key=${1:-k}
	shift
	k kms set vault "$VAULT_ADDR" "$key" --token-file "$CLI_DIR/token" \
		--transit-path "$MOUNT" \
		${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"} "$@"
	[ "$CODE" = 0 ]
}

# login_set ARGUMENTS: kms set vault without a token
login_set() {
	k kms set vault "$VAULT_ADDR" k --transit-path "$MOUNT" \
		${VAULT_CACERT:+--ca-cert "$VAULT_CACERT"} "$@"
	[ "$CODE" = 0 ]
}

# cli_kubernetes MOUNT POLICY: logins of Kubernetes there, role node; not for a
# real server, which asks a real cluster
cli_kubernetes() {
	local pem
	openssl genrsa -out "$CLI_DIR/sa.key" 2048 2>/dev/null
	pem=$(openssl rsa -in "$CLI_DIR/sa.key" -pubout 2>/dev/null |
		sed ':a;N;$!ba;s/\n/\\n/g')
	vault_api POST "sys/auth/$1" '{"type":"kubernetes"}' >/dev/null
	vault_api POST "auth/$1/config" \
		"{\"pem_keys\":[\"$pem\"],\"kubernetes_host\":\"https://x\"}"
	vault_api POST "auth/$1/role/node" "{
		\"bound_service_account_names\":\"node\",
		\"bound_service_account_namespaces\":\"storage\",
		\"token_policies\":\"$2\",\"token_ttl\":\"1h\"}"
}

# cli_jwt SECONDS: a service account's token that is good for SECONDS
cli_jwt() {
	/usr/bin/python3 - "$CLI_DIR/sa.key" "$1" <<-'PY'
		import base64, json, sys, time
		from cryptography.hazmat.primitives import hashes, serialization
		from cryptography.hazmat.primitives.asymmetric import padding
		def part(data):
		    return base64.urlsafe_b64encode(data).rstrip(b"=")
		with open(sys.argv[1], "rb") as f:
		    key = serialization.load_pem_private_key(f.read(), None)
		text = b".".join(part(json.dumps(p).encode()) for p in (
		    {"alg": "RS256", "typ": "JWT"},
		    {"sub": "system:serviceaccount:storage:node",
		     "exp": int(time.time()) + int(sys.argv[2])}))
		print((text + b"." + part(key.sign(
		    text, padding.PKCS1v15(), hashes.SHA256()))).decode())
	PY
}

# kept_token: of the last login, where there is one entry
kept_file() { echo "$KMSCRYPT_ROOT"/run/kmscrypt/tokens/*-*; }
kept_token() { sed -n 2p "$(kept_file)"; }

# set_kmip UID [ARGUMENTS]
set_kmip() {
	local uid=$1
	shift
	k kms set kmip "$KMIP_ADDR" "$uid" --client-cert "$KMIP_CERT" \
		--client-key "$KMIP_KEY" --ca-cert "$KMIP_CACERT" "$@"
	[ "$CODE" = 0 ]
}
