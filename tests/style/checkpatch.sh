#!/bin/bash
# Print the path of the kernel's checkpatch.pl.
#
# Debian ships it only inside the kernel source package, so it is taken from
# there once and kept in the cache outside the checkout.
set -euo pipefail

cache=${KMSCRYPT_CACHE:-$HOME/.cache/kmscrypt}/checkpatch
if [[ -x $cache/checkpatch.pl ]]; then
	printf '%s\n' "$cache/checkpatch.pl"
	exit 0
fi

mkdir -p "${cache%/*}"
tmp=$(mktemp -d "${cache%/*}/checkpatch.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
(
	cd "$tmp"
	apt-get -o APT::Sandbox::User=root download \
		linux-source-6.1 >&2
	mkdir out
	dpkg-deb --fsys-tarfile linux-source-6.1_*.deb |
		tar -xO --wildcards './usr/src/linux-source-6.1.tar.xz' |
		tar -xJ -C out --strip-components=2 \
			linux-source-6.1/scripts/checkpatch.pl \
			linux-source-6.1/scripts/spelling.txt \
			linux-source-6.1/scripts/const_structs.checkpatch
)
rm -rf "$cache"
mv "$tmp/out" "$cache"
printf '%s\n' "$cache/checkpatch.pl"
