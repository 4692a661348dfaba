#!/bin/bash
# Install the Debian packages that build, tests and demo need, all of them
# named in tests/**/packages.txt. Asks apt only when something is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t wanted < <(cat tests/packages.txt tests/*/packages.txt |
	grep -v '^#' | sort -u)

missing=()
for package in "${wanted[@]}"; do
	state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
	[[ $state == 'install ok installed' ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
	exit 0
fi

echo "installing: ${missing[*]}"
if ((EUID != 0)); then
	echo "missing packages, and only root can install them: ${missing[*]}" >&2
	exit 1
fi
mkdir -p build
log=build/apt.log
export DEBIAN_FRONTEND=noninteractive
apt_get() {
	apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" \
		>>"$log" 2>&1 </dev/null
}
apt_get update || true	# one stale list of many must not stop us
if ! apt_get install -y --no-install-recommends "${missing[@]}"; then
	tail -n 20 "$log" >&2
	for package in "${missing[@]}"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q 'ok installed' ||
			echo "package missing: $package" >&2
	done
	exit 1
fi
