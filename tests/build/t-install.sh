#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Building, installing, uninstalling and dkms, each into folders of our own (TAP).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

t=$PWD/build/install-test
rm -rf "$t"
mkdir -p "$t"
trap 'rm -rf "$t"' EXIT
n=0 failed=0

# ok NAME COMMAND...
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$t/log" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		tail -n 20 "$t/log" | sed 's/^/# /'
		failed=1
	fi
}

# A module that has to be compiled anew, so that every warning shows.
module_without_warnings() {
	rm -rf build/module/native
	make module >"$t/make.log" 2>&1 || { cat "$t/make.log"; return 1; }
	! grep -iE 'warning:|error:' "$t/make.log"
}

files() {
	(cd "$1" && find . ! -type d | sed 's/^\.//' | sort)
}

installed() {
	make -s install DESTDIR="$t/root" || return
	files "$t/root" >"$t/files"
	for file in /usr/sbin/kmscrypt /usr/sbin/kmscrypt-upcall \
		/etc/request-key.d/kmscrypt.conf \
		/usr/share/man/man8/kmscrypt.8 \
		/usr/share/man/man8/kmscrypt-upcall.8 \
		/usr/share/man/man5/kmscrypt-json.5 \
		/usr/lib/systemd/system/kmscrypt-open.service \
		/usr/lib/systemd/system/kmscrypt-unlock@.service \
		/usr/lib/systemd/system-sleep/kmscrypt \
		/usr/lib/udev/rules.d/09-kmscrypt.rules \
		/usr/lib/udev/rules.d/98-kmscrypt.rules \
		/usr/share/bash-completion/completions/kmscrypt; do
		grep -qxF "$file" "$t/files" || { echo "no $file"; return 1; }
	done
	grep -qE '^/lib/modules/[^/]+/extra/kmscrypt\.ko' "$t/files"
}

# The rule names the helper where it was installed, with another prefix too.
other_prefix() {
	make -s install-user DESTDIR="$t/local" prefix=/usr/local || return
	grep -qx 'ExecStart=/usr/local/sbin/kmscrypt open --all' \
		"$t/local/usr/local/lib/systemd/system/kmscrypt-open.service" ||
		return
	[[ -x $t/local/usr/local/sbin/kmscrypt-upcall ]] &&
		grep -qx 'create .kmscrypt \* \* /usr/local/sbin/kmscrypt-upcall %k' \
			"$t/local/etc/request-key.d/kmscrypt.conf"
}

# systemd only logs what it does not know in a unit, and leaves it out.
# unit_complaints UNIT [SED-SCRIPT]: about ours, or a changed one
unit_complaints() {
	mkdir -p "$t/unit"
	sed "s,=/usr/,=$t/root/usr/,; ${2:-}" \
		"$t/root/usr/lib/systemd/system/$1" >"$t/unit/$1"
	systemd-analyze verify --man=no "$t/unit/${1/@/@x}" 2>&1 |
		grep kmscrypt
}

units_are_whole() {
	local unit

	for unit in kmscrypt-open.service kmscrypt-unlock@.service; do
		[[ -z $(unit_complaints "$unit") ]] || {
			unit_complaints "$unit"
			return 1
		}
		[[ $(unit_complaints "$unit" 's/^ExecStart/ExecStarts/') == \
			*ExecStarts* ]] || return
	done
}

# Device-mapper asks modprobe for the target by this name.
loads_by_itself() {
	modinfo -F alias build/module/native/kmscrypt.ko | grep -qx dm-kmscrypt
}

# Configuration stays; of what install brought, nothing does.
uninstalled() {
	mkdir -p "$t/root/etc/kmscrypt/entries"
	echo '{}' >"$t/root/etc/kmscrypt/entries/default.json"
	make -s uninstall DESTDIR="$t/root" || return
	files "$t/root" | grep -v '/modules\.' >"$t/left"
	diff "$t/left" - <<</etc/kmscrypt/entries/default.json
}

dkms_builds() {
	local kernel version

	make -s dkms-install DESTDIR="$t/dkms" || return
	kernel=$(basename "$(dirname "$(make -s print-kdir)")")
	version=$(basename "$t"/dkms/usr/src/kmscrypt-*)
	version=${version#kmscrypt-}
	mkdir -p "$t/tree"
	dkms build --sourcetree "$t/dkms/usr/src" --dkmstree "$t/tree" \
		-m kmscrypt -v "$version" -k "$kernel" || return
	find "$t/tree" -name 'kmscrypt.ko*' | grep -q .
}

# The same source under a version check: nobody forgot to list a file.
version_agrees() {
	[[ $(build/kmscrypt version) == *"$(make -s print-version)"* ]]
}

echo 1..8
ok "the module builds without a warning (W=1)" module_without_warnings
ok "make install brings every part" installed
ok "make install honours prefix" other_prefix
ok "systemd takes the units, and would refuse wrong ones" units_are_whole
ok "the kernel can load the module for a table" loads_by_itself
ok "make uninstall leaves the configuration alone" uninstalled
ok "dkms builds the module from what dkms-install brings" dkms_builds
ok "the program knows the version of the Makefile" version_agrees
exit "$failed"
