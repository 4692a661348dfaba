# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzz targets (clang's libFuzzer), each with the address and undefined-
# behaviour sanitizers. Included by the top Makefile.
#
#	make fuzz				build them
#	make fuzz-run FUZZ_SECONDS=n [FUZZ=name...]	run each for n seconds
#
# What is found new stays in build/fuzz/corpus; tests/fuzz/corpus/<target> is
# where it starts: a few inputs that are well-formed, made by us. One allocation
# of more than 1 MiB is a failure, too, and so is an input that takes 5 s.
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 20
FUZZ_MAX_LEN ?= 65536
FUZZ_FLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
FUZZ ?= $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZ_BIN := $(addprefix $(B)/fuzz/,$(FUZZ))

fuzz: $(FUZZ_BIN)

$(B)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link $(U_CFLAGS) \
		-c -o $@ $<

$(B)/fuzz/lib.a: $(call objs,fuzz/obj,$(LIB_SRC))
	rm -f $@ && ar rcs $@ $^

$(B)/fuzz/fuzz-%: $(B)/fuzz/obj/tests/fuzz/fuzz-%.o $(B)/fuzz/lib.a
	$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS)

fuzz-run: fuzz
	@set -e; for name in $(FUZZ); do \
		mkdir -p $(B)/fuzz/corpus/$$name; \
		seeds=tests/fuzz/corpus/$$name; [ -d $$seeds ] || seeds=; \
		$(B)/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -timeout=5 \
			-max_len=$(FUZZ_MAX_LEN) -malloc_limit_mb=1 \
			-rss_limit_mb=1024 -print_final_stats=1 \
			-artifact_prefix=$(B)/fuzz/$$name- \
			$(B)/fuzz/corpus/$$name $$seeds \
			>$(B)/fuzz/$$name.log 2>&1 || { \
			tail -n 60 $(B)/fuzz/$$name.log; \
			echo "$$name: failed"; exit 1; }; \
		echo "$$name: $$(sed -n \
			's/stat::number_of_executed_units: *//p' \
			$(B)/fuzz/$$name.log) runs, nothing found"; \
	done

-include $(shell find $(B)/fuzz/obj -name '*.d' 2>/dev/null)

.PHONY: fuzz fuzz-run
