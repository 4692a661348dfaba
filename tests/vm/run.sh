#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run a command as root in a virtual machine that sees this machine's files,
# and leave with its exit status.
#
# usage: run.sh [options] -- COMMAND [ARGUMENT...]
#
#   --kernel NAME      as kernel.sh names them (6.1)
#   --mem SIZE         (1G)
#   --smp N            processors (2)
#   --timeout SECONDS  for the whole run (600), more on a slow kernel
#   --patience N       the timeout is N times longer (1)
#   --disk FILE        a raw image as /dev/disk/by-id/virtio-diskN, N from 0;
#                      repeatable, as are the next three
#   --nvme FILE        the same as an NVMe disk with serial number nvmeN
#   --share DIR        writable in the guest, at the same path
#   --env NAME=VALUE   for the command
#   --net              the host's 127.0.0.1 is 192.0.2.2 alias kms.test
#   --icount           time is counted in instructions; one processor
#   --cpu MODEL        QEMU's name of it (max)
#   --ram-file FILE    keep the guest's memory in FILE
#   --append ARGS      more kernel arguments
#   --monitor SOCKET   QEMU's monitor: quit pulls the plug
#   --console FILE     the kernel's messages (build/vm/console-PID.log)
#   --allow-splat      do not fail for a kernel warning
#   -v                 say what happens
#
# Exit status: the command's, or 123 the kernel complained, 124 timeout,
# 125 the machine died or never came up.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=initramfs.sh
. "$here/initramfs.sh"

usage() {
	sed -n '/^# usage/,/^# Exit/{/^# Exit/d;s/^# \{0,1\}//p}' "$0" >&2
	exit 2
}

guest_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
kernel=6.1
mem=1G
smp=2
timeout=600
patience=1
disks=()
nvmes=()
shares=()
environment=()
net=false
icount=false
cpu=max
ram_file=
append=
monitor=
console=
allow_splat=false
verbose=false

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--)
			shift
			break
			;;
		--net) net=true ;;
		--icount) icount=true ;;
		--allow-splat) allow_splat=true ;;
		-v) verbose=true ;;
		--help | -h) usage ;;
		--*)
			[ $# -ge 2 ] || usage
			parse_value "$1" "$2"
			shift
			;;
		*) usage ;;
		esac
		shift
	done
	[ $# -gt 0 ] || usage
	command=("$@")
}

parse_value() {
	local value=$2

	case $1 in
	--kernel) kernel=$value ;;
	--mem) mem=$value ;;
	--smp) smp=$value ;;
	--timeout) timeout=$value ;;
	--patience) patience=$value ;;
	--disk) disks+=("$(realpath -e -- "$value")") ;;
	--nvme) nvmes+=("$(realpath -e -- "$value")") ;;
	--share) shares+=("$(realpath -e -- "$value")") ;;
	--env) environment+=("$value") ;;
	--cpu) cpu=$value ;;
	--ram-file) ram_file=$value ;;
	--append) append+=" $value" ;;
	--monitor) monitor=$value ;;
	--console) console=$value ;;
	*) usage ;;
	esac
}

say() {
	! $verbose || echo "run: $*" >&2
}

# word TEXT...: quoted for a shell
word() {
	local text

	for text; do
		printf " '%s'" "${text//\'/\'\\\'\'}"
	done
}

