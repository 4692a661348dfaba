#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kms set moves every known volume: local, KMIP, Vault and back. Same volume
# key all the way, old tokens gone, nothing saved before the KMS is proven.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1
kmip_start || exit 1
uid=$(kmip_admin create) || exit 1

a=$(image a) b=$(image b) c=$(image c)
k kms set local
for i in "$a" "$b" "$c"; do
	ends 0 "format ${i##*/}" format "$i"
done
key_a=$(key_of "$a") key_b=$(key_of "$b") key_c=$(key_of "$c")
ok "keys differ" [ "$key_a" != "$key_b" ]

etc() { (cd "$KMSCRYPT_ROOT/etc" && find . -type f -exec sha256sum {} + | sort); }

# --- a KMS that does not prove itself changes nothing ---
before=$(etc)
ok "a KMIP key that is not there" not set_kmip 99999
ok "... is exit 4" [ "$CODE" = 4 ]
says 99999 "... and named"
pre=$(kmip_admin create --no-activate)
ok "a KMIP key that is not active" not set_kmip "$pre"
says "not active" "... is named so"
ok "a Vault key that is not there" not set_vault missing
ok "... is exit 4" [ "$CODE" = 4 ]
says missing "... and named"
ok "... and was not made by asking for it" \
	[ "$(vault_status GET "$MOUNT/keys/missing")" = 404 ]
ok "nothing was saved" [ "$(etc)" = "$before" ]
for i in a b c; do
	ok "$i is as it was" bound_to "$CLI_DIR/$i.img" local
done

# --- local to KMIP ---
ok "local to KMIP" set_kmip "$uid" --json
ok "... moved three" [ "$(field rewrapped)" = 3 ]
ok "... failed none" [ "$(field failed)" = 0 ]
for i in a b c; do
	ok "... $i has one binding" bound_to "$CLI_DIR/$i.img" kmip
done
ok "... same key a" opens "$a" "$key_a"
ok "... same key b" opens "$b" "$key_b"
ok "... same key c" opens "$c" "$key_c"
ok "... the key file is gone" \
	[ -z "$(find "$KMSCRYPT_ROOT/etc" -name local.key)" ]
ok "... no generation is left" [ "$(generations retiring)" = 0 ]
k kms show --json
id=$(field entries.0.generations.0.id)
before=$(sha256sum <"$a")
ok "the same again" set_kmip "$uid" --json
ok "... moves nothing" [ "$(field rewrapped)$(field current)" = 03 ]
k kms show --json
ok "... and keeps the generation" \
	[ "$(field entries.0.generations.0.id)" = "$id" ]
ok "... and the header" [ "$(sha256sum <"$a")" = "$before" ]

# --- the same KMIP server under another name, the old name dead ---
k kms set kmip "127.0.0.1:1,localhost:${KMIP_ADDR##*:}" "$uid" \
	--client-cert "$KMIP_CERT" --client-key "$KMIP_KEY" \
	--ca-cert "$KMIP_CACERT" --json
ok "a new address" [ "$CODE" = 0 ]
ok "... moves nothing" [ "$(field rewrapped)$(field change)" = 0updated ]
ok "... and the header is untouched" [ "$(sha256sum <"$a")" = "$before" ]

# --- KMIP to Vault, with a volume away ---
mv "$c" "$c.away"
ok "KMIP to Vault with a volume away is exit 7" not set_vault k
ok "... exactly" [ "$CODE" = 7 ]
shows "$c: FAILED" "... and names it"
ok "... a has moved" bound_to "$a" vault
ok "... and opens" opens "$a" "$key_a"
ok "... the old generation stays" [ "$(generations retiring)" = 1 ]
mv "$c.away" "$c"
ok "... and still opens what was away" opens "$c" "$key_c"
ok "the same again finishes" set_vault k --json
ok "... moves the one" [ "$(field rewrapped)$(field current)" = 12 ]
ok "... c has moved" bound_to "$c" vault
ok "... and opens" opens "$c" "$key_c"
ok "... the old generation is gone" [ "$(generations retiring)" = 0 ]

