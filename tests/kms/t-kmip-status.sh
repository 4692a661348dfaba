#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every reason that a KMIP server gives for not doing it, for Encrypt and for
# Decrypt: the errno in the end, how often it is asked, and whether the next
# address gets a turn. The server's log counts the requests.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
unset KMIP_REAL KMIP_ADDR
kms_begin kmip-client || exit 1

ENCRYPT=1f DECRYPT=20
LOG=$SERVERS_DIR/reason-log

client() {
	OUT=$("$CLIENT" --ca "$SERVERS_PKI/ca.pem" \
		--cert "$SERVERS_PKI/client.pem" \
		--key "$SERVERS_PKI/client.key" --uid 1 "$@" 2>&1)
}

# asked LOG OPERATION: how many requests of it, and of no other key operation
asked() { grep -c "\"operation\": $((16#$2))," "$1"; }
errno() { last_line | cut -d' ' -f2; }

# try OPERATION ADDRESSES
try() {
	if [ "$1" = "$ENCRYPT" ]; then
		client --address "$2" wrap
	else
		client --address "$2" wrap unwrap
	fi
}

# row KIND OPERATION ERRNO MODE WHAT: "final": asked once, and nobody else is;
# "over": asked once, and the next address answers
row() {
	local kind=$1 operation=$2 errno=$3 mode=$4 what=$5
	: >"$LOG"
	: >"$GOOD_LOG"
	bad_server_order reason --mode "$mode" --operation "$operation"
	try "$operation" "$BAD"
	[ "$(errno)" = "$errno" ] && [ "$(asked "$LOG" "$operation")" = 1 ]
	ok $? "$what: $errno, asked once"
	if [ "$kind" = over ]; then
		try "$operation" "$BAD,$GOOD"
		[ "$(errno)" = OK ] &&
			[ "$(asked "$GOOD_LOG" "$operation")" = 1 ]
		ok $? "... another address answers"
	else
		try "$operation" "$BAD,$GOOD"
		[ "$(errno)" = "$errno" ] &&
			[ "$(asked "$GOOD_LOG" "$operation")" = 0 ]
		ok $? "... and no other address is asked"
	fi
}

# both KIND ERRNO REASON NAME: the same for Encrypt and Decrypt
both() {
	row "$1" "$ENCRYPT" "$2" "status=$3" "Encrypt: $4 ($3)"
	row "$1" "$DECRYPT" "$2" "status=$3" "Decrypt: $4 ($3)"
}

# apart ENCRYPT-ERRNO REASON NAME: with Decrypt it may be the ciphertext's
# fault, and then there is one errno and one message
apart() {
	row "${4:-final}" "$ENCRYPT" "$1" "status=$2" "Encrypt: $3 ($2)"
	row final "$DECRYPT" EKEYREJECTED "status=$2" "Decrypt: $3 ($2)"
	says '^unwrap EKEYREJECTED [0-9]+ $' "... without words"
}

GOOD_LOG=$SERVERS_DIR/good-log
GOOD=127.0.0.1:$(bad_server_start good --log "$GOOD_LOG") || exit 1
client --address "$GOOD" wrap unwrap
last OK 'same$' "control: a server that does it"
BAD=127.0.0.1:$(bad_server_start reason --log "$LOG") || exit 1

both final ENOENT 1 "Item Not Found"
both final ENOENT 37 "Object Not Found"
both final EKEYREVOKED 36 "Object Destroyed"
# the key's attributes are looked at, and this server has nothing to say
both final EACCES C "Permission Denied"
both final EACCES 39 "Not Authorised"
both final EACCES 3 "Authentication Not Successful"
both final EACCES D "Object Archived"
both final EINVAL B "Illegal Operation"
both final EINVAL 43 "Wrong Key Lifecycle State"
both final EINVAL 29 "Incompatible Cryptographic Usage Mask"
both final EOPNOTSUPP 5 "Operation Not Supported"
both final EOPNOTSUPP 8 "Feature Not Supported"
apart EINVAL A "Cryptographic Failure"
apart EINVAL 6 "Missing Data"
apart EINVAL 7 "Invalid Field"
apart EINVAL 24 "Bad Cryptographic Parameters"
apart EINVAL 3E "Unsupported Cryptographic Parameters"
apart EINVAL 34 "Missing Initialization Vector"
apart EHOSTUNREACH 100 "General Failure"
both over EHOSTUNREACH 2A "Internal Server Error"
both over EHOSTUNREACH 3A "Server Limit Exceeded"
both final EPROTO 2 "Response Too Large"
both final EPROTO 4 "Invalid Message"
both final EPROTO 26 "Codec Error"
both final EPROTO 3D "Unknown Tag"
both final EPROTO 3F "Unsupported Protocol Version"
both final EPROTO 1A "Usage Limit Exceeded"
both final EPROTO 7777 "a reason that there is not"
for operation in $ENCRYPT $DECRYPT; do
	row final "$operation" EPROTO pending "Pending, $operation"
	row over "$operation" EPROTO truncated "half an answer, $operation"
done
# on a connection that was used before it is sent again: see t-kmip.sh
row over "$ENCRYPT" EHOSTUNREACH close-after-request "no answer"
bad_server_stop reason
bad_server_stop good
kms_end
