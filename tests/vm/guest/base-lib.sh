# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What all tests in the guest say of a command. Sourced, mostly by kernel-lib.sh
# and upcall-lib.sh.

# not COMMAND...: fails if the command succeeds
not() {
	! "$@"
}

# is WANTED GOT
is() {
	[ "$1" = "$2" ] || {
		printf 'wanted: %s\ngot:    %s\n' "$1" "$2"
		return 1
	}
}

# like PATTERN TEXT: an extended regular expression
like() {
	[[ $2 =~ $1 ]] || {
		printf 'wanted: %s\ngot:    %s\n' "$1" "$2"
		return 1
	}
}

# in_time SECONDS COMMAND...: try until it succeeds; longer on a slow kernel
in_time() {
	local end=$((SECONDS + $1 * ${KMSC_SLOW:-1}))
	shift

	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || {
			echo "in vain: $*"
			"$@"
			return 1
		}
		sleep 0.1
	done
}

# often SOAKED USUAL [SLOW]: how many times a test does something: as often as we
# promise with SOAK=1, else few times, and on a slow kernel as many times fewer
# as all takes longer there, but twice if it is more than once. SLOW where fewer
# would be no test of it any more.
often() {
	local slow=${KMSC_SLOW:-1} n=$2

	if [ "${SOAK:-}" = 1 ]; then
		n=$1
	elif [ "$slow" -gt 1 ]; then
		n=$((($2 + slow - 1) / slow))
		[ "$n" -gt 1 ] || n=$(($2 < 2 ? $2 : 2))
		n=${3:-$n}
	fi
	echo "$n"
}

# slowly MS: in milliseconds too, what takes longer on a slow kernel
slowly() {
	echo $(($1 * ${KMSC_SLOW:-1}))
}

# in_memory PROGRAM...: A program's start over 9p takes a second, and a clock
# that counts instructions runs on meanwhile, fast, for as long as the host
# takes. Touched, a program is in memory, and so are its libraries.
in_memory() {
	local program

	for program; do
		type -P "$program"
		ldd "$(type -P "$program")" | grep -o '/[^ ):]*'
	done | sort -u | xargs touch -c
}
