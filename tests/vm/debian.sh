# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A private apt, sourced by kernel.sh: it reads Debian suites that the machine
# itself does not use, and leaves the machine's own lists, sources and package
# database alone.
#
# No mirror is named here. It is the one that the machine's own apt fetches
# Debian from, whatever that is.

debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# debian_mirrors: the "URI SUITE" pairs that the machine's own apt is
# configured with, also where no list was ever fetched.
debian_mirrors() {
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --no-release-info \
		--format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		sort -u
}

# debian_mirror SUITE: the URI that serves SUITE. The security archive is a
# repository of its own; all other suites are in the one that the machine
# installs itself from.
debian_mirror() {
	local suite=$1 own uri pattern

	# shellcheck source=/dev/null
	own=$(. /etc/os-release && echo "$VERSION_CODENAME")
	case $suite in
	*-security) pattern='-security$' ;;
	*) pattern="^$own\$" ;;
	esac
	uri=$(debian_mirrors | awk -v p="$pattern" '$2 ~ p { print $1; exit }')
	if [ -z "$uri" ]; then
		echo "debian: this machine's apt has no source for $suite" >&2
		return 1
	fi
	echo "$uri"
}

# debian_sources SUITE...: a sources.list for these suites
debian_sources() {
	local suite uri

	for suite; do
		uri=$(debian_mirror "$suite")
		echo "deb [arch=amd64 signed-by=$debian_keyring]" \
			"$uri $suite main"
	done
}

# debian_init DIR SUITE...: fetch the lists of SUITEs into DIR and define
# debian_apt, which reads them.
debian_init() {
	local dir=$1
	shift

	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	debian_sources "$@" >"$dir/sources.list"
	debian_options=(
		-q
		-o Dir::State="$dir"
		-o Dir::State::status="$dir/status"
		-o Dir::Cache="$dir/cache"
		-o Dir::Etc::sourcelist="$dir/sources.list"
		-o Dir::Etc::sourceparts=/dev/null
		-o Dir::Etc::preferencesparts=/dev/null
		-o Acquire::Languages=none
		-o Acquire::Retries=3
		# sid's Release file can be older than it says it may be
		-o Acquire::Check-Valid-Until=false
		-o APT::Architecture=amd64
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
		# the cache belongs to the caller, not to user _apt
		-o APT::Sandbox::User=
		# the machine's own hooks are none of ours
		-o APT::Update::Post-Invoke-Success=
	)
	# apt does not take a backport unless told
	case ${*: -1} in
	*-backports)
		debian_options+=(-o APT::Default-Release="${*: -1}")
		;;
	esac
	debian_apt update
}

debian_apt() {
	apt-get "${debian_options[@]}" "$@"
}

# debian_closure PACKAGE...: all packages that installing these would bring
debian_closure() {
	debian_apt --simulate --no-install-recommends install "$@" |
		awk '$1 == "Inst" { print $2 }'
}

# debian_unpack DIR PACKAGE...: download and unpack under DIR, install nothing
debian_unpack() {
	local dir=$1 deb
	shift

	mkdir -p "$dir/deb"
	(cd "$dir/deb" && debian_apt download "$@")
	for deb in "$dir"/deb/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	rm -r "$dir/deb"
}
