#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kms unset (reset): refuses while something depends on the entry; downgrade
# with the KMS alive and dead; forget.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin
kmip_start || exit 1
uid=$(kmip_admin create) || exit 1

a=$(image a) b=$(image b)
ok "KMIP" set_kmip "$uid"
ends 0 "an entry that nothing uses" kms set local --name idle
ends 0 "... goes" kms unset --name idle
ends 4 "... and is gone" kms check --name idle
ok "... with its key" [ -z "$(find "$KMSCRYPT_ROOT/etc" -name local.key)" ]

k format "$a"
k format "$b"
key_a=$(key_of "$a") key_b=$(key_of "$b")
ends 5 "unset refuses" kms unset
shows "$a" "... and lists a"
shows "$b" "... and b"
says "--allow-downgrade" "... and says what can be done"
ends 5 "reset is the same" kms reset --json
ok "... as JSON, too" [ "$(grep -c '"uuid"' <<<"$OUT")" = 2 ]
mv "$b" "$b.away"
ends 5 "also while one of them is away" kms unset
shows "$b" "... which is listed"
mv "$b.away" "$b"
ends 1 "two ways at once" kms unset --forget --allow-downgrade

# --- with the KMS dead nothing is begun ---
kmip_stop
before=$(sha256sum <"$a")
ends 3 "a downgrade needs the KMS once more" kms unset --allow-downgrade \
	--timeout 3
ok "... a is as it was" [ "$(sha256sum <"$a")" = "$before" ]
ok "... and so is the entry" [ "$(generations retiring)" = 0 ]

# Another entry opens one of them, and not the other: the former proves nothing
# of the KMS that the latter needs, whichever of them is looked at first.
kmip_start
k kms set local --name other
for c in "$a" "$b"; do
	k bind "$c" --name other
	before_a=$(sha256sum <"$a") before_b=$(sha256sum <"$b")
	kmip_stop
	ends 3 "nor with another entry for one of the volumes" kms unset \
		--allow-downgrade --timeout 6
	ok "... both are as they were" [ "$(sha256sum <"$a")" = "$before_a" ]
	ok "... b, too" [ "$(sha256sum <"$b")" = "$before_b" ]
	ok "... and so is the entry" [ "$(generations retiring)" = 0 ]
	kmip_start
	k unbind "$c" --name other
done
k kms unset --name other

# --- with it alive ---
mv "$b" "$b.away"
ends 7 "a downgrade with one away" kms unset --allow-downgrade
shows "$b: FAILED" "... names it"
says "no KMS is asked" "... and warns loudly"
ok "... a is local" bound_to "$a" local
mv "$b.away" "$b"
ok "... b still opens" opens "$b" "$key_b"
ends 0 "repeating finishes" kms unset --allow-downgrade
ok "... b is local" bound_to "$b" local
kmip_stop
ok "a opens without the KMS" opens "$a" "$key_a"
ok "b opens without the KMS" opens "$b" "$key_b"
ok "the credentials of the KMS are gone" \
	[ -z "$(find "$KMSCRYPT_ROOT/etc" -name 'client*')" ]
ends 5 "there is nothing below local" kms unset --allow-downgrade
ends 5 "unset of a key file" kms unset
says "lost for good" "... says what --forget would do"
ends 0 "--forget" kms unset --forget
says "not open anywhere" "... warns"
ok "... it does not open any more" not opens "$a" "$key_a"
ok "... exit 4" [ "$CODE" = 4 ]
ok "... no credential is left" \
	[ -z "$(find "$KMSCRYPT_ROOT/etc" -path '*credentials/*')" ]

cli_end
