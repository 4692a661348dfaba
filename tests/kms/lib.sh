# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # CLIENT is for those who source this
# For the t-*.sh beside it: a client that is built, the servers, TAP.
#
#   . lib.sh; kms_begin NAME    builds build/kms/NAME: CLIENT
#   ok STATUS NAME              one result; OUT is shown if it failed
#   kms_end                     the plan; call it last

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=../servers/lib.sh
. tests/servers/lib.sh

COUNT=0
FAILED=0
OUT=

kms_begin() {
	CLIENT=build/kms/$1
	make -s -f Makefile -f tests/kms/kms.mk "$CLIENT" && servers_begin
}

kms_end() {
	echo "1..$COUNT"
	[ "$FAILED" = 0 ]
	exit
}

ok() {
	COUNT=$((COUNT + 1))
	if [ "$1" = 0 ]; then
		echo "ok $COUNT - $2"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $COUNT - $2"
		printf '%s\n' "$OUT" | sed 's/^/# /'
	fi
}

# What a client says of its last command
last_line() { grep -v '^# ' <<<"$OUT" | tail -n 1; }

# says PATTERN NAME: that matches a regular expression
says() {
	last_line | grep -Eq -- "$1"
	ok $? "$2"
}

# last ERRNO WORDS NAME: the last command ended with ERRNO and these words
last() { says "^[a-z]+ $1 [0-9]+ .*$2" "$3"; }

# in_time MS NAME: the last command took between half of MS and MS + 1 s
in_time() {
	local took
	took=$(last_line | cut -d' ' -f3)
	[ "$took" -ge $(($1 / 2)) ] && [ "$took" -le $(($1 + 1000)) ]
	ok $? "$2"
}
