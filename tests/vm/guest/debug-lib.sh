# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # kernel-lib.sh sets the rest
#
# What only the kernel "debug" can do, for the guest tests d-*.sh: see leaks,
# and make allocations and requests fail. Sourced.

debugfs=/sys/kernel/debug

# --- leaks ---

# leaks_scan: twice, since an object whose content changed is not reported the
# first time, and late, since one younger than 5 s is not reported at all
leaks_scan() {
	sleep 6
	echo scan >$debugfs/kmemleak
	sleep 1
	echo scan >$debugfs/kmemleak
}

# leaks_forget: what was leaked before is not ours
leaks_forget() {
	leaks_scan
	echo clear >$debugfs/kmemleak
}

# no_leak: nothing was lost since leaks_forget; shows who allocated it if so
no_leak() {
	leaks_scan
	not grep '' $debugfs/kmemleak
}

# objects CACHE: how many objects are in use, those that only KASAN still
# remembers and those that a processor keeps ready not counted
objects() {
	echo 1 >"/sys/kernel/slab/$1/shrink"
	cut -d' ' -f1 "/sys/kernel/slab/$1/objects"
}

# --- faults ---

# fault KIND [SETTING=VALUE...]: failslab, fail_page_alloc, fail_make_request;
# off without settings. Those that only some tasks see: task-filter=Y.
fault() {
	local dir=$debugfs/$1 setting settings
	shift

	settings=(probability=0 interval=1 space=0 verbose=0 task-filter=N)
	case $dir in
	*/failslab) settings+=(ignore-gfp-wait=N cache-filter=N) ;;
	*/fail_page_alloc)
		settings+=(ignore-gfp-wait=N ignore-gfp-highmem=N min-order=0)
		;;
	esac
	for setting in "${settings[@]}" times=1000000 "$@"; do
		echo "${setting#*=}" >"$dir/${setting%%=*}" || return
	done
}

# faults KIND: how many there were since fault
faults() {
	echo $((1000000 - $(cat "$debugfs/$1/times")))
}

# faults_off
faults_off() {
	local kind

	for kind in failslab fail_page_alloc fail_make_request; do
		echo 0 >$debugfs/$kind/probability || return
	done
}

# program NAME: build debug-NAME.c
program() {
	gcc -O -Wall -Werror -o "$t/$1" "$guest/debug-$1.c" || exit 1
}
