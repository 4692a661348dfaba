# SPDX-License-Identifier: GPL-2.0-or-later
# The drivers of the kms ring, with the sanitizers. Use together with Makefile:
#	make -f Makefile -f tests/kms/kms.mk build/kms/kmip-client
$(B)/kms/%: $(B)/asan/tests/kms/%.o $(B)/asan/lib.a
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -o $@ $^ $(PKG_LIBS)

# The helper's objects without its main().
$(B)/kms/sandbox-client: $(B)/user/tests/kms/sandbox-client.o \
		$(call objs,user,$(filter-out %/main.c,$(UPCALL_SRC))) \
		$(B)/user/lib.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(PKG_LIBS)
