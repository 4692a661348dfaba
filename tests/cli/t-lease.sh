#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Leases on image files: format and lease put them into the capsule of each
# binding, epochs rise, pins follow, and a kill leaves nothing half-way.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

# pins: epoch/lease/policy/cap of each binding in the registry, sorted
pins() {
	python3 -c '
import glob, json, sys
for path in glob.glob(sys.argv[1] + "/var/lib/kmscrypt/volumes/*.json"):
    record = json.load(open(path))
    if record["uuid"] == sys.argv[2]:
        print(*sorted("%(epoch)d/%(lease_s)d/%(policy)d/%(queue_cap_s)d" % b
                      for b in record["bindings"]))' "$KMSCRYPT_ROOT" "$1"
}

# shows_lease DEV WANT: lease,on_lock,cap
is_lease() {
	k lease "$1" --json
	[ "$CODE" = 0 ] &&
		[ "$(field lease_s),$(field on_lock),$(field queue_cap_s)" = "$2" ]
}

a=$(image a)
k kms set local
k kms set local --name second
ends 1 "a lease below the minimum" format "$a" --lease 9
ends 1 "a word that on-lock does not know" format "$a" --on-lock wait
ends 1 "a cap of nothing" format "$a" --queue-cap 0
ends 0 "format with a lease" format "$a" --lease 60 --on-lock queue \
	--queue-cap 30 --json
uuid=$(field uuid)
ok "... says so" [ "$(field lease_s)" = 60 ]
ok "... the capsule has it" is_lease "$a" 60,queue,30
ok "... the pin, too" [ "$(pins "$uuid")" = 1/60/1/30 ]
key=$(key_of "$a")

b=$(image b)
k format "$b"
ok "without, there is none" is_lease "$b" 0,error,90

ends 1 "--lease and --none" lease "$a" --lease 20 --none
ends 4 "a volume that is not there" lease "$CLI_DIR/missing" --lease 20
ends 0 "another lease" lease "$a" --lease 20 --json
ok "... re-wraps the one binding" [ "$(field rewrapped)" = 1 ]
ok "... and leaves the rest" is_lease "$a" 20,queue,30
ok "... with the next epoch" [ "$(pins "$uuid")" = 2/20/1/30 ]
ok "... the key stays" opens "$a" "$key"
before=$(sha256sum <"$a")
ends 0 "the same again" lease "$a" --lease 20
ok "... writes nothing" [ "$(sha256sum <"$a")" = "$before" ]

cp --sparse=always "$a" "$CLI_DIR/old.img"
ends 0 "fail the I/O" lease "$a" --on-lock error
cp --sparse=always "$a" "$CLI_DIR/new.img"
cp --sparse=always "$CLI_DIR/old.img" "$a"
ends 6 "the old header does not bring the old policy back" lease "$a"
cp --sparse=always "$CLI_DIR/new.img" "$a"
ok "the new one is as it was" is_lease "$a" 20,error,30

# --- two bindings ---
ends 0 "a second binding" bind "$a" --name second
ok "... has the same lease" [ "$(pins "$uuid")" = "3/20/0/30 4/20/0/30" ]
ends 0 "a lease for both" lease "$a" --lease 40 --json
ok "... re-wraps both" [ "$(field rewrapped)" = 2 ]
ok "... each with an epoch of its own" \
	[ "$(pins "$uuid")" = "5/40/0/30 6/40/0/30" ]
mv "$KMSCRYPT_ROOT/etc/kmscrypt/entries/second.json" "$CLI_DIR/"
before=$(sha256sum <"$a")
ends 4 "an entry that this host has not" lease "$a" --lease 50
ok "... leaves both as they are" [ "$(sha256sum <"$a")" = "$before" ]
mv "$CLI_DIR/second.json" "$KMSCRYPT_ROOT/etc/kmscrypt/entries/"
ends 0 "no lease" lease "$a" --none
ok "... there is none" is_lease "$a" 0,error,30

# --- killed anywhere ---
rm -rf "$CLI_DIR/saved"
cp -a "$KMSCRYPT_ROOT" "$CLI_DIR/saved"
cp --sparse=always "$a" "$CLI_DIR/a.saved"
restore() {
	rm -rf "$KMSCRYPT_ROOT"
	cp -a "$CLI_DIR/saved" "$KMSCRYPT_ROOT"
	cp --sparse=always "$CLI_DIR/a.saved" "$a"
}
safe() { opens "$a" "$key"; }
finishes() {
	k "$@"
	[ "$CODE" = 0 ] && is_lease "$a" 10,error,30 &&
		bound_to "$a" local local
}
cli_kill_each restore 1 safe finishes lease "$a" --lease 10
diag "$KILLS places"
ok "it was killed in many places" [ "$KILLS" -gt 10 ]
ok "... and at last it ran through" [ "$STATUS" = 0 ]
ok "the volume opens after each kill" [ "$LOST" = 0 ]
ok "running it again finishes" [ "$STUCK" = 0 ]

# --- a KMS that wraps what it cannot unwrap ---
# shellcheck disable=SC2034
{
	PORT=$(bad_server_start spoils --mode good) || exit 1
	KMIP_ADDR=127.0.0.1:$PORT KMIP_CACERT=$SERVERS_PKI/ca.pem
	KMIP_CERT=$SERVERS_PKI/client.pem KMIP_KEY=$SERVERS_PKI/client.key
}
ok "KMIP" set_kmip some-uid --name kmip
a=$(image spoilt)
k format "$a" --name kmip
key=$(key_of "$a")
bad_server_order spoils --mode flip --operation 1f
ends 6 "what is wrapped wrongly" lease "$a" --lease 100
says "cannot unwrap what it has just wrapped" "... is noticed"
ok "... and not put in the place of what works" opens "$a" "$key"
k bind "$a" --name second
cp "$a" "$CLI_DIR/copy.img"
ends 6 "... nor by reidentify" reidentify "$CLI_DIR/copy.img"
ok "... which opens" opens "$CLI_DIR/copy.img" "$key"
bad_server_order spoils --mode good
ends 0 "... and is done when it works again" reidentify "$CLI_DIR/copy.img"
bad_server_stop spoils
cli_end
