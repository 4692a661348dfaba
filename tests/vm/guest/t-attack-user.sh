#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What somebody with an account on the machine can do to a volume: nothing. Each
# attempt is made as a user, and as root of a user namespace, and is to fail for
# want of permission; as root it succeeds where that makes sense, which shows
# that it is the permission that was wanting.
# vm: --smp 1 --mem 1G --timeout 900 --disk 64M
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# shellcheck source=upcall-lib.sh
. ./upcall-lib.sh

user=12345
parameters=/sys/module/kmscrypt/parameters
# what the user may lock in memory is not what the programs are to fail of
ulimit -l unlimited
no='not permitted|[Pp]ermission denied|must be superuser|[Oo]peration not'
no="$no|[Pp]ermission|is run by /sbin/request-key only"
# to keyctl security the kernel says so: it looked for the right to instantiate
no="$no|keyctl_getsecurity: Required key not available"

# as_user COMMAND...: without any right of root's, in a session of its own
as_user() {
	setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all \
		--bounding-set=-all --no-new-privs \
		keyctl session - "$@" </dev/null 2>&1
}

# in_namespace COMMAND...: the same, but root as far as its namespaces go
in_namespace() {
	setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all \
		unshare -Urmn keyctl session - "$@" </dev/null 2>&1
}

# refused_as WHO COMMAND...: it fails, and for want of permission
refused_as() {
	local said status

	said=$("$@")
	status=$?
	[ "$status" -ne 0 ] || {
		echo "succeeded: $said"
		return 1
	}
	like "$no" "$said"
}

# denied NAME COMMAND...: to a user, in both ways
denied() {
	local name=$1
	shift

	ok "$name: denied" refused_as as_user "$@"
	ok "$name: denied in a namespace" refused_as in_namespace "$@"
}

# root_only NAME COMMAND...: the same, and root can
root_only() {
	denied "$@"
	ok "$1: root can" "${@:2}"
}

# A path cannot be opened, whatever the mode
closed() {
	root_only "read $1" dd if="$1" of=/dev/null bs=512 count=1
	denied "write $1" dd if=/dev/null of="$1" conv=notrunc
}

fresh "$disk"
line=$(table "$disk")
create vol "$line" || echo 'Bail out! no volume'
serial=$(dmsetup status vol | sed 's/.* key=//; s/ .*//')
description=$(keyctl rdescribe "$serial" | sed 's/.*;//')
ok "the namespace is one" is 0 "$(in_namespace id -u | tail -n 1)"
ok "the user is one" is "$user" "$(as_user id -u | tail -n 1)"

# --- what is on disk ---
for file in $(find /etc/kmscrypt -type f) $(find /var/lib/kmscrypt -type f); do
	closed "$file"
done
for folder in /etc/kmscrypt /var/lib/kmscrypt /run/kmscrypt; do
	mkdir -p $folder && chmod 700 $folder
	root_only "list $folder" ls $folder
	root_only "make a file in $folder" touch $folder/new
	rm -f $folder/new
done
closed "$disk"
closed "$(realpath /dev/mapper/vol)"
denied "open /dev/mapper/control" dd if=/dev/mapper/control of=/dev/null count=0
denied "another rule for request-key" \
	sh -c 'echo x >>/etc/request-key.d/kmscrypt.conf'
denied "a rule of their own" sh -c 'echo x >/etc/request-key.d/a.conf'
denied "another helper" cp /bin/true /usr/sbin/kmscrypt-upcall

# --- keys ---
for ring in @s @u @us @p; do
	denied "add_key to $ring" keyctl add .kmscrypt "$description" x $ring
	denied "request_key to $ring" keyctl request2 .kmscrypt "$description" \
		'' $ring
done
ok "add_key is nobody's, root's neither" refused_as \
	sh -c "keyctl add .kmscrypt $description x @s 2>&1"
denied "a keyring with the type's name" keyctl newring .kmscrypt @s
denied "a session with it" keyctl session .kmscrypt true
for verb in describe read pipe revoke invalidate clear security; do
	denied "key: $verb" keyctl $verb "$serial"
done
denied "key: update" keyctl update "$serial" x
denied "key: link" keyctl link "$serial" @s
# to 0, which a namespace has too: the user
denied "key: chown" keyctl chown "$serial" 0
denied "key: timeout" keyctl timeout "$serial" 1
denied "key: setperm" keyctl setperm "$serial" 0x3f3f3f3f
denied "key: instantiate" keyctl instantiate "$serial" x @s
denied "key: negate" keyctl negate "$serial" 10 @s
denied "key: reject" keyctl reject "$serial" 10 rejected @s
ok "the key is not in the user's /proc/keys" not \
	grep -q kmscrypt <(as_user cat /proc/keys)
ok "... but in root's" grep -q "\.kmscrypt.*$description" /proc/keys

