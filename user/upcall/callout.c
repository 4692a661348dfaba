// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See callout.h. The kernel wrote the text; being strict costs nothing and
 * finds a helper and a module of different versions at once.
 */
#include "upcall/callout.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "volume/header.h"

/* What is left to read. */
struct in {
	const char *p;
	const char *end;
};

static bool take(struct in *in, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(in->end - in->p) < len || memcmp(in->p, text, len))
		return false;
	in->p += len;
	return true;
}

/* Decimal, without sign or leading zeroes, at most @max. */
static bool take_number(struct in *in, uint64_t max, uint64_t *ret)
{
	const char *start = in->p;
	uint64_t v = 0;
	unsigned int digit;

	while (in->p < in->end && *in->p >= '0' && *in->p <= '9') {
		digit = (unsigned int)(*in->p - '0');
		if (digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
		in->p++;
	}
	if (in->p == start || (*start == '0' && in->p - start > 1))
		return false;
	*ret = v;
	return true;
}

static bool take_u32(struct in *in, uint32_t max, uint32_t *ret)
{
	uint64_t v;

	if (!take_number(in, max, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* Printable, up to the next blank; at least one character. */
static bool take_word(struct in *in, char *ret, size_t size)
{
	size_t len = 0;

	for (; in->p != in->end; in->p++) {
		if (!isgraph((unsigned char)*in->p))
			break;
		if (len + 1 == size)
			return false;
		ret[len++] = *in->p;
	}
	ret[len] = '\0';
	return len > 0;
}

/* Only where the table has integrity tags */
static bool take_integrity(struct in *in, char *ret, size_t size)
{
	return !take(in, " integrity=") || take_word(in, ret, size);
}

static bool take_op(struct in *in, enum callout_op *ret)
{
	static const char *const names[] = {
		[CALLOUT_OPEN] = "open ",
		[CALLOUT_RENEW] = "renew ",
		[CALLOUT_UNLOCK] = "unlock ",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (take(in, names[i])) {
			*ret = (enum callout_op)i;
			return true;
		}
	}
	return false;
}

int callout_parse(const char *text, size_t len, struct callout *ret)
{
	struct in in = { text, text + len };
	struct callout c = { .op = CALLOUT_OPEN };
	struct unlock_request *r = &c.req;
	bool ok;

	if (len >= KMSC_CALLOUT_MAX)
		return -EINVAL;
	ok = take(&in, "v=1 op=") && take_op(&in, &c.op) &&
	     take(&in, "cipher=") &&
	     take_word(&in, r->cipher, sizeof(r->cipher)) &&
	     take(&in, " key_bytes=") &&
	     take_u32(&in, KMSC_KEY_MAX, &r->key_bytes) &&
	     take(&in, " sector_size=") &&
	     take_u32(&in, KMSC_SECTOR_MAX, &r->sector_size) &&
	     take(&in, " iv_offset=") &&
	     take_number(&in, UINT64_MAX, &r->iv_offset) &&
	     take(&in, " offset=") &&
	     take_number(&in, UINT64_MAX, &r->offset) && take(&in, " len=") &&
	     take_number(&in, UINT64_MAX, &r->len) && take(&in, " flags=") &&
	     take_u32(&in, KMSC_DESC_FLAGS_ALL, &r->flags) &&
	     take_integrity(&in, r->integrity, sizeof(r->integrity)) &&
	     take(&in, " timeout_ms=") &&
	     take_u32(&in, CALLOUT_TIMEOUT_MAX_MS, &c.timeout_ms) &&
	     c.timeout_ms && in.p == in.end;
	if (!ok)
		return -EINVAL;
	*ret = c;
	return 0;
}

int callout_parse_volume(const char *text, struct callout_volume *ret)
{
	struct in in = { text, text + strlen(text) };
	struct callout_volume v;
	uint8_t bytes[KMSC_UUID_BYTES];

	if (in.end - in.p <= KMSC_UUID_STR_LEN)
		return -EINVAL;
	memcpy(v.uuid, in.p, KMSC_UUID_STR_LEN);
	v.uuid[KMSC_UUID_STR_LEN] = '\0';
	in.p += KMSC_UUID_STR_LEN;
	if (uuid_parse(v.uuid, bytes) < 0 || !take(&in, "@") ||
	    !take_u32(&in, UINT32_MAX, &v.major) || !take(&in, ":") ||
	    !take_u32(&in, UINT32_MAX, &v.minor) || in.p != in.end)
		return -EINVAL;
	*ret = v;
	return 0;
}
