#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The KMIP provider against Debian's PyKMIP server, and against servers that
# answer badly or not at all. TAP. t-kmip.sh [GROUP...]: the functions below.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
kms_begin kmip-client || exit 1

# client ARGUMENTS: identity "client" of the PKI, unless $AS says otherwise
AS=client
CA=ca
client() {
	OUT=$("$CLIENT" --ca "$SERVERS_PKI/$CA.pem" \
		--cert "$SERVERS_PKI/$AS.pem" --key "$SERVERS_PKI/$AS.key" \
		"$@" 2>&1)
}

round_trips() {
	local v uid
	uid=$(kmip_admin create)
	for v in 1.4 2.0 ""; do
		client --address "$KMIP_ADDR" --uid "$uid" ${v:+--version $v} \
			check wrap unwrap
		says '^unwrap OK [0-9]+ same$' "round trip, KMIP ${v:-negotiated}"
	done
	client --address "$KMIP_ADDR" --uid "$uid" check
	last OK "$KMIP_ADDR \| PyKMIP.*, KMIP 1\.4 \| [0-9]+ \| $" \
		"check names address, server, version, lifetime"
	client --address "$KMIP_ADDR" --uid "$uid" --version 2.0 check
	last OK 'KMIP 2\.0' "the version asked for is spoken"
	client --address "$KMIP_ADDR" --uid "$uid" wrap
	last OK "gcm data 256 iv 12 tag 16 key $uid$" "what wrapping gives"
	for v in 1.2 1.3; do
		client --address "$KMIP_ADDR" --uid "$uid" --version "$v" wrap
		last EOPNOTSUPP "KMIP $v has no field" "KMIP $v is refused"
	done
	client --address "$KMIP_ADDR" --uid "$uid" --version 2.1 check
	last EPROTO 'Invalid Message' "a version that the server lacks"
	client --address "$KMIP_ADDR" --uid "$uid" --version 14 check
	last EINVAL 'not a KMIP version' "a version that is none"
	client --address "$KMIP_ADDR" create
	uid=${OUT##* }
	last OK '[0-9]+$' "a key is created"
	client --address "$KMIP_ADDR" --uid "$uid" check
	last OK . "... active and fit"
	client --address "$KMIP_ADDR" --version 2.0 create
	client --address "$KMIP_ADDR" --uid "${OUT##* }" check
	last OK . "the same with KMIP 2.0"
	AS=client-rsa client --address "$KMIP_ADDR" --uid "$uid" wrap unwrap
	last OK 'same$' "an RSA client certificate"
	client --address "localhost:${KMIP_ADDR##*:}" --uid "$uid" wrap unwrap
	last OK 'same$' "a host name"
	client --address "$KMIP_ADDR" --name kms.test --uid "$uid" wrap unwrap
	last OK 'same$' "a server name apart from the address"
	client --address "$KMIP_ADDR" --user me --password pw --uid "$uid" wrap
	last OK . "a credential in the header is understood"
}

tampering() {
	local uid how
	uid=$(kmip_admin create)
	for how in flip-data flip-iv flip-tag cut-data cut-iv cut-tag \
		other-key other-mode other-provider; do
		client --address "$KMIP_ADDR" --uid "$uid" wrap "$how" unwrap
		says '^unwrap EKEYREJECTED [0-9]+ $' "$how: rejected, no words"
		! grep -q '^# next' <<<"$OUT"
		ok $? "$how: no advice either"
	done
	client --address "$KMIP_ADDR" --uid "$uid" wrap flip-data unwrap \
		flip-data unwrap
	last OK 'same$' "a rejection leaves the session usable"
}

# create_masked MASK: an active key with this usage mask; PyKMIP's own client
# always adds Encrypt and Decrypt
create_masked() {
	PYTHONPATH=tests/servers "$PYTHON" - "$1" <<-'END'
		import os, socket, ssl, sys
		import ttlv

		def attribute(name, kind, value):
		    return (ttlv.ATTRIBUTE, ttlv.STRUCT, [
		        (ttlv.ATTRIBUTE_NAME, ttlv.TEXT, name),
		        (ttlv.ATTRIBUTE_VALUE, kind, value)])

		def ask(operation, payload):
		    stream.sendall(ttlv.request("1.4", operation, payload))
		    return ttlv.decode(ttlv.read_message(stream))

		host, port = os.environ["KMIP_ADDR"].rsplit(":", 1)
		context = ssl.create_default_context(
		    cafile=os.environ["KMIP_CACERT"])
		context.load_cert_chain(os.environ["KMIP_CERT"],
		                        os.environ["KMIP_KEY"])
		stream = context.wrap_socket(
		    socket.create_connection((host, int(port)), timeout=30),
		    server_hostname=host)
		reply = ask(1, [
		    (0x420057, ttlv.ENUM, 2),
		    (0x420091, ttlv.STRUCT, [
		        attribute("Cryptographic Algorithm", ttlv.ENUM, 3),
		        attribute("Cryptographic Length", 2, 256),
		        attribute("Cryptographic Usage Mask", 2,
		                  int(sys.argv[1]))])])
		uid = ttlv.find(reply, ttlv.BATCH_ITEM, ttlv.RESPONSE_PAYLOAD,
		                ttlv.UID)
		ask(0x12, [(ttlv.UID, ttlv.TEXT, uid)])
		print(uid)
	END
}

states() {
	local uid v
	for v in 1.4 2.0; do
		uid=$(kmip_admin create --no-activate)
		client --address "$KMIP_ADDR" --uid "$uid" --version "$v" check
		last EINVAL "key $uid is not active yet" "pre-active, $v"
		client --address "$KMIP_ADDR" --uid "$uid" --version "$v" wrap
		last EINVAL "key $uid is not active yet" "... on wrap, too"
		uid=$(create_masked 4)
		client --address "$KMIP_ADDR" --uid "$uid" --version "$v" check
		last EINVAL 'lacks Decrypt$' "usage mask without Decrypt, $v"
		uid=$(create_masked 8)
		client --address "$KMIP_ADDR" --uid "$uid" --version "$v" wrap
		last EINVAL 'lacks Encrypt$' "... without Encrypt, on wrap"
		uid=$(kmip_admin create)
		kmip_admin compromise "$uid"
		client --address "$KMIP_ADDR" --uid "$uid" --version "$v" check
		last EKEYREVOKED 'is compromised$' "compromised, $v"
		uid=$(kmip_admin create)
		revoked_while_open "$uid" "$v"
	done
	client --address "$KMIP_ADDR" --uid no-such-key check
	last ENOENT 'there is no key no-such-key' "no such key"
	client --address "$KMIP_ADDR" --uid no-such-key wrap
	last ENOENT 'there is no key no-such-key' "... on wrap, too"
	uid=$(kmip_admin --client client-other create)
	client --address "$KMIP_ADDR" --uid "$uid" check
	last EACCES "key $uid is not ours" "another owner's key"
	client --address "$KMIP_ADDR" --uid "$uid" wrap
	last EACCES 'Permission Denied' "... on wrap, too"
}

# mode_of EXPECTED NAME OPTIONS...: what is found out, and that it is pinned
mode_of() {
	local expected=$1 name=$2 how
	shift 2
	client --uid 1 --mode none "$@" check wrap unwrap
	says '^unwrap OK [0-9]+ same$' "$name: a capsule comes back"
	grep -q "^wrap OK [0-9]* $expected data" <<<"$OUT"
	ok $? "... by $expected"
	client --uid 1 --mode "$expected" "$@" wrap other-mode unwrap
	says '^unwrap EKEYREJECTED [0-9]+ $' "... a header cannot choose another"
	for how in flip-data flip-iv cut-data cut-iv; do
		client --uid 1 --mode "$expected" "$@" wrap "$how" unwrap
		# an identity cipher; what it lets through is for the capsule
		[[ $how = flip-* || $expected$how = ctrcut-data ]] ||
			says '^unwrap EKEYREJECTED [0-9]+ $' "... $how"
	done
}

# old OPTIONS...: the one bad server does this now, as $OLD; its log begins anew
old() {
	: >"$SERVERS_DIR/log"
	bad_server_order old "$@"
}

modes() {
	local uid v
	uid=$(kmip_admin create)
	for v in 1.4 2.0; do
		client --address "$KMIP_ADDR" --uid "$uid" --version "$v" \
			--mode none wrap
		last OK 'gcm data 256 iv 12 tag 16' "PyKMIP $v: GCM with a tag"
	done
	for v in 1.2 1.3; do
		client --address "$KMIP_ADDR" --uid "$uid" --version "$v" \
			--mode none check wrap unwrap
		last OK 'same$' "PyKMIP $v loses GCM's tag: another way"
		grep -q "^wrap OK [0-9]* ctr data 256 iv 16 tag 0" <<<"$OUT"
		ok $? "... which is CTR"
		client --address "$KMIP_ADDR" --uid "$uid" --version "$v" \
			--mode cbc check wrap unwrap
		last OK 'same$' "PyKMIP $v: CBC"
		for how in cut-data cut-iv; do
			client --address "$KMIP_ADDR" --uid "$uid" \
				--version "$v" --mode cbc wrap "$how" unwrap
			last EKEYREJECTED '$' "... $how"
		done
	done
	client --address "$KMIP_ADDR" --uid "$uid" --mode cbc check
	last OK 'AES-CBC, the weakest way' "CBC gets a warning"
	old --tag append --versions 1.3,1.2
	mode_of gcm-appended "the tag at the end" --address "$OLD"
	old --tag append
	mode_of gcm-appended "... of a server with 1.4" --address "$OLD"
	old --refuse 9 --versions 1.2
	mode_of ctr "no GCM" --address "$OLD"
	old --refuse 9,6 --versions 1.2
	client --address "$OLD" --uid 1 --mode none check
	last EOPNOTSUPP 'AES-GCM.*tag at the end.*AES-CTR' "neither GCM nor CTR"
	grep -q 'next: --allow-cbc' <<<"$OUT"
	ok $? "... and what would help"
	mode_of cbc "CBC is allowed" --address "$OLD" --allow-cbc
	client --address "$OLD" --uid 1 --mode gcm check
	last EOPNOTSUPP 'KMIP 1.2 has no field' "GCM pinned, the server got older"
	old --refuse 9,6,1
	client --address "$OLD" --uid 1 --mode none --allow-cbc check
	last EOPNOTSUPP 'AES-CBC: .*Invalid Field' "a server without any"
}

# spoken OPERATION: the versions in which it was asked, one after the other
spoken() {
	sed -n "s/.*\"operation\": $((16#$1)),.*\"version\": \"\([0-9.]*\)\".*/\1/p" \
		"$SERVERS_DIR/log" | xargs
}

# Servers that know versions, and say so when they meet another.
versions() {
	local how v
	for v in 2.1 2.0 1.2; do
		for how in 4 3F close; do
			old --versions "$v" --unknown "$how" --tag append
			client --address "$OLD" --uid 1 --mode none check \
				wrap unwrap
			last OK 'same$' "KMIP $v alone, others: $how"
			grep -q "^check OK .*KMIP $v |" <<<"$OUT"
			ok $? "... is what is spoken"
		done
		old --versions "$v" --unknown 3F
		client --address "$OLD" create
		last OK '1$' "... Create in the form of $v"
	done
	old --versions 1.1,1.0 --unknown 3F
	client --address "$OLD" --uid 1 check
	last EPROTO 'does not say which' "no version that we speak"
	old --versions 1.4,9.9,1.1
	client --address "$OLD" --uid 1 check
	last OK 'KMIP 1\.4' "versions that we do not know are passed over"
	old --versions 9.9
	client --address "$OLD" --uid 1 check
	last EOPNOTSUPP 'no KMIP version from 1.2' "none but those"
}

# A server that refuses a version which it offers: the next lower, once.
refused_versions() {
	local reason
	for reason in 4 26 3D 3F; do
		old --versions 2.1,2.0 --broken "2.1=$reason"
		client --address "$OLD" --uid 1 wrap unwrap check
		last OK 'KMIP 2\.0' "2.1 is refused ($reason): 2.0"
		OUT="$(spoken 1f) $(spoken 20)"
		[ "$OUT" = "2.1 2.0 2.0 2.0 2.0" ]
		ok $? "... for the rest of the session"
	done
	old --versions 1.4,1.3,1.2 --broken 1.4=4
	client --address "$OLD" --uid 1 wrap
	last EPROTO 'Invalid Message' "never GCM without its tag: not lowered"
	OUT=$(spoken 1f)
	[ "$OUT" = 1.4 ]
	ok $? "... nor sent again"
	client --address "$OLD" --uid 1 --version 1.4 --mode ctr check
	last EPROTO 'Invalid Message' "a version that is pinned stays"
	old --versions 1.4,1.2 --broken 1.4=3F
	client --address "$OLD" --uid 1 --mode ctr wrap unwrap
	last OK 'same$' "1.3 is not offered: 1.2"
	old --versions 1.4,1.3,1.2 --broken 1.4=4,1.3=4
	client --address "$OLD,$OLD" --uid 1 --mode ctr wrap
	last EPROTO 'Invalid Message' "two are refused"
	OUT=$(spoken 1f)
	[ "$OUT" = "1.4 1.3" ]
	ok $? "... it is asked twice, no more"
}

credentials() {
	old
	client --address "$OLD" --uid 1 --user us\"er --password hunter2 wrap
	last OK . "with a name and a password"
	grep '"operation": 31' "$SERVERS_DIR/log" |
		grep -q '"username": "us.*er", "password_bytes": 7'
	ok $? "... they are sent"
	old
	client --address "$OLD" --uid 1 --ciphers ECDHE-ECDSA-CHACHA20-POLY1305 \
		wrap
	last OK . "a list of TLS 1.2 ciphers"
	client --address "$KMIP_ADDR" --uid "$(kmip_admin create)" \
		--ciphers ECDHE-ECDSA-AES256-GCM-SHA384 check
	last OK . "... one that the server has"
	client --address "$KMIP_ADDR" --uid 1 --ciphers DHE-RSA-AES256-SHA check
	last EHOSTUNREACH 'no TLS version or cipher in common' \
		"... one that it lacks"
	client --address "$KMIP_ADDR" --uid 1 --ciphers nonsense check
	says '^open EBADMSG .*no such TLS ciphers' "... one that is none"
}

# background COMMAND...: the client, its lines in $SERVERS_DIR/client.out
background() {
	"$CLIENT" --ca "$SERVERS_PKI/ca.pem" --cert "$SERVERS_PKI/client.pem" \
		--key "$SERVERS_PKI/client.key" --address "$KMIP_ADDR" "$@" \
		>"$SERVERS_DIR/client.out" 2>&1 &
}

# has_said N: the background client has printed so many results
has_said() { [ "$(grep -vc '^# ' "$SERVERS_DIR/client.out")" -ge "$1" ]; }

# revoked_while_open UID VERSION: a session that has wrapped sees it end
revoked_while_open() {
	local uid=$1 v=$2 go=$SERVERS_DIR/go
	rm -f "$go".[12]
	background --uid "$uid" --version "$v" wrap "wait=$go.1" unwrap \
		"wait=$go.2" unwrap
	wait_for 10 has_said 1
	kmip_admin deactivate "$uid"
	touch "$go.1"
	wait_for 10 has_said 2
	kmip_admin destroy "$uid"
	touch "$go.2"
	wait $!
	OUT=$(grep -v '^# ' "$SERVERS_DIR/client.out" | sed -n 2p)
	last EKEYREVOKED "key $uid is deactivated" "deactivated in use, $v"
	OUT=$(cat "$SERVERS_DIR/client.out")
	last ENOENT "there is no key $uid" "destroyed in use, $v"
	client --address "$KMIP_ADDR" --uid "$uid" --version "$v" check
	last ENOENT "there is no key $uid" "destroyed, $v"
}

identities() {
	local uid
	uid=$(kmip_admin create)
	AS=client-noeku client --address "$KMIP_ADDR" --uid "$uid" check
	last EACCES 'Authentication Not Successful' "no EKU in our certificate"
	AS=client-foreign client --address "$KMIP_ADDR" --uid "$uid" check
	last EACCES 'wants a client certificate that it knows' \
		"our certificate is from a foreign CA"
	AS=client-expired client --address "$KMIP_ADDR" --uid "$uid" check
	last EACCES 'our client certificate has expired by this machine.s clock' \
		"our certificate has expired"
	AS=client-future client --address "$KMIP_ADDR" --uid "$uid" check
	last EACCES 'our client certificate is not valid yet by this machine.s clock' \
		"our certificate is not valid yet"
	grep -q "next: Check this machine's clock" <<<"$OUT"
	ok $? "... look at the clock"
	CA=other-ca client --address "$KMIP_ADDR" --uid "$uid" check
	last EHOSTUNREACH 'from an unknown CA' "the server's CA is not ours"
	client --address "$KMIP_ADDR" --name wrong.test --uid "$uid" check
	last EHOSTUNREACH 'for another name than wrong.test' "wrong name"
	client --address "$KMIP_ADDR" --name 192.0.2.99 --uid "$uid" check
	last EHOSTUNREACH 'for another name' "wrong address in the name"
	client --address "$KMIP_ADDR" --uid "$uid" \
		--key "$SERVERS_PKI/client-other.key" check
	says '^open EBADMSG .*does not belong' "a key of another certificate"
	client --address "$KMIP_ADDR" --uid "$uid" --key /dev/null check
	says '^open EBADMSG .*not a private key' "a key that is none"
	client --address "$KMIP_ADDR" --uid "$uid" --cert /dev/null check
	says '^open EBADMSG .*no certificate' "a certificate that is none"
	client --address "$KMIP_ADDR" --uid "$uid" --ca /dev/null check
	says '^open EBADMSG .*CA file' "a CA file that holds none"
	client --address '127.0.0.1:no' --uid "$uid" check
	says '^open EINVAL .*HOST:PORT' "an address that is none"
}

# bad MODE ERRNO WORDS [SERVER OPTIONS]: one wrap
bad() {
	local mode=$1 errno=$2 words=$3
	shift 3
	old --mode "$mode" "$@"
	client --address "$OLD" --uid 1 --timeout 1500 wrap
	last "$errno" "$words" "$mode${*:+ ($*)}: $errno"
}

hostile() {
	local mode tls="server's certificate"
	bad plain EHOSTUNREACH 'does not speak TLS'
	bad good EHOSTUNREACH "$tls has expired by this machine's clock" \
		--cert server-expired
	bad good EHOSTUNREACH "$tls is not valid yet by this machine's clock" \
		--cert server-future
	grep -q "next: Check this machine's clock" <<<"$OUT"
	ok $? "... look at the clock"
	bad good EHOSTUNREACH "$tls is for another name" \
		--cert server-wrong-host
	bad good EHOSTUNREACH "$tls is from an unknown CA" \
		--cert server-foreign
	bad close-tcp EHOSTUNREACH 'during the TLS handshake|broke'
	for mode in silent-tcp silent no-answer truncated-open header-only \
		drip=400; do
		bad "$mode" ETIMEDOUT 'did not answer in time'
		in_time 1500 "$mode: the deadline is kept"
	done
	bad close EHOSTUNREACH 'without an answer'
	bad close-after-request EHOSTUNREACH 'without an answer'
	bad truncated EPROTO 'cut its answer short'
	for mode in garbage zeros wrong-tag wrong-type oversized \
		oversized-max endless; do
		bad "$mode" EPROTO 'no KMIP message, or is too long'
	done
	for mode in inner-too-long empty-message deep no-status no-item \
		two-items wrong-operation; do
		bad "$mode" EPROTO 'malformed KMIP message'
	done
	# the answer to Encrypt alone is bad
	for mode in no-data no-payload data-as-text; do
		bad "$mode" EPROTO 'answer to Encrypt is malformed' \
			--operation 1f
	done
	for mode in data=31 data=0 data=60000; do
		bad "$mode" EPROTO 'wrong length' --operation 1f
	done
	bad no-tag EOPNOTSUPP 'without giving a tag' --operation 1f
	bad append-tag EOPNOTSUPP 'without giving a tag' --operation 1f
	bad pending EPROTO 'neither done nor refused' --operation 1f
	bad status=3A EHOSTUNREACH 'Server Limit Exceeded' --operation 1f
	bad status=5 EOPNOTSUPP 'Operation Not Supported' --operation 1f
	bad status=7777 EPROTO 'unknown reason \(0x7777\)' --operation 1f
	bad unknown-tags OK .
	bad version OK . --operation 1f
	bad twice OK . --operation 1f
}

# Reasons that a server may give for a tampered capsule: all the same to us.
decrypt_reasons() {
	local reason
	for reason in A 100 7 6 24 3E 34; do
		old --mode status="$reason" --operation 20
		client --address "$OLD" --uid 1 wrap unwrap
		says '^unwrap EKEYREJECTED [0-9]+ $' "Decrypt answers $reason"
	done
	old --mode flip --operation 20
	client --address "$OLD" --uid 1 check
	last EPROTO 'gives something else' "check sees a wrong plaintext"
	old --mode data=31 --operation 20
	client --address "$OLD" --uid 1 wrap unwrap
	last EPROTO 'answer to Decrypt is malformed' "plaintext too short"
}

addresses() {
	local dead silent uid
	dead=127.0.0.1:1
	uid=$(kmip_admin create)
	client --address "$dead" --uid "$uid" check
	last EHOSTUNREACH "$dead: connection refused" "server down"
	client --address "$dead,$KMIP_ADDR" --uid "$uid" check wrap unwrap
	last OK 'same$' "the second address takes over"
	client --address "$dead,$KMIP_ADDR" --uid "$uid" check
	says "^check OK [0-9]+ $KMIP_ADDR " "... and is the one shown"
	silent=127.0.0.1:$(bad_server_start silent --mode silent)
	client --address "$silent,$KMIP_ADDR" --timeout 3000 --uid "$uid" \
		wrap unwrap
	last OK 'same$' "a silent first one leaves time for the second"
	client --address "$dead,$silent" --timeout 1500 --uid "$uid" wrap
	last ETIMEDOUT "$dead: connection refused; $silent: .*in time" \
		"each is named with its failure"
	client --address "$silent,$silent,$dead" --timeout 1500 --uid 1 wrap
	grep -q '^wrap ETIMEDOUT' <<<"$OUT"
	ok $? "the deadline holds for all together"
	took=$(cut -d' ' -f3 <<<"$OUT")
	[ "$took" -lt 2500 ]
	ok $? "... $took ms of 1500"
	bad_server_stop silent
	client --address "no-such-host.invalid" --timeout 5000 --uid 1 wrap
	last 'E(HOSTUNREACH|TIMEDOUT)' 'no-such-host.invalid' "no such name"
}

# A name server that never answers must not cost more than the deadline. In a
# mount namespace of its own, so that the machine's resolv.conf stays.
slow_names() {
	local port=53
	echo 'nameserver 127.0.0.99' >"$SERVERS_DIR/resolv.conf"
	"$PYTHON" -c '
import socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("127.0.0.99", int(sys.argv[1])))
    open(sys.argv[2], "w").close()
    time.sleep(60)' "$port" "$SERVERS_DIR/dns-ready" &
	wait_for 10 test -e "$SERVERS_DIR/dns-ready"
	# shellcheck disable=SC2016 # the inner shell expands it
	OUT=$(unshare -m sh -c 'mount --bind "$1" /etc/resolv.conf && shift &&
		exec "$@"' sh "$SERVERS_DIR/resolv.conf" "$CLIENT" \
		--ca "$SERVERS_PKI/ca.pem" --cert "$SERVERS_PKI/client.pem" \
		--key "$SERVERS_PKI/client.key" --uid 1 --timeout 1500 \
		--address kms.example.org wrap 2>&1)
	end_process $! 5
	last ETIMEDOUT 'kms.example.org does not resolve in time' \
		"a name server that does not answer"
	in_time 1500 "... the deadline is kept"
}

# The server restarts under an open session.
reconnecting() {
	local uid go=$SERVERS_DIR/go
	uid=$(kmip_admin create)
	rm -f "$go"
	background --uid "$uid" wrap "wait=$go" unwrap
	wait_for 10 has_said 1
	kmip_stop
	kmip_start
	touch "$go"
	wait $!
	OUT=$(cat "$SERVERS_DIR/client.out")
	last OK 'same$' "a restarted server is connected to anew"
}

# A spoilt answer on a connection that worked is not asked for again.
no_retry() {
	local port
	port=$(bad_server_start x --mode truncated --operation 1f --skip 1)
	client --address "127.0.0.1:$port" --uid 1 wrap wrap
	bad_server_stop x
	last EPROTO 'cut its answer short' "cut answer on a used connection"
	port=$(bad_server_start x --mode close-after-request --operation 1f \
		--skip 1 --times 1 --log "$SERVERS_DIR/retry-log")
	client --address "127.0.0.1:$port" --uid 1 wrap wrap
	bad_server_stop x
	last OK . "closed on a used connection: sent again"
	[ "$(grep -c handshake "$SERVERS_DIR/retry-log")" = 2 ]
	ok $? "... over one new connection"
	rm -f "$SERVERS_DIR/retry-log"
	port=$(bad_server_start x --mode close-after-request --operation 1 \
		--log "$SERVERS_DIR/retry-log")
	client --address "127.0.0.1:$port,127.0.0.1:$port" create
	bad_server_stop x
	last EHOSTUNREACH 'without an answer' "Create without an answer"
	[ "$(grep -c '"operation": 1,' "$SERVERS_DIR/retry-log")" = 1 ]
	ok $? "... is sent once only"
}

rsa_server() {
	local uid
	kmip_stop
	kmip_start --cert server-rsa
	uid=$(kmip_admin create)
	client --address "$KMIP_ADDR" --uid "$uid" check wrap unwrap
	last OK 'same$' "a server with RSA and CBC suites only"
}

# All groups, or those that are named.
[ $# -gt 0 ] || set -- round_trips tampering modes versions refused_versions \
	credentials states identities hostile decrypt_reasons addresses slow_names no_retry reconnecting rsa_server
kmip_start || exit 1
OLD=127.0.0.1:$(bad_server_start old --log "$SERVERS_DIR/log") || exit 1
for group; do
	"$group"
done
kms_end
