# SPDX-License-Identifier: GPL-2.0-or-later
#
# make              the module for the running kernel, and the programs
# make check        everything that proves them (installs what it needs)
# make check-debug  the vm ring on a kernel that looks for errors; the first
#                   time that kernel is built, which takes half an hour
# make soak         the rings kms, cli and vm with their full counts, for hours
# make bench       how fast it is (BENCH=quick, icount, smp2, tricks; KERNELS=...)
# make bench-kms    what kms rewrap of 10,000 volumes costs (BENCH_VOLUMES=N),
#                   and getting at a volume's key, beside cryptsetup and clevis
# make demo         the main job, shown in a virtual machine
# make install      DESTDIR and prefix are honoured; make uninstall
# make dkms-install the module's source for dkms, instead of the module
# make style, make unit-check, make fuzz-run: single rings of the check
#
VERSION := 0.1.0
prefix ?= /usr
sbindir ?= $(prefix)/sbin
mandir ?= $(prefix)/share/man
bashcompdir ?= $(prefix)/share/bash-completion/completions
zshcompdir ?= $(prefix)/share/zsh/vendor-completions
fishcompdir ?= $(prefix)/share/fish/vendor_completions.d
sysconfdir ?= /etc
systemddir ?= $(prefix)/lib/systemd
udevdir ?= $(prefix)/lib/udev
DESTDIR ?=
KERNELS ?= 6.1
CC ?= cc
INSTALL ?= install
B := build

# The running kernel's headers, else (a build host, a container) the newest.
KDIR ?= $(lastword $(sort $(wildcard /lib/modules/*/build)) \
	$(wildcard /lib/modules/$(shell uname -r)/build))
M := $(abspath $(B)/module/native)
MODULE_SRC := Kbuild $(wildcard kernel/*.c kernel/*.h include/uapi/*.h)

all: module user

include user/user.mk
-include tests/fuzz/fuzz.mk

# Built in a copy, so that no object lands in the checkout. An empty M= would
# make kbuild 7.x recurse for ever: it is absolute and never empty here.
module: $(M)/kmscrypt.ko

$(M)/kmscrypt.ko: $(MODULE_SRC)
	@test -n "$(KDIR)" || { echo "no kernel headers: install" \
		"linux-headers-amd64, or set KDIR" >&2; exit 1; }
	rm -rf $(M) && mkdir -p $(M)
	cp -r --parents $(MODULE_SRC) $(M)
	$(MAKE) -C $(KDIR) M=$(M) W=1 modules

install: install-module install-user

install-module: module
	$(MAKE) -C $(KDIR) M=$(M) INSTALL_MOD_PATH=$(abspath $(DESTDIR)) \
		INSTALL_MOD_DIR=extra modules_install

dkms-install:
	$(INSTALL) -d $(DESTDIR)$(prefix)/src/kmscrypt-$(VERSION)
	cp -r --parents $(MODULE_SRC) COPYING \
		$(DESTDIR)$(prefix)/src/kmscrypt-$(VERSION)
	sed 's/@VERSION@/$(VERSION)/' kernel/dkms.conf.in \
		> $(DESTDIR)$(prefix)/src/kmscrypt-$(VERSION)/dkms.conf

install-user: user
	$(INSTALL) -D -m 755 $(B)/kmscrypt $(DESTDIR)$(sbindir)/kmscrypt
	$(INSTALL) -D -m 755 $(B)/kmscrypt-upcall \
		$(DESTDIR)$(sbindir)/kmscrypt-upcall
	$(INSTALL) -d $(DESTDIR)$(sysconfdir)/request-key.d
	sed 's,/usr/sbin,$(sbindir),' user/upcall/request-key.d/kmscrypt.conf \
		> $(DESTDIR)$(sysconfdir)/request-key.d/kmscrypt.conf
	for page in man/*.[58]; do $(INSTALL) -D -m 644 $$page \
		$(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/} || exit 1; done
	$(INSTALL) -D -m 644 completion/kmscrypt.bash \
		$(DESTDIR)$(bashcompdir)/kmscrypt
	$(INSTALL) -D -m 644 completion/_kmscrypt \
		$(DESTDIR)$(zshcompdir)/_kmscrypt
	$(INSTALL) -D -m 644 completion/kmscrypt.fish \
		$(DESTDIR)$(fishcompdir)/kmscrypt.fish
	for rules in system/*.rules; do $(INSTALL) -D -m 644 $$rules \
		$(DESTDIR)$(udevdir)/rules.d/$${rules##*/} || exit 1; done
	$(INSTALL) -D -m 755 system/system-sleep \
		$(DESTDIR)$(systemddir)/system-sleep/kmscrypt
	$(INSTALL) -d $(DESTDIR)$(systemddir)/system
	for unit in system/*.service; do \
		sed 's,/usr/sbin,$(sbindir),; s,/usr/lib/systemd,$(systemddir),' \
			$$unit > $(DESTDIR)$(systemddir)/system/$${unit##*/} || \
			exit 1; done

# Configuration, credentials and registry are the administrator's: they stay.
uninstall:
	rm -f $(DESTDIR)$(sbindir)/kmscrypt $(DESTDIR)$(sbindir)/kmscrypt-upcall
	rm -f $(DESTDIR)$(sysconfdir)/request-key.d/kmscrypt.conf
	rm -f $(addprefix $(DESTDIR)$(mandir)/man5/,$(notdir $(wildcard man/*.5)))
	rm -f $(addprefix $(DESTDIR)$(mandir)/man8/,$(notdir $(wildcard man/*.8)))
	rm -f $(DESTDIR)$(bashcompdir)/kmscrypt \
		$(DESTDIR)$(zshcompdir)/_kmscrypt \
		$(DESTDIR)$(fishcompdir)/kmscrypt.fish
	rm -f $(DESTDIR)$(systemddir)/system-sleep/kmscrypt
	rm -f $(addprefix $(DESTDIR)$(udevdir)/rules.d/,$(notdir $(wildcard system/*.rules)))
	rm -f $(addprefix $(DESTDIR)$(systemddir)/system/,$(notdir $(wildcard system/*.service)))
	rm -f $(DESTDIR)/lib/modules/*/extra/kmscrypt.ko*
	rm -rf $(DESTDIR)$(prefix)/src/kmscrypt-$(VERSION)

check:
	@KERNELS="$(KERNELS)" tests/check.sh

check-debug:
	@KERNELS=debug tests/check.sh vm

soak:
	@SOAK=1 KERNELS="$(KERNELS)" tests/check.sh unit kms cli vm

style:
	@tests/check.sh style

unit-check:
	@tests/check.sh unit

bench:
	@BENCH="$(BENCH)" tests/bench/bench.sh $(KERNELS)

bench-kms:
	@tests/bench/kms.sh $(or $(BENCH_VOLUMES),10000)
	@tests/bench/kms-kmip.sh
	@tests/bench/kms-unlock.sh

demo:
	@tests/demo/demo.sh

clean:
	rm -rf $(B)

# For scripts
print-kdir:
	@echo $(KDIR)

print-version:
	@echo $(VERSION)

.PHONY: all module install install-module install-user dkms-install \
	uninstall check check-debug soak style unit-check bench \
	demo clean print-kdir print-version
