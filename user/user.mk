# SPDX-License-Identifier: GPL-2.0-or-later
# The two programs and, for the unit tests, the same sources with sanitizers.
PKGS := libcryptsetup devmapper libkeyutils openssl libcurl json-c libseccomp \
	blkid
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla -Wundef -Wformat=2 \
	-Wimplicit-fallthrough -Wcast-align
HARDEN := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
PKG_CFLAGS = $(shell pkg-config --cflags $(filter-out libkeyutils,$(PKGS)))
PKG_LIBS = $(shell pkg-config --libs $(filter-out libkeyutils,$(PKGS))) \
	-lkeyutils -lpthread
U_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DKMSCRYPT_VERSION='"$(VERSION)"' \
	-Iuser -Iinclude $(WARN) $(WERROR) $(PKG_CFLAGS) -MMD -MP

LIB_SRC := $(wildcard user/base/*.c user/wire/*.c user/kms/*.c user/volume/*.c)
CLI_SRC := $(wildcard user/cli/*.c)
UPCALL_SRC := $(wildcard user/upcall/*.c)
UNIT_SRC := $(wildcard tests/unit/test-*.c)
objs = $(patsubst %.c,$(B)/$(1)/%.o,$(2))
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))

user: $(B)/kmscrypt $(B)/kmscrypt-upcall

$(B)/user/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HARDEN) $(U_CFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) $(U_CFLAGS) -c -o $@ $<

$(B)/user/lib.a: $(call objs,user,$(LIB_SRC))
	rm -f $@ && ar rcs $@ $^

$(B)/asan/lib.a: $(call objs,asan,$(LIB_SRC))
	rm -f $@ && ar rcs $@ $^

$(B)/kmscrypt: $(call objs,user,$(CLI_SRC)) $(B)/user/lib.a
	$(CC) -pie -Wl,-z,relro,-z,now $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/kmscrypt-upcall: $(call objs,user,$(UPCALL_SRC)) $(B)/user/lib.a
	$(CC) -pie -Wl,-z,relro,-z,now $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# The helper's objects, taken over; for tests/vm/guest/t-upcall-sandbox.sh.
$(B)/kmscrypt-upcall-attacker: $(call objs,user,$(UPCALL_SRC) \
		tests/vm/guest/attacker.c) $(B)/user/lib.a
	$(CC) -pie -Wl,-z,relro,-z,now $(LDFLAGS) \
		-Wl,--wrap=sandbox_seal,--wrap=unlock_run \
		-Wl,--wrap=filter_supported -o $@ $^ $(PKG_LIBS)

unit: $(UNIT_BIN)

$(B)/unit/%: $(B)/asan/tests/unit/%.o $(B)/asan/lib.a
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -o $@ $^ $(PKG_LIBS) -lcmocka

-include $(shell find $(B)/user $(B)/asan -name '*.d' 2>/dev/null)

.SECONDARY:
.PHONY: unit
