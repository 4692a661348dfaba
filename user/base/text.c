// SPDX-License-Identifier: GPL-2.0-or-later
/* See text.h. */
#include "base/text.h"

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes that the UTF-8 sequence starting with @c has, 0 when none can. */
static size_t sequence_len(uint8_t c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

/* A NUL is no continuation byte, so this never looks past the end. */
static size_t decode(const char *s, uint32_t *ret)
{
	size_t len = sequence_len((uint8_t)s[0]), i;
	uint32_t code;

	if (len <= 1) {
		*ret = (uint8_t)s[0];
		return len;
	}
	code = (uint8_t)s[0] & (0xff >> (len + 1));
	for (i = 1; i < len; i++) {
		if (((uint8_t)s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((uint8_t)s[i] & 0x3f);
	}
	/* overlong forms of three and four bytes, surrogates, too large */
	if ((len == 3 && code < 0x800) || (len == 4 && code < 0x10000) ||
	    (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
		return 0;
	*ret = code;
	return len;
}

static bool harmless(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return false;
	/* line and paragraph separators, direction overrides and isolates */
	return !(code >= 0x2028 && code <= 0x202e) &&
	       !(code >= 0x2066 && code <= 0x2069);
}

void text_clean(char *text)
{
	while (*text) {
		uint32_t code = 0;
		size_t len = decode(text, &code);

		if (!len || !harmless(code)) {
			if (!len)
				len = 1;
			memset(text, '?', len);
		}
		text += len;
	}
}
