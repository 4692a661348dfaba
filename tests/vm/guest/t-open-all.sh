#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# open --all: every volume that the registry knows, that is there and closed;
# what fails is named; killed half-way, a second run finishes.
# vm: --mem 1G --timeout 600
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh

top=$PWD/../../..
volumes=/var/lib/kmscrypt/volumes
modprobe loop

# volume NAME LABEL: a new one on a loop device; ${dev[NAME]}, ${id[NAME]}
declare -A dev id
volume() {
	truncate -s 20M "$t/$1.img"
	dev[$1]=$(losetup --show --find "$t/$1.img")
	kmscrypt format --label "$2" "${dev[$1]}" >/dev/null || exit 1
	# no keyslots: what their place was wiped with would fill the memory
	fallocate --punch-hole --offset 1M --length 14M "$t/$1.img"
	id[$1]=$(cryptsetup luksUUID "${dev[$1]}")
}

# all CODE [OPTION...]: exit status of open --all; it says $(out), $(err)
all() {
	local code=$1 status=0
	shift

	kmscrypt open --all "$@" >"$t/out" 2>"$t/err" || status=$?
	is "$code" "$status" || {
		cat "$t/out" "$t/err"
		return 1
	}
}
out() { cat "$t/out"; }
err() { cat "$t/err"; }

# as_documented: each line but the last, and the last
as_documented() {
	out | head -n -1 | python3 "$top/tests/cli/json-schema.py" \
		"$top/man/kmscrypt-json.5" check 'open --all VOLUME' &&
		out | tail -n 1 | python3 "$top/tests/cli/json-schema.py" \
			"$top/man/kmscrypt-json.5" check 'open --all'
}

# counts OPENED OPEN ABSENT FAILED: the last line of the JSON says so
counts() {
	is "{\"failed\":$4,\"opened\":$1,\"open\":$2,\"absent\":$3}" \
		"$(out | tail -n 1)"
}

# mapped NAME VOLUME: is active, and that volume's
mapped() {
	like ' active ' " $(dmsetup status "$1" | cut -d' ' -f4-) " &&
		is "KMSCRYPT-${id[$2]}-$1" \
			"$(dmsetup info -c --noheadings -o uuid "$1")"
}

# none but NAME...: mappings that there are
mappings() {
	is "$*" "$(dmsetup ls --target kmscrypt | cut -f1 | sort | xargs)"
}

# without_table: mappings whose opening has begun and not ended
without_table() {
	dmsetup info -c --noheadings -o name,attr | grep -c ':---' || true
}

close_all() {
	local name

	for name in $(dmsetup ls | grep -v '^No devices' | cut -f1); do
		dmsetup remove --noudevsync --noudevrules "$name" || return
	done
}

# Five helpers answer, those that come later wait for $t/go: there is a midway.
slow() {
	cat >"$t/slow" <<-END
		#!/bin/sh
		i=1
		while ! mkdir $t/ticket.\$i 2>/dev/null; do i=\$((i + 1)); done
		while [ \$i -gt 5 ] && [ ! -e $t/go ]; do sleep 0.2; done
		exec /usr/sbin/kmscrypt-upcall "\$@"
	END
	chmod +x "$t/slow"
	echo "create .kmscrypt * * $t/slow %k" >/etc/request-key.d/kmscrypt.conf
}

midway() {
	[ "$(grep -c ': open as' "$t/first")" = 5 ] && [ -d "$t/ticket.8" ]
}

fast() {
	echo 'create .kmscrypt * * /usr/sbin/kmscrypt-upcall %k' \
		>/etc/request-key.d/kmscrypt.conf
}

# --- all of them ---
ok 'no volumes: fine' all 0
ok '... says so' like 'no volumes' "$(out)"
volume one data
volume two twin
volume three twin
volume four 'not a name'
volume five five
ok 'opens all' all 0 --json
ok '... says so' counts 5 0 0 0
ok '... as documented' as_documented
ok 'by label' mapped data one
ok 'two of one label by UUID' mapped "${id[two]}" two
ok '... the other too' mapped "${id[three]}" three
ok 'what cannot be a name by UUID' mapped "${id[four]}" four
ok 'again: nothing to do' all 0
ok '... says so' like 'all 5 were open already' "$(out)"
kmscrypt close data >/dev/null
kmscrypt open "${dev[one]}" other >/dev/null
ok 'open under another name is open' all 0 --json
ok '... says so' counts 0 5 0 0
ok '... and its name' like '"name":"other"' "$(out)"
ok 'all are closed' close_all
ok 'read-only' all 0 --readonly
ok '... is' is 1 "$(blockdev --getro /dev/mapper/data)"
ok 'all are closed' close_all