# What the session in the guest reads from /run/vm.
spec_write() {
	local spec=$1 variable program

	mkdir "$spec"
	{
		echo "release=$release net=$net path=$guest_path"
		echo "modules=$(word "$root/lib/modules/$release")"
		echo "directory=$(word "$PWD")"
	} | sed 's/= /=/' >"$spec/config"
	for variable in "${environment[@]}"; do
		echo "export ${variable%%=*}=$(word "${variable#*=}")"
	done | sed 's/= /=/' >"$spec/environment"
	# The guest has our files; its shell would take its own commands first.
	case ${command[0]} in
	*/*) ;;
	*) program=$(PATH=$guest_path type -P "${command[0]}") &&
		command[0]=$program ;;
	esac
	echo "exec$(word "${command[@]}")" >"$spec/command"
	printf '%s\n' "${shares[@]}" | sed '/^$/d' >"$spec/shares"
}

needed_modules() {
	echo virtio_pci virtio_console 9pnet_virtio 9p overlay
	[ ${#disks[@]} -eq 0 ] || echo virtio_blk
	[ ${#nvmes[@]} -eq 0 ] || echo nvme
	! $net || echo virtio_net
}

# quoted FILE: a path inside a QEMU option, where a comma ends a value
quoted() {
	echo "${1//,/,,}"
}

machine_arguments() {
	local arguments

	qemu+=(-nodefaults -no-user-config -display none -no-reboot -m "$mem")
	qemu+=(-machine q35 -cpu "$cpu")
	if $icount; then
		qemu+=(-accel 'tcg,thread=single' -smp 1)
		qemu+=(-icount 'shift=0,sleep=off,align=off')
	else
		qemu+=(-accel 'tcg,thread=multi' -smp "$smp")
	fi
	if [ -n "$ram_file" ]; then
		qemu+=(-object "memory-backend-file,id=ram,size=$mem,share=on,mem-path=$(quoted "$ram_file")")
		qemu+=(-machine memory-backend=ram)
	fi

	arguments='console=ttyS0 panic=-1 log_buf_len=4M'
	arguments+=' mitigations=off cryptomgr.notests rcupdate.rcu_cpu_stall_timeout=120'
	$allow_splat || arguments+=' oops=panic'
	qemu+=(-kernel "$vmlinux" -initrd "$state/initramfs")
	qemu+=(-append "$arguments $append")
}

channel_arguments() {
	qemu+=(-chardev "file,id=console,path=$(quoted "$console")")
	qemu+=(-serial chardev:console)
	qemu+=(-device virtio-serial-pci)
	qemu+=(-chardev "file,id=out,path=$state/out")
	qemu+=(-device 'virtserialport,chardev=out,name=out')
	qemu+=(-chardev "file,id=report,path=$state/report")
	qemu+=(-device 'virtserialport,chardev=report,name=report')
	qemu+=(-virtfs 'local,path=/,mount_tag=root,readonly=on,security_model=none,multidevs=remap')
	[ -z "$monitor" ] ||
		qemu+=(-monitor "unix:$(quoted "$monitor"),server=on,wait=off")
}

device_arguments() {
	local i

	for i in "${!disks[@]}"; do
		qemu+=(-drive "if=none,id=disk$i,format=raw,discard=unmap,file=$(quoted "${disks[i]}")")
		qemu+=(-device "virtio-blk-pci,drive=disk$i,serial=disk$i")
	done
	for i in "${!nvmes[@]}"; do
		qemu+=(-drive "if=none,id=nvme$i,format=raw,discard=unmap,file=$(quoted "${nvmes[i]}")")
		qemu+=(-device "nvme,drive=nvme$i,serial=nvme$i")
	done
	for i in "${!shares[@]}"; do
		qemu+=(-virtfs "local,path=$(quoted "${shares[i]}"),mount_tag=share$i,security_model=none,multidevs=remap")
	done
	if $net; then
		qemu+=(-netdev 'user,id=net,net=192.0.2.0/24,host=192.0.2.2')
		qemu+=(-device 'virtio-net-pci,netdev=net')
	fi
}

# The machine ends when the command has ended, when its time is up, and when
# this script ends, however that happens.
boot() {
	local fifo timer first=

	mkfifo "$state/out"
	# held open so that neither side waits for the other to open it
	exec {fifo}<>"$state/out"
	setpriv --pdeathsig KILL cat "$state/out" {fifo}<&- &
	pump=$!
	setpriv --pdeathsig KILL "${qemu[@]}" </dev/null {fifo}<&- \
		>"$state/qemu.log" 2>&1 &
	machine=$!
	setpriv --pdeathsig KILL sleep "$timeout" {fifo}<&- &
	timer=$!
	wait -n -p first "$machine" "$timer" || true
	timed_out=false
	[ "$first" != "$timer" ] || timed_out=true
	kill -KILL "$machine" "$timer" 2>/dev/null || true
	wait "$machine" "$timer" 2>/dev/null || true
	exec {fifo}<&-
	wait "$pump" || true
	machine=
	pump=
}

# shellcheck disable=SC2317 # called by trap
cleanup() {
	local process

	for process in $machine $pump; do
		kill -KILL "$process" 2>/dev/null || true
		wait "$process" 2>/dev/null || true
	done
	rm -rf "$state"
}

# last_words: the console from the kernel's first complaint on, or its end
last_words() {
	local first

	first=$(grep -anm 1 -E 'BUG:|Oops|Kernel panic|vm: .*(fail|cannot|no port)' "$console" |
		cut -d: -f1)
	if [ -n "$first" ]; then
		tail -n "+$first" "$console" | head -n 40
	else
		tail -n 40 "$console"
	fi | tr -d '\r' | sed 's/^/  /'
}

# died STATUS MESSAGE: show the end of the console and leave
died() {
	echo "run: $2; the kernel's last messages ($console):" >&2
	last_words >&2 2>/dev/null || true
	sed 's/^/  qemu: /' "$state/qemu.log" >&2
	exit "$1"
}

judge() {
	local token status splats

	token=$(tail -n 1 "$state/report" 2>/dev/null || true)
	if ! [[ $token =~ ^kmscrypt-vm\ status=([0-9]+)\ splats=([0-9]+)$ ]]; then
		! $timed_out || died 124 "no end within $timeout s"
		died 125 'the machine died without a report'
	fi
	status=${BASH_REMATCH[1]}
	splats=${BASH_REMATCH[2]}
	if [ "$splats" -ne 0 ]; then
		echo "run: the kernel complained ($console):" >&2
		head -n -1 "$state/report" | sed 's/^/  /' >&2
		$allow_splat || status=123
	fi
	say "the command's status is $status, after $SECONDS s"
	exit "$status"
}

parse "$@"
record=$("$here/kernel.sh" "$kernel")
release=$(sed -n 's/^release=//p' <<<"$record")
vmlinux=$(sed -n 's/^vmlinux=//p' <<<"$record")
root=$(sed -n 's/^root=//p' <<<"$record")
slow=$(sed -n 's/^slow=//p' <<<"$record")
timeout=$((timeout * ${slow:-1} * patience))
environment+=("KMSC_SLOW=${slow:-1}")
if [ -z "$console" ]; then
	console=$checkout/build/vm/console-$$.log
	mkdir -p "$checkout/build/vm"
fi

machine=
pump=
state=$(mktemp -d)
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

spec_write "$state/spec"
# shellcheck disable=SC2046 # one word a module
initramfs_build "$here" "$state/initramfs" "$state/spec" "$root" "$release" \
	$(needed_modules)
qemu=(qemu-system-x86_64)
machine_arguments
channel_arguments
device_arguments
say "${qemu[*]}"
boot
judge
