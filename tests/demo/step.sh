# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One line a step, with the seconds since the demo began. Host and guest share
# the clock: the guest's starts from the host's at boot.

step() {
	local now ms
	now=$(date +%s%N)
	ms=$(((now - DEMO_START) / 1000000))
	printf '%4d.%01d s  %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*"
}