# --- not where they were, or not as they were ---
losetup --detach "${dev[one]}"
ok 'a volume is absent: no failure' all 0 --json
ok '... says so' counts 4 0 1 0
ok '... as documented' as_documented
kmscrypt close five >/dev/null
losetup --detach "${dev[five]}"
# each on the device of the other
losetup "${dev[one]}" "$t/five.img"
losetup "${dev[five]}" "$t/one.img"
ok 'two that have changed places' all 0 --json
ok '... open' counts 2 3 0 0
ok '... as themselves' mapped data one
ok '... both' mapped five five
ok 'all are closed' close_all
losetup --detach "${dev[five]}"
one=$(losetup --show --find "$t/one.img")
copy=$(losetup --show --find "$t/one.img")
ok 'two copies elsewhere: none is opened' all 7 --json
ok '... says so' counts 4 0 0 1
ok '... and why' like '2 devices have this volume' "$(out)"
losetup --detach "$copy"
ok 'one of them alone is' all 0 --json
ok 'all are closed' close_all
losetup --detach "$one"
losetup "${dev[five]}" "$t/one.img"
# a disk's label is not the registry's
cryptsetup config "${dev[five]}" --label root
ok 'another label on the disk' all 0
ok '... names nothing' mapped data one
ok 'all are closed' close_all
# the header of one is damaged, another's key is not what was pinned
dd if=/dev/zero of="${dev[two]}" bs=64k count=1 oflag=direct status=none
sed -i 's/\("volume_key_id": *"\)..../\1AAAA/' "$volumes/${id[three]}.json"
ok 'two that do not open' all 7 --json
ok '... the others do' counts 3 0 0 2
ok '... as documented' as_documented
ok '... one is named' like "${id[two]}[^{]*\"result\":\"failed\"" "$(out)"
ok '... with why' like "${id[three]}.*EKEYREJECTED" "$(out)"
ok '... and what to do' like 'PARTLY.*2 of 5 volumes do not open' "$(err)"
rm "$volumes/${id[two]}.json" "$volumes/${id[three]}.json"
ok 'all are closed' close_all

# --- at the same time, and killed ---
for n in {1..14}; do
	volume "many$n" "many$n"
done
mkdir -p /run/kmscrypt/opening
flock --no-fork /run/kmscrypt/opening/"${id[four]}" sleep 60 &
holder=$!
ok 'one that another process is opening' all 7 --timeout 1
ok '... is named' like "${id[four]}.*another process is opening" "$(out)"
kill $holder
wait $holder 2>/dev/null
ok 'all are closed' close_all
slow
kmscrypt open --all >"$t/first" 2>&1 &
opener=$!
ok 'some are open, some are being opened' in_time 60 midway
kill -KILL $opener
wait $opener 2>/dev/null
ok 'killed: nobody goes on' in_time 10 not pgrep -x kmscrypt
ok '... some are open' is 5 "$(dmsetup ls --target kmscrypt | wc -l)"
ok '... and some half-made' [ "$(without_table)" -gt 0 ]
: >"$t/go"
fast
ok 'a second run finishes' all 0 --json
ok '... says so' counts 12 5 0 0
ok '... all of them' is 17 "$(out | grep -c '"result":"open')"
ok '... and nothing else' is 0 "$(without_table)"
ok 'all are there' is 17 "$(dmsetup ls --target kmscrypt | wc -l)"
ok 'all are closed' close_all
dmsetup create --noudevsync --noudevrules --notable \
	--uuid "KMSCRYPT-${id[four]}-mine" mine
ok 'what a killed open has begun' all 0
ok '... is finished under its name' mapped mine four
kmscrypt close mine >/dev/null
dmsetup create --noudevsync --noudevrules --notable \
	--uuid "KMSCRYPT-${id[four]}-mine" mine
ok '... and by open itself' kmscrypt open "${dev[four]}" mine
ok '... too' mapped mine four
ok 'all are closed' close_all

# --- what all of them cost, beside one ---
# With a KMS that takes 20 ms. The processors are emulated, so the ratio alone
# says something, and nothing is judged by it.
rm -f "$volumes"/* # with their devices, and those that were damaged
many=$([ "${SOAK:-}" = 1 ] && echo 256 || echo 16)
for ((n = 1; n <= many; n++)); do
	volume "all$n" "all$n"
done
cat >"$t/distant" <<-END
	#!/bin/sh
	sleep 0.02
	exec /usr/sbin/kmscrypt-upcall "\$@"
END
chmod +x "$t/distant"
echo "create .kmscrypt * * $t/distant %k" >/etc/request-key.d/kmscrypt.conf
echo 120000 >/sys/module/kmscrypt/parameters/timeout_ms

now_ms() {
	local us=${EPOCHREALTIME/[.,]/}

	echo "${us%???}"
}

one=0
for n in 1 2 3; do
	begin=$(now_ms)
	kmscrypt open "${dev[all$n]}" "all$n" >/dev/null
	one=$((one + $(now_ms) - begin))
done
one=$((one / 3))
ok 'all are closed' close_all
begin=$(now_ms)
ok "$many volumes: all open" all 0 --json --timeout 1200
took=$(($(now_ms) - begin))
ok '... says so' counts "$many" 0 0 0
echo "# one: $one ms, $many at once: $took ms, $((took * 10 / one)) tenths of it"
ok 'all are closed' close_all
done_testing