# --- a new token, and another key of the same Vault ---
before=$(sha256sum <"$a")
vault_policy "$MOUNT" "
path \"$MOUNT/keys/k\" { capabilities = [\"read\"] }
path \"$MOUNT/encrypt/k\" { capabilities = [\"update\"] }
path \"$MOUNT/decrypt/k\" { capabilities = [\"update\"] }
path \"$MOUNT/rewrap/k\" { capabilities = [\"update\"] }" >/dev/null
vault_token "$MOUNT" '"ttl":"1h"' >"$CLI_DIR/token2"
cp "$CLI_DIR/token" "$CLI_DIR/token.root"
cp "$CLI_DIR/token2" "$CLI_DIR/token"
ok "a new token" set_vault k --json
ok "... changes the entry alone" [ "$(field change)" = updated ]
ok "... and the header is untouched" [ "$(sha256sum <"$a")" = "$before" ]
ok "... and it opens" opens "$a" "$key_a"
ok "a key that the token does not reach" not set_vault other
ok "... is exit 2" [ "$CODE" = 2 ]
ok "... and it opens" opens "$a" "$key_a"
cp "$CLI_DIR/token.root" "$CLI_DIR/token"
ok "another key" set_vault other --json
ok "... moves all" [ "$(field rewrapped)$(field change)" = 3new-key ]
ok "... and it opens" opens "$a" "$key_a"

# --- what a volume that was away needs, and whose token has ended since ---
vault_token "$MOUNT" '"ttl":"1h"' >"$CLI_DIR/token2"
cp "$CLI_DIR/token2" "$CLI_DIR/token"
ok "back to the first key, with a token that will end" set_vault k
mv "$c" "$c.away"
cp "$CLI_DIR/token.root" "$CLI_DIR/token"
ok "another key, while one volume is away" not set_vault other
ok "... whose generation stays" [ "$(generations retiring)" = 1 ]
vault_api POST auth/token/revoke "{\"token\":\"$(cat "$CLI_DIR/token2")\"}" \
	>/dev/null
mv "$c.away" "$c"
ends 7 "its token has ended meanwhile" kms rewrap
ok "the first key once more, with a good token" set_vault k --json
ok "... which the volume that was away gets, too" \
	[ "$(field failed),$(generations retiring)" = 0,0 ]
ok "... it opens" opens "$c" "$key_c"
mv "$c" "$c.away"
ok "another key, while it is away again" not set_vault other
# The retiring one has an address where nobody is any more.
"$PYTHON" - "$KMSCRYPT_ROOT/etc/kmscrypt/entries/default.json" <<'PY'
import json, sys
with open(sys.argv[1], encoding="ascii") as source:
    entry = json.load(source)
for generation in entry["generations"]:
    if generation["state"] == "retiring":
        generation["addresses"] = ["https://127.0.0.1:1"]
with open(sys.argv[1], "w", encoding="ascii") as target:
    json.dump(entry, target)
PY
mv "$c.away" "$c"
ends 7 "its server has moved meanwhile" kms rewrap --timeout 6
ok "the first key once more, where the server is now" set_vault k --json
ok "... which is where the volume is asked for, too" \
	[ "$(field failed),$(generations retiring)" = 0,0 ]
ok "... it opens" opens "$c" "$key_c"

# --- a volume that only --volume finds; an entry of its own ---
d=$(image d)
cp "$a" "$d"
rm -r "${KMSCRYPT_ROOT:?}/var"
ok "back to KMIP, with paths" set_kmip "$uid" --volume "$b" --volume "$c" \
	--volume "$a" --json
ok "... moves them" [ "$(field rewrapped)" = 3 ]
ok "... and it opens" opens "$b" "$key_b"
ok "... each is known now" \
	[ "$("$KMSCRYPT" list --json | grep -c '"registered": true')" = 3 ]
k kms set local --name second
e=$(image e)
ends 0 "a volume of another entry" format "$e" --name second
ok "a move of the first" set_vault k --json
ok "... leaves the second alone" bound_to "$e" local
ends 5 "a key file in place of a KMS, by kms set" kms set local
says "--allow-downgrade" "... names what gives a KMS up"
ok "... changes nothing" bound_to "$a" vault
ends 0 "back to local" kms unset --allow-downgrade
ends 5 "... again" kms unset --allow-downgrade
says "There is nothing to give up" "... says why"
ok "... opens" opens "$a" "$key_a"
ok "... bound locally alone" bound_to "$a" local
# The copy's generation is gone from this host: no pin decides that.
ok "a copy from before does not open" not opens "$d" "$key_a"

cli_vault_end
cli_end
