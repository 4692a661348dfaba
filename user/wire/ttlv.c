// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TTLV encoding and decoding. See ttlv.h; section numbers are KMIP 1.4's.
 */
#include "wire/ttlv.h"

#include <errno.h>
#include <string.h>

#define TTLV_ALIGN 8
#define TAG_MAX 0xffffffU

static uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* Padding after @len bytes of value (9.1.1.3); cannot overflow. */
static size_t padding(size_t len)
{
	return (TTLV_ALIGN - len % TTLV_ALIGN) % TTLV_ALIGN;
}

void ttlv_writer_init(struct ttlv_writer *w, void *buf, size_t size)
{
	memset(w, 0, sizeof(*w));
	w->buf = buf;
	w->size = size;
}

/*
 * Append header, value and padding. All that is added is compared with what
 * is left, never the sum with the size: a sum could wrap.
 */
static void put_item(struct ttlv_writer *w, uint32_t tag, enum ttlv_type type,
		     const void *value, size_t len)
{
	size_t left = w->size - w->len;
	uint8_t *p;

	if (w->err)
		return;
	if (tag > TAG_MAX) {
		w->err = -EINVAL;
		return;
	}
	if (len > UINT32_MAX || left < TTLV_HEADER ||
	    left - TTLV_HEADER < len ||
	    left - TTLV_HEADER - len < padding(len)) {
		w->err = -EMSGSIZE;
		return;
	}
	p = w->buf + w->len;
	put_be32(p, tag << 8 | type);
	put_be32(p + 4, (uint32_t)len);
	p += TTLV_HEADER;
	if (len)
		memcpy(p, value, len);
	memset(p + len, 0, padding(len));
	w->len += TTLV_HEADER + len + padding(len);
}

void ttlv_begin(struct ttlv_writer *w, uint32_t tag)
{
	if (!w->err && w->depth == TTLV_DEPTH_MAX)
		w->err = -EINVAL;
	if (w->err)
		return;
	w->open[w->depth++] = w->len;
	/* ttlv_end() fills in the length */
	put_item(w, tag, TTLV_STRUCTURE, NULL, 0);
}

void ttlv_end(struct ttlv_writer *w)
{
	size_t start, len;

	if (!w->err && !w->depth)
		w->err = -EINVAL;
	if (w->err)
		return;
	start = w->open[--w->depth];
	len = w->len - start - TTLV_HEADER;
	if (len > UINT32_MAX) {
		w->err = -EMSGSIZE;
		return;
	}
	/* A multiple of 8 by itself, as all items in it are (9.1.1.3). */
	put_be32(w->buf + start + 4, (uint32_t)len);
}

void ttlv_put_integer(struct ttlv_writer *w, uint32_t tag, int32_t value)
{
	uint8_t be[4];

	put_be32(be, (uint32_t)value);
	put_item(w, tag, TTLV_INTEGER, be, sizeof(be));
}

void ttlv_put_enumeration(struct ttlv_writer *w, uint32_t tag, uint32_t value)
{
	uint8_t be[4];

	put_be32(be, value);
	put_item(w, tag, TTLV_ENUMERATION, be, sizeof(be));
}

void ttlv_put_text_n(struct ttlv_writer *w, uint32_t tag, const void *text,
		     size_t len)
{
	put_item(w, tag, TTLV_TEXT_STRING, text, len);
}

void ttlv_put_text(struct ttlv_writer *w, uint32_t tag, const char *text)
{
	/* No NUL at the end on the wire (9.1.1.4). */
	ttlv_put_text_n(w, tag, text, strlen(text));
}

void ttlv_put_bytes(struct ttlv_writer *w, uint32_t tag, const void *data,
		    size_t len)
{
	put_item(w, tag, TTLV_BYTE_STRING, data, len);
}

int ttlv_finish(const struct ttlv_writer *w, size_t *ret_len)
{
	if (w->err)
		return w->err;
	if (w->depth)
		return -EINVAL;
	*ret_len = w->len;
	return 0;
}

void ttlv_reader_init(struct ttlv_reader *r, const void *buf, size_t len)
{
	r->pos = buf;
	r->left = len;
}

/* May a value of @type have this length (9.1.1.3)? */
static bool length_fits(uint8_t type, uint32_t len)
{
	switch (type) {
	case TTLV_INTEGER:
	case TTLV_ENUMERATION:
	case TTLV_INTERVAL:
		return len == 4;
	case TTLV_LONG_INTEGER:
	case TTLV_BOOLEAN:
	case TTLV_DATE_TIME:
	case TTLV_DATE_TIME_EXTENDED:
		return len == 8;
	case TTLV_BIG_INTEGER:
		return len && len % TTLV_ALIGN == 0;
	case TTLV_STRUCTURE:
		return len % TTLV_ALIGN == 0;
	default:
		/* strings, and types of a later KMIP: any length */
		return true;
	}
}

