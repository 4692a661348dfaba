#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The traffic of kms rewrap with Vault, in plain text, as a tap between them
# sees it: the volume key, and the capsule around it, never leave the KMS. That
# the tap would see them is shown by the traffic of format and of an open.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
cli_vault || exit 1
volumes=$([ "${SOAK:-}" = 1 ] && echo 300 || echo 12)

TAP=$CLI_DIR/capture
upstream=${VAULT_ADDR#https://}
port=$(server_start tap tls-tap.py --pki "$SERVERS_PKI" --upstream \
	"${upstream%/}" --ca "${VAULT_CACERT:-/etc/ssl/certs/ca-certificates.crt}" \
	--capture "$TAP") || exit 1

# leaks KEYFILE...: how many of a key's four parts, and of a capsule's beginning,
# the capture has; which way, and in which form. Without a key, or traffic, to
# look at, it says so in place of nothing.
leaks() {
	/usr/bin/python3 - "$TAP" "$@" <<'END' || echo "not looked at"
import base64, re, sys
# the pieces, joined for each way, so that no form is cut by a piece's end
ways = {b">": [], b"<": []}
data = open(sys.argv[1], "rb").read()
at = 0
while at < len(data):
    end = data.index(b"\n", at)
    mark, size = data[at:end].split()
    ways[mark].append(data[end + 1:end + 1 + int(size)])
    at = end + 2 + int(size)
assert any(ways.values()), "no traffic"
parts = [b"KMSCRYP1"]                   # how a capsule begins
for name in sys.argv[2:]:
    key = open(name, "rb").read()
    assert len(key) == 64, name
    parts += [key[i:i + 16] for i in range(0, 64, 16)]
assert len(parts) > 1, "no key"
found = {}
for way, pieces in ways.items():
    text = b"".join(pieces)
    places = {"raw": [text], "base64": [], "hex": []}
    for run in re.findall(rb"[A-Za-z0-9+/_-]{20,}", text):
        run = run.translate(bytes.maketrans(b"-_", b"+/"))
        for skip in range(4):           # whatever stands before it
            cut = run[skip:]
            places["base64"].append(
                base64.b64decode(cut[:len(cut) // 4 * 4]))
    for run in re.findall(rb"[0-9a-fA-F]{32,}", text):
        for skip in range(2):
            cut = run[skip:]
            places["hex"].append(
                bytes.fromhex(cut[:len(cut) // 2 * 2].decode()))
    for form, texts in places.items():
        for part in parts:
            if any(part in t for t in texts):
                name = way.decode() + form
                found[name] = found.get(name, 0) + 1
print(*(f"{form}:{n}" for form, n in sorted(found.items())))
END
}

begin() { : >"$TAP"; }
asked() { grep -ac "^[A-Z]* /v1/$MOUNT/$1/k" "$TAP"; }

begin
upstream_addr=$VAULT_ADDR upstream_ca=${VAULT_CACERT:-}
VAULT_ADDR=https://127.0.0.1:$port VAULT_CACERT=$SERVERS_PKI/ca.pem
ok "Vault, through the tap" set_vault k
VAULT_ADDR=$upstream_addr VAULT_CACERT=$upstream_ca

for ((i = 0; i < volumes; i++)); do
	begin
	k format "$(image "v$i")"
	[ "$CODE" = 0 ] || result 1 "format $i"
	# its own capsule went to the KMS, once
	cp "$TAP" "$CLI_DIR/format-$i"
done
ok "control: format sends something to encrypt" [ "$(asked encrypt)" -gt 0 ]
keys=()
for ((i = 0; i < volumes; i++)); do
	keys+=("$CLI_DIR/key-$i")
	k dump "$CLI_DIR/v$i.img" --dump-volume-key --volume-key-file \
		"$CLI_DIR/key-$i"
	[ "$CODE" = 0 ] || result 1 "dump $i"
done
cp "$CLI_DIR/format-0" "$TAP"
OUT=$(leaks "$CLI_DIR/key-0")
ok "... in which the tap finds capsule and key, and in the proof" \
	[ "$OUT" = "<base64:5 >base64:5" ]

vault_api POST "$MOUNT/keys/k/rotate" >/dev/null
begin
ends 0 "rewrap" kms rewrap --json
ok "... of all" [ "$(summary rewrapped)" = "$volumes" ]
ok "... is seen by the tap" [ "$(asked rewrap)" -gt 0 ]
ok "... asks for nothing to be decrypted" [ "$(asked decrypt)" = 0 ]
ok "... and nothing to be encrypted" [ "$(asked encrypt)" = 0 ]
cp "$TAP" "$CLI_DIR/rewrap"
OUT=$(leaks "${keys[@]}")
ok "... and neither capsule nor a key passes" [ -z "$OUT" ]
begin
ends 0 "rewrap --all" kms rewrap --all
OUT=$(leaks "${keys[@]}")
ok "... is seen, too" [ "$(asked rewrap)" -gt 0 ]
ok "... and has none either" [ -z "$OUT" ]

begin
key=$(od -An -v -tx1 "$CLI_DIR/key-0" | tr -d ' \n')
ok "control: an open of what was rewrapped" opens "$CLI_DIR/v0.img" "$key"
ok "... asks for a decryption" [ "$(asked decrypt)" = 1 ]
OUT=$(leaks "$CLI_DIR/key-0")
ok "... in which the tap finds capsule and key" [ "$OUT" = "<base64:5" ]
for form in raw hex; do
	case $form in
	raw) { printf '> 64\n' && cat "$CLI_DIR/key-0" && echo; } >"$TAP" ;;
	hex) printf '> 128\n%s\n' "$key" >"$TAP" ;;
	esac
	OUT=$(leaks "$CLI_DIR/key-0")
	ok "control: it would be found in $form" [ "$OUT" = ">$form:4" ]
done

cli_vault_end
cli_end
