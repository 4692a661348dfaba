// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TTLV reader: whatever it accepts must be walked without an error, and every
 * item must lie within the input.
 */
#include <stdlib.h>

#include "wire/ttlv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct ttlv_item *item)
{
	const uint8_t *bytes;
	uint32_t e;
	size_t len;
	int32_t i;
	char text[64];

	ttlv_integer(item, &i);
	ttlv_enumeration(item, &e);
	ttlv_text(item, text, sizeof(text));
	if (!ttlv_bytes(item, &bytes, &len) && len && bytes[len - 1] == 1)
		ttlv_text_is(item, "x");
}

/* @strict: ttlv_check() has said that all is well. */
static void walk(struct ttlv_reader *r, const uint8_t *end, unsigned int depth,
		 int strict)
{
	struct ttlv_item item, found;
	struct ttlv_reader in;
	int more;

	while ((more = ttlv_next(r, &item)) > 0) {
		if (item.value > end || item.len > (size_t)(end - item.value))
			abort();
		use(&item);
		ttlv_find(&item, 0x420020, &found);
		if (depth < TTLV_DEPTH_MAX && !ttlv_enter(&item, &in))
			walk(&in, item.value + item.len, depth + 1, strict);
		else if (strict && depth == TTLV_DEPTH_MAX &&
			 item.type == TTLV_STRUCTURE)
			abort();
	}
	if (more < 0 && strict)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int strict = !ttlv_check(data, size);
	struct ttlv_reader r;

	ttlv_reader_init(&r, data, size);
	walk(&r, data + size, 0, strict);
	return 0;
}
