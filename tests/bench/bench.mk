# SPDX-License-Identifier: GPL-2.0-or-later
# What the benches of the programs run. Use together with Makefile:
#	make -f Makefile -f tests/bench/bench.mk build/bench/volumes
$(B)/bench/%: $(B)/user/tests/bench/%.o $(B)/user/lib.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(PKG_LIBS)
