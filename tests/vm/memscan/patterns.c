// SPDX-License-Identifier: GPL-2.0-or-later
/* See patterns.h. */
#include "patterns.h"

#include <stdlib.h>
#include <string.h>

#include "schedule.h"

#define BLOCK SCHEDULE_BLOCK
#define SECRET_MAX 512

static void add(struct patterns *p, const char *name, const char *form,
		const void *bytes, unsigned int len)
{
	struct pattern *new;

	p->all = realloc(p->all, (p->n + 1) * sizeof(*p->all));
	if (!p->all)
		abort();
	new = &p->all[p->n++];
	memset(new, 0, sizeof(*new));
	memcpy(new->bytes, bytes, len);
	new->len = len;
	snprintf(new->name, sizeof(new->name), "%s", name);
	new->form = form;
}

static void add_hex(struct patterns *p, const char *name, const char *form,
		    const char *digits, const uint8_t *block)
{
	char text[2 * BLOCK];

	for (int i = 0; i < BLOCK; i++) {
		text[2 * i] = digits[block[i] >> 4];
		text[2 * i + 1] = digits[block[i] & 15];
	}
	add(p, name, form, text, sizeof(text));
}

/* The characters that do not depend on what is before and behind the block */
static void add_base64(struct patterns *p, const char *name, const char *form,
		       unsigned int before, const uint8_t *block)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t bytes[BLOCK + 3] = { 0 };
	char text[PATTERN_MAX];
	unsigned int first = (before * 8 + 5) / 6, n = 0;

	memcpy(bytes + before, block, BLOCK);
	for (unsigned int i = first; (i + 1) * 6 <= (before + BLOCK) * 8; i++) {
		unsigned int bit = i * 6;
		unsigned int two = bytes[bit / 8] << 8 | bytes[bit / 8 + 1];

		text[n++] = digits[two >> (10 - bit % 8) & 63];
	}
	add(p, name, form, text, n);
}

void patterns_add(struct patterns *p, const char *name, const uint8_t *block)
{
	add(p, name, "raw", block, BLOCK);
	add_hex(p, name, "hex", "0123456789abcdef", block);
	add_hex(p, name, "HEX", "0123456789ABCDEF", block);
	add_base64(p, name, "base64-0", 0, block);
	add_base64(p, name, "base64-1", 1, block);
	add_base64(p, name, "base64-2", 2, block);
}

static void add_schedule(struct patterns *p, const char *name, char half,
			 const uint8_t *key, unsigned int len)
{
	struct schedule s;
	char part[40];

	schedule_make(&s, key, len);
	for (unsigned int r = 0; r < s.n; r++) {
		snprintf(part, sizeof(part), "%s-%c-e%u", name, half, r);
		patterns_add(p, part, s.encrypt[r]);
	}
	/* the first and the last are two of those before */
	for (unsigned int r = 1; r < s.n - 1; r++) {
		snprintf(part, sizeof(part), "%s-%c-d%u", name, half, r);
		patterns_add(p, part, s.decrypt[r]);
	}
}

static void add_blocks(struct patterns *p, const char *name,
		       const uint8_t *bytes, unsigned int len)
{
	char part[40];

	for (unsigned int at = 0; at + BLOCK <= len; at += BLOCK) {
		snprintf(part, sizeof(part), "%s-%u", name, at);
		patterns_add(p, part, bytes + at);
	}
}

static int unhex(uint8_t *out, const char *text)
{
	int n = 0;
	unsigned int byte;

	while (n < SECRET_MAX && sscanf(text, "%2x", &byte) == 1) {
		out[n++] = (uint8_t)byte;
		text += 2;
	}
	return *text ? -1 : n;
}

int patterns_read(struct patterns *p, FILE *from)
{
	char kind[8], name[12], hex[2 * SECRET_MAX + 1];
	uint8_t bytes[SECRET_MAX];
	int words;

	while ((words = fscanf(from, "%7s %11s %1024s", kind, name, hex)) > 0) {
		int len = words == 3 ? unhex(bytes, hex) : -1;
		unsigned int half = len > 0 ? (unsigned int)len / 2 : 0;

		if (len < BLOCK)
			return -1;
		if (!strcmp(kind, "bytes")) {
			add_blocks(p, name, bytes, (unsigned int)len);
		} else if (!strcmp(kind, "key") && (half == 16 || half == 32)) {
			add_schedule(p, name, '1', bytes, half);
			add_schedule(p, name, '2', bytes + half, half);
		} else {
			return -1;
		}
	}
	return p->n ? 0 : -1;
}