# --- device-mapper ---
root_only "dmsetup table" dmsetup table vol
root_only "dmsetup status" dmsetup status vol
root_only "dmsetup message renew" dmsetup message vol 0 renew
denied "dmsetup message lock" dmsetup message vol 0 lock
denied "dmsetup message unlock" dmsetup message vol 0 unlock
denied "dmsetup create" dmsetup create --noudevsync other --table "$line"
denied "dmsetup reload" dmsetup reload vol --table "$line"
denied "dmsetup suspend" dmsetup suspend --noudevsync vol
denied "dmsetup rename" dmsetup rename --noudevsync vol other
denied "dmsetup remove" dmsetup remove --noudevsync vol
denied "dmsetup remove_all" dmsetup remove_all --force
ok "the volume is as it was" like ' active ' "$(dmsetup status vol)"

# --- the command line ---
for words in 'kms show' 'kms check' 'kms set local' 'kms unset' 'list' \
	"dump $disk" "table $disk" 'status vol' 'close vol' "open $disk vol2" \
	"format --force $disk" "erase --yes --force $disk"; do
	# shellcheck disable=SC2086 # words are what is meant
	ok "kmscrypt $words: fails" not as_user kmscrypt $words
	# shellcheck disable=SC2086
	ok "kmscrypt $words: fails in a namespace" not in_namespace kmscrypt \
		$words
done
for words in 'kms show' 'kms check' list "dump $disk" "table $disk" \
	'status vol'; do
	# shellcheck disable=SC2086
	ok "kmscrypt $words: root can" kmscrypt $words
done

# --- the kernel's windows ---
for file in "$parameters/timeout_ms" "$parameters/renew_ms"; do
	denied "write $file" sh -c "echo 1 >$file"
	ok "write $file: root can" sh -c "was=\$(cat $file) && echo \$was >$file"
done
root_only "debugfs" ls /sys/kernel/debug
root_only "tracefs" ls /sys/kernel/tracing
root_only "read /proc/kcore" dd if=/proc/kcore of=/dev/null bs=64 count=1
root_only "read /dev/mem" dd if=/dev/mem of=/dev/null bs=64 count=1
root_only "read /proc/kpageflags" dd if=/proc/kpageflags of=/dev/null bs=8 \
	count=1

# --- the helper, by hand ---
# refuses ARGUMENTS: it does nothing, and says who may run it
refuses() {
	ok "the helper by hand ($*)" refused_as as_user kmscrypt-upcall "$@"
	ok "the helper by hand ($*), in a namespace" refused_as in_namespace \
		kmscrypt-upcall "$@"
}
refuses
refuses "$serial"
refuses 1
refuses 0
refuses -1
refuses 99999999999999999999
refuses "$serial" "$serial"
refuses --help
refuses "%k"
refuses "$(printf 'A%.0s' {1..4000})"
ok "the helper by hand, with a key of the user's" refused_as as_user sh -c \
	'keyctl add user x y @s | xargs kmscrypt-upcall'
ok "the helper by hand, with another configuration" refused_as as_user env \
	KMSCRYPT_ROOT=/tmp LD_PRELOAD=/nowhere.so kmscrypt-upcall "$serial"
# which says why in the system's log alone
ok "request-key by hand" not as_user /sbin/request-key create "$serial" "$user" \
	"$user" 0 0 0

# --- the helper, while it works ---
# It waits for what does not come: its key is under construction.
cat >"$t/slow" <<-'END'
	#!/bin/sh
	echo $$ >/run/slow.pid
	exec sleep 600
END
chmod 755 "$t" "$t/slow"
remove vol
sed -i "s,/[^ ]*kmscrypt-upcall,$t/slow," /etc/request-key.d/kmscrypt.conf
create vol "$line" >/dev/null 2>&1 &
ok "a helper waits" in_time 20 test -s /run/slow.pid
pid=$(cat /run/slow.pid)
serial=$((16#$(sed -n 's/^\([0-9a-f]*\) .*\.kmscrypt .*@.*/\1/p' /proc/keys |
	head -n 1)))
ok "... for a key" [ "$serial" -gt 0 ]
denied "an answer to it" keyctl instantiate "$serial" x @s
denied "a refusal to it" keyctl reject "$serial" 60 rejected @s
ok "the helper by hand, with a key under construction" refused_as as_user \
	kmscrypt-upcall "$serial"
root_only "the helper's environment" cat "/proc/$pid/environ"
root_only "the helper's memory" dd if="/proc/$pid/mem" of=/dev/null count=0
root_only "the helper's map" cat "/proc/$pid/maps"
root_only "the helper's descriptors" ls "/proc/$pid/fd"
denied "kill the helper" kill -KILL "$pid"
denied "stop the helper" kill -STOP "$pid"
ok "the helper lives" kill -0 "$pid"
kill -KILL "$pid"
wait
denied "unload the module" rmmod kmscrypt
denied "load another" insmod "$KMSC_MODULE"
done_testing