/* A boolean is 0 or 1 in 8 bytes (9.1.1.4); all else has no bad values here. */
static bool value_fits(uint8_t type, const uint8_t *value)
{
	static const uint8_t zeros[7];

	return type != TTLV_BOOLEAN ||
	       (!memcmp(value, zeros, sizeof(zeros)) && value[7] <= 1);
}

int ttlv_next(struct ttlv_reader *r, struct ttlv_item *ret)
{
	const uint8_t *p = r->pos;
	uint32_t len;
	size_t left;

	if (!r->left)
		return 0;
	if (r->left < TTLV_HEADER)
		return -EPROTO;
	/* Standard tags start with 42, extensions with 54 (9.1.1.1). */
	if (p[0] != 0x42 && p[0] != 0x54)
		return -EPROTO;
	len = get_be32(p + 4);
	left = r->left - TTLV_HEADER;
	if (len > left || padding(len) > left - len)
		return -EPROTO;
	if (!length_fits(p[3], len) || !value_fits(p[3], p + TTLV_HEADER))
		return -EPROTO;

	ret->tag = get_be32(p) >> 8;
	ret->type = p[3];
	ret->len = len;
	ret->value = p + TTLV_HEADER;
	r->pos = ret->value + len + padding(len);
	r->left = left - len - padding(len);
	return 1;
}

int ttlv_enter(const struct ttlv_item *item, struct ttlv_reader *ret)
{
	if (item->type != TTLV_STRUCTURE)
		return -EPROTO;
	ttlv_reader_init(ret, item->value, item->len);
	return 0;
}

/*
 * The readers of the structures that we are in are kept in an array and not on
 * the stack of a recursion: the sender chooses how deep it goes.
 */
int ttlv_check(const void *buf, size_t len)
{
	struct ttlv_reader in[TTLV_DEPTH_MAX + 1];
	struct ttlv_item item;
	unsigned int depth = 0;
	int r;

	ttlv_reader_init(&in[0], buf, len);
	r = ttlv_next(&in[0], &item);
	if (r <= 0 || in[0].left)
		return -EPROTO;
	for (;;) {
		if (item.type == TTLV_STRUCTURE) {
			if (depth == TTLV_DEPTH_MAX)
				return -EPROTO;
			ttlv_reader_init(&in[++depth], item.value, item.len);
		}
		while ((r = ttlv_next(&in[depth], &item)) == 0) {
			if (!depth--)
				return 0;
		}
		if (r < 0)
			return r;
	}
}

int ttlv_find(const struct ttlv_item *parent, uint32_t tag,
	      struct ttlv_item *ret)
{
	struct ttlv_item item, found = { 0 };
	struct ttlv_reader r;
	int err;

	err = ttlv_enter(parent, &r);
	if (err)
		return err;
	while ((err = ttlv_next(&r, &item)) > 0) {
		if (item.tag != tag)
			continue;
		if (found.value)
			return -EPROTO;
		found = item;
	}
	if (err)
		return err;
	if (!found.value)
		return -ENODATA;
	*ret = found;
	return 0;
}

int ttlv_integer(const struct ttlv_item *item, int32_t *ret)
{
	if (item->type != TTLV_INTEGER || item->len != 4)
		return -EPROTO;
	*ret = (int32_t)get_be32(item->value);
	return 0;
}

int ttlv_enumeration(const struct ttlv_item *item, uint32_t *ret)
{
	if (item->type != TTLV_ENUMERATION || item->len != 4)
		return -EPROTO;
	*ret = get_be32(item->value);
	return 0;
}

int ttlv_bytes(const struct ttlv_item *item, const uint8_t **ret,
	       size_t *ret_len)
{
	if (item->type != TTLV_BYTE_STRING)
		return -EPROTO;
	*ret = item->value;
	*ret_len = item->len;
	return 0;
}

int ttlv_text(const struct ttlv_item *item, char *buf, size_t size)
{
	if (item->type != TTLV_TEXT_STRING || item->len >= size)
		return -EPROTO;
	if (memchr(item->value, '\0', item->len))
		return -EPROTO;
	memcpy(buf, item->value, item->len);
	buf[item->len] = '\0';
	return 0;
}

bool ttlv_text_is(const struct ttlv_item *item, const char *text)
{
	return item->type == TTLV_TEXT_STRING && item->len == strlen(text) &&
	       !memcmp(item->value, text, item->len);
}
