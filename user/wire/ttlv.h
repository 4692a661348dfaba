/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TTLV, KMIP's encoding (KMIP 1.4, section 9.1): an item is a tag (3 bytes),
 * a type (1), a length (4, big-endian, without the padding) and a value that
 * is padded with zeros to a multiple of 8. The value of a structure is items.
 *
 *	  42 00 0D | 02 | 00 00 00 04 | 00 00 00 01 00 00 00 00
 *	  tag        type  length        value       padding
 *
 * Pure code: no I/O, no allocation, no globals. What is read comes from the
 * network, so every length is checked against what remains before it is used,
 * and nothing here recurses.
 */
#ifndef _WIRE_TTLV_H
#define _WIRE_TTLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TTLV_HEADER 8 /* bytes of tag, type and length */
#define TTLV_DEPTH_MAX 16 /* structures in structures; KMIP needs 7 */

/* Item types (9.1.1.2; DateTimeExtended came with KMIP 2.0) */
enum ttlv_type {
	TTLV_STRUCTURE = 0x01,
	TTLV_INTEGER = 0x02,
	TTLV_LONG_INTEGER = 0x03,
	TTLV_BIG_INTEGER = 0x04,
	TTLV_ENUMERATION = 0x05,
	TTLV_BOOLEAN = 0x06,
	TTLV_TEXT_STRING = 0x07,
	TTLV_BYTE_STRING = 0x08,
	TTLV_DATE_TIME = 0x09,
	TTLV_INTERVAL = 0x0a,
	TTLV_DATE_TIME_EXTENDED = 0x0b,
};

/*
 * Writing. The first failure sticks and makes all later calls do nothing, so
 * that a caller writes a whole message and looks at ttlv_finish() alone.
 */
struct ttlv_writer {
	uint8_t *buf; /* the caller's, e.g. a struct secret */
	size_t size;
	size_t len; /* written so far, <= size */
	size_t open[TTLV_DEPTH_MAX]; /* where the open structures start */
	unsigned int depth;
	int err; /* 0 or the first failure */
};

/** ttlv_writer_init() - write into @size bytes at @buf. */
void ttlv_writer_init(struct ttlv_writer *w, void *buf, size_t size);

/** ttlv_begin() - open a structure; what follows goes into it. */
void ttlv_begin(struct ttlv_writer *w, uint32_t tag);

/** ttlv_end() - close the structure that was opened last. */
void ttlv_end(struct ttlv_writer *w);

void ttlv_put_integer(struct ttlv_writer *w, uint32_t tag, int32_t value);
void ttlv_put_enumeration(struct ttlv_writer *w, uint32_t tag, uint32_t value);
void ttlv_put_text(struct ttlv_writer *w, uint32_t tag, const char *text);
void ttlv_put_text_n(struct ttlv_writer *w, uint32_t tag, const void *text,
		     size_t len);
void ttlv_put_bytes(struct ttlv_writer *w, uint32_t tag, const void *data,
		    size_t len);

/**
 * ttlv_finish() - end of the message
 * @ret_len: bytes written, untouched on failure
 * Return: 0, -EMSGSIZE when @buf was too small, -EINVAL when begin and end do
 * not match, the nesting is too deep or a tag does not fit in 3 bytes.
 */
int ttlv_finish(const struct ttlv_writer *w, size_t *ret_len);

/* One item; @value points into the buffer that was read. */
struct ttlv_item {
	uint32_t tag;
	uint8_t type; /* enum ttlv_type, or one that we do not know */
	uint32_t len; /* bytes at @value, without padding */
	const uint8_t *value;
};

/* Items that lie one after the other. */
struct ttlv_reader {
	const uint8_t *pos;
	size_t left;
};

/**
 * ttlv_check() - is this exactly one well-formed item, and all that is in it?
 *
 * Walks everything, also structures whose tags mean nothing to us: after it, a
 * malformed length cannot turn up halfway through the handling of a message.
 * Unknown tags and types are fine; what the padding holds is not looked at
 * (the standard fixes only how much there is).
 *
 * Return: 0; -EPROTO when lengths do not add up, a type has a length or a
 * value that it cannot have, a tag is neither standard (42xxxx) nor an
 * extension (54xxxx), or it is deeper than TTLV_DEPTH_MAX.
 */
int ttlv_check(const void *buf, size_t len);

/** ttlv_reader_init() - read the items in @len bytes at @buf. */
void ttlv_reader_init(struct ttlv_reader *r, const void *buf, size_t len);

/** ttlv_enter() - read the items of structure @item. 0, or -EPROTO: is none. */
int ttlv_enter(const struct ttlv_item *item, struct ttlv_reader *ret);

/**
 * ttlv_next() - the next item
 * Return: 1, 0 at the end, -EPROTO. @ret is untouched unless 1.
 */
int ttlv_next(struct ttlv_reader *r, struct ttlv_item *ret);

/**
 * ttlv_find() - the one item with @tag directly in structure @parent
 *
 * Other tags are skipped, in whatever order they come. An item that is there
 * twice is refused: which of the two was meant is not ours to guess.
 *
 * Return: 0, -ENODATA when it is absent, -EPROTO.
 */
int ttlv_find(const struct ttlv_item *parent, uint32_t tag,
	      struct ttlv_item *ret);

/*
 * Values: 0, or -EPROTO when @item has another type.
 */
int ttlv_integer(const struct ttlv_item *item, int32_t *ret);
int ttlv_enumeration(const struct ttlv_item *item, uint32_t *ret);
/* Points into the message. */
int ttlv_bytes(const struct ttlv_item *item, const uint8_t **ret,
	       size_t *ret_len);
/* Into @buf with a NUL; -EPROTO also when it holds a NUL or does not fit. */
int ttlv_text(const struct ttlv_item *item, char *buf, size_t size);

/** ttlv_text_is() - is @item a text that equals @text? */
bool ttlv_text_is(const struct ttlv_item *item, const char *text);

#endif
