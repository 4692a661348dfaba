# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            module (for KDIR) and user programs
# make check      everything that proves them (installs what it needs)
# make demo       the main job, shown in a virtual machine
# make install    DESTDIR and prefix are honoured; also dkms-install
#
VERSION := 0.1.0
prefix ?= /usr
sbindir ?= $(prefix)/sbin
mandir ?= $(prefix)/share/man
sysconfdir ?= /etc
DESTDIR ?=
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
KERNELS ?= 6.1
CC ?= cc
B := build

all: module user

include user/user.mk

# --- module -----------------------------------------------------------------
# Built in a copy, so that no object lands in the checkout.
module: $(if $(wildcard $(KDIR)),module-native,module-vm)

module-native:
	tests/vm/build-module.sh --kdir $(abspath $(KDIR)) $(B)/module/native

# A machine without headers for its own kernel (a container, a build host)
# builds for the kernels that the test machine boots.
module-vm:
	@set -e; for k in $(KERNELS); do tests/vm/build-module.sh $$k; done

clean:
	rm -rf $(B)

.PHONY: all module module-native module-vm user clean
