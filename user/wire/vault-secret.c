// SPDX-License-Identifier: GPL-2.0-or-later
/* See vault-secret.h. */
#include "wire/vault-secret.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* From just after a '"' to the '"' that ends the string, or to the end. */
static size_t string_end(const struct secret *body, size_t i)
{
	while (i < body->len && body->data[i] != '"') {
		if (body->data[i] == '\\' && i + 1 < body->len)
			i++;
		i++;
	}
	return i;
}

static size_t skip_space(const struct secret *body, size_t i)
{
	while (i < body->len && body->data[i] &&
	       strchr(" \t\r\n", body->data[i]))
		i++;
	return i;
}

static bool at(const struct secret *body, size_t i, char c)
{
	return i < body->len && body->data[i] == (uint8_t)c;
}

/* One value, from @start up to @end: move it to @to, if that is given. */
static int take_value(struct secret *body, size_t start, size_t end,
		      struct secret *to)
{
	uint8_t *value = body->data + start;
	size_t len = end - start;
	int r = 0;

	if (memchr(value, '\\', len))
		r = -EPROTO;
	else if (to)
		r = secret_copy(to, value, len);
	memset(value, '*', len);
	return r;
}

int vault_secret_take(struct secret *body, const char *name,
		      struct secret *found, size_t max)
{
	size_t i = 0, n = 0, name_len = strlen(name);

	while (i < body->len) {
		size_t start, end, value;
		bool match, escaped;
		int r;

		if (!at(body, i, '"')) {
			i++;
			continue;
		}
		start = i + 1;
		end = string_end(body, start);
		match = end - start == name_len &&
			!memcmp(body->data + start, name, name_len);
		escaped = memchr(body->data + start, '\\', end - start);
		i = end + 1;
		value = skip_space(body, i);
		if (!at(body, value, ':'))
			continue;
		/* may be any name; Vault writes none like that */
		if (escaped)
			return -EPROTO;
		if (!match)
			continue;
		value = skip_space(body, value + 1);
		if (!at(body, value, '"'))
			continue;
		end = string_end(body, value + 1);
		i = end + 1;
		if (end == value + 1)
			continue;
		r = take_value(body, value + 1, end,
			       n < max ? &found[n] : NULL);
		if (r < 0)
			return r;
		n++;
	}
	return (int)n;
}
