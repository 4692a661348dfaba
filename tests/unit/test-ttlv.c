// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TTLV: bytes worked out by hand from the encoding rules (KMIP 1.4, section
 * 9.1.1), both ways, and every way in which a length can lie.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/ttlv.h"

#define TAG 0x420020

/* A message with an item of every type, some of them unknown. */
static const uint8_t all_types[] = {
	0x42, 0x00, 0x20, 0x01, 0,    0, 0, 0xb0, /* structure of 176 bytes */
	0x42, 0x00, 0x21, 0x02, 0,    0, 0, 4, /* integer -2 */
	0xff, 0xff, 0xff, 0xfe, 0,    0, 0, 0,
	0x42, 0x00, 0x22, 0x03, 0,    0, 0, 8, /* long integer */
	0x01, 2,    3,	  4,	5,    6, 7, 8,
	0x42, 0x00, 0x23, 0x04, 0,    0, 0, 8, /* big integer */
	0x00, 0,    0,	  0,	0,    0, 0, 1,
	0x42, 0x00, 0x24, 0x05, 0,    0, 0, 4, /* enumeration */
	0x80, 0,    0,	  1,	0,    0, 0, 0,
	0x42, 0x00, 0x25, 0x06, 0,    0, 0, 8, /* boolean true */
	0x00, 0,    0,	  0,	0,    0, 0, 1,
	0x42, 0x00, 0x26, 0x07, 0,    0, 0, 3, /* text */
	'a',  'b',  'c',  0,	0,    0, 0, 0,
	0x54, 0x00, 0x27, 0x08, 0,    0, 0, 1, /* bytes of an extension */
	0x5a, 0,    0,	  0,	0,    0, 0, 0,
	0x42, 0x00, 0x28, 0x09, 0,    0, 0, 8, /* date */
	0x00, 0,    0,	  0,	0x65, 0, 0, 0,
	0x42, 0x00, 0x29, 0x0a, 0,    0, 0, 4, /* interval */
	0x00, 0,    0,	  9,	0,    0, 0, 0,
	0x42, 0x00, 0x2a, 0x0b, 0,    0, 0, 8, /* extended date */
	0x00, 0,    0,	  0,	0x65, 0, 0, 0,
	0x42, 0x00, 0x2b, 0x7f, 0,    0, 0, 5, /* a type that nobody knows */
	0x01, 2,    3,	  4,	5,    0, 0, 0,
};

static struct ttlv_item parse(const uint8_t *buf, size_t len)
{
	struct ttlv_reader r;
	struct ttlv_item item;

	ttlv_reader_init(&r, buf, len);
	assert_int_equal(ttlv_next(&r, &item), 1);
	return item;
}

/* Reads from memory of exactly @len bytes, so that ASan sees one too many. */
static int check_exact(const uint8_t *buf, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, buf, len);
	r = ttlv_check(len ? copy : copy + 1, len);
	free(copy);
	return r;
}

static void test_write(void **state)
{
	static const uint8_t expected[] = {
		0x42, 0x00, 0x20, 0x01, 0,   0,	   0,	 0x50, /* 80 bytes */
		0x42, 0x00, 0x21, 0x02, 0,   0,	   0,	 4,    0xff,
		0xff, 0xff, 0xff, 0,	0,   0,	   0,	 0x42, 0x00,
		0x22, 0x01, 0,	  0,	0,   0x10, /* inner: 16 bytes */
		0x42, 0x00, 0x23, 0x05, 0,   0,	   0,	 4,    0x00,
		0x00, 0x01, 0x02, 0,	0,   0,	   0,	 0x42, 0x00,
		0x24, 0x07, 0,	  0,	0,   8, /* no padding at 8 */
		'8',  ' ',  'l',  'e',	't', 't',  'e',	 'r',  0x42,
		0x00, 0x25, 0x08, 0,	0,   0,	   3,	 0x01, 0x02,
		0x03, 0,    0,	  0,	0,   0,	   0x42, 0x00, 0x26,
		0x08, 0,    0,	  0,	0, /* nothing at all */
	};
	uint8_t buf[sizeof(expected) + 8];
	struct ttlv_writer w;
	size_t len = 0;

	(void)state;
	memset(buf, 0xaa, sizeof(buf));
	ttlv_writer_init(&w, buf, sizeof(buf));
	ttlv_begin(&w, TAG);
	ttlv_put_integer(&w, 0x420021, -1);
	ttlv_begin(&w, 0x420022);
	ttlv_put_enumeration(&w, 0x420023, 0x102);
	ttlv_end(&w);
	ttlv_put_text(&w, 0x420024, "8 letter");
	ttlv_put_bytes(&w, 0x420025, "\1\2\3", 3);
	ttlv_put_bytes(&w, 0x420026, NULL, 0);
	ttlv_end(&w);
	assert_int_equal(ttlv_finish(&w, &len), 0);
	assert_int_equal(len, sizeof(expected));
	assert_memory_equal(buf, expected, sizeof(expected));
	assert_int_equal(buf[len], 0xaa);
	assert_int_equal(check_exact(buf, len), 0);
}

/* Whatever the room, never a byte past it; and only all of it is a success. */
static void test_write_no_room(void **state)
{
	const size_t need = 8 + 16 + 16;
	struct ttlv_writer w;
	size_t size, len;

	(void)state;
	for (size = 0; size <= need; size++) {
		uint8_t *buf = malloc(size ? size : 1);

		len = 12345;
		ttlv_writer_init(&w, buf, size);
		ttlv_begin(&w, TAG);
		ttlv_put_bytes(&w, TAG, "12345", 5);
		ttlv_put_integer(&w, TAG, 1);
		ttlv_end(&w);
		assert_int_equal(ttlv_finish(&w, &len),
				 size == need ? 0 : -EMSGSIZE);
		assert_int_equal(len, size == need ? need : 12345);
		free(buf);
	}
}

/* A length that would wrap round must fail before it is used. */
static void test_write_huge(void **state)
{
	static const size_t huge[] = { SIZE_MAX, SIZE_MAX - 7, SIZE_MAX - 8,
				       (size_t)UINT32_MAX + 1, 57 };
	uint8_t buf[64];
	struct ttlv_writer w;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		ttlv_writer_init(&w, buf, sizeof(buf));
		ttlv_put_bytes(&w, TAG, buf, huge[i]);
		assert_int_equal(ttlv_finish(&w, &len), -EMSGSIZE);
		assert_int_equal(w.len, 0);
	}
}

static void test_write_misuse(void **state)
{
	uint8_t buf[1024];
	struct ttlv_writer w;
	size_t len;
	int i;

	(void)state;
	ttlv_writer_init(&w, buf, sizeof(buf));
	ttlv_begin(&w, TAG);
	assert_int_equal(ttlv_finish(&w, &len), -EINVAL);

	ttlv_writer_init(&w, buf, sizeof(buf));
	ttlv_end(&w);
	assert_int_equal(ttlv_finish(&w, &len), -EINVAL);

	ttlv_writer_init(&w, buf, sizeof(buf));
	ttlv_put_integer(&w, 0x1000000, 1);
	assert_int_equal(ttlv_finish(&w, &len), -EINVAL);

	ttlv_writer_init(&w, buf, sizeof(buf));
	for (i = 0; i <= TTLV_DEPTH_MAX; i++)
		ttlv_begin(&w, TAG);
	for (i = 0; i <= TTLV_DEPTH_MAX; i++)
		ttlv_end(&w);
	assert_int_equal(ttlv_finish(&w, &len), -EINVAL);

	/* The first failure stays, also when all would be well again. */
	ttlv_writer_init(&w, buf, 16);
	ttlv_put_bytes(&w, TAG, buf, 100);
	ttlv_put_integer(&w, TAG, 1);
	assert_int_equal(ttlv_finish(&w, &len), -EMSGSIZE);
}

static void test_read_types(void **state)
{
	struct ttlv_item top = parse(all_types, sizeof(all_types)), item;
	const uint8_t *bytes;
	uint32_t e = 0;
	int32_t i = 0;
	char text[4];
	size_t len;

	(void)state;
	assert_int_equal(ttlv_check(all_types, sizeof(all_types)), 0);
	assert_int_equal(top.tag, TAG);
	assert_int_equal(top.len, sizeof(all_types) - 8);
	assert_int_equal(ttlv_find(&top, 0x420021, &item), 0);
	assert_int_equal(ttlv_integer(&item, &i), 0);
	assert_int_equal(i, -2);
	assert_int_equal(ttlv_enumeration(&item, &e), -EPROTO);
	assert_int_equal(ttlv_find(&top, 0x420024, &item), 0);
	assert_int_equal(ttlv_enumeration(&item, &e), 0);
	assert_int_equal(e, 0x80000001);
	assert_int_equal(ttlv_integer(&item, &i), -EPROTO);
	assert_int_equal(ttlv_find(&top, 0x420026, &item), 0);
	assert_int_equal(ttlv_text(&item, text, 4), 0);
	assert_string_equal(text, "abc");
	assert_int_equal(ttlv_text(&item, text, 3), -EPROTO);
	assert_true(ttlv_text_is(&item, "abc"));
	assert_false(ttlv_text_is(&item, "ab"));
	assert_false(ttlv_text_is(&item, "abd"));
	assert_false(ttlv_text_is(&item, "abcd"));
	assert_int_equal(ttlv_bytes(&item, &bytes, &len), -EPROTO);
	assert_int_equal(ttlv_find(&top, 0x540027, &item), 0);
	assert_int_equal(ttlv_bytes(&item, &bytes, &len), 0);
	assert_int_equal(len, 1);
	assert_int_equal(bytes[0], 0x5a);
	assert_int_equal(ttlv_text(&item, text, 4), -EPROTO);
	assert_false(ttlv_text_is(&item, "Z"));
	assert_int_equal(ttlv_find(&top, 0x42002b, &item), 0);
	assert_int_equal(item.type, 0x7f);
	assert_int_equal(ttlv_find(&top, 0x42002c, &item), -ENODATA);
}

static void test_text_with_nul(void **state)
{
	static const uint8_t text[] = { 0x42, 0, 0x20, 0x07, 0, 0, 0, 3,
					'a',  0, 'b',  0,    0, 0, 0, 0 };
	struct ttlv_item item = parse(text, sizeof(text));
	char buf[8];

	(void)state;
	assert_int_equal(ttlv_text(&item, buf, sizeof(buf)), -EPROTO);
}

static void test_twice(void **state)
{
	static const uint8_t twice[] = {
		0x42, 0,    0x20, 0x01, 0,    0, 0,    0x20, 0x42, 0,
		0x21, 0x02, 0,	  0,	0,    4, 0,    0,    0,	   1,
		0,    0,    0,	  0,	0x42, 0, 0x21, 0x02, 0,	   0,
		0,    4,    0,	  0,	0,    2, 0,    0,    0,	   0,
	};
	struct ttlv_item top = parse(twice, sizeof(twice)), item;

	(void)state;
	assert_int_equal(ttlv_check(twice, sizeof(twice)), 0);
	assert_int_equal(ttlv_find(&top, 0x420021, &item), -EPROTO);
	assert_int_equal(ttlv_find(&top, 0x420022, &item), -ENODATA);
}

static void test_enter_only_structures(void **state)
{
	static const uint8_t bytes[] = { 0x42, 0, 0x20, 0x08, 0, 0, 0, 8,
					 0x42, 0, 0x21, 0x08, 0, 0, 0, 0 };
	struct ttlv_item item = parse(bytes, sizeof(bytes)), child;
	struct ttlv_reader r;

	(void)state;
	assert_int_equal(ttlv_enter(&item, &r), -EPROTO);
	assert_int_equal(ttlv_find(&item, 0x420021, &child), -EPROTO);
}

/* No prefix of a message is one, and nothing may follow it. */
static void test_truncated(void **state)
{
	uint8_t longer[sizeof(all_types) + 8];
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(all_types); len++)
		assert_int_equal(check_exact(all_types, len), -EPROTO);
	memcpy(longer, all_types, sizeof(all_types));
	memset(longer + sizeof(all_types), 0, 8);
	for (len = sizeof(all_types) + 1; len <= sizeof(longer); len++)
		assert_int_equal(check_exact(longer, len), -EPROTO);
}

/* No structure around it whose length would give the cut away */
static void test_truncated_alone(void **state)
{
	static const uint8_t text[] = { 0x42, 0,   0x20, 0x07, 0, 0, 0, 3,
					'a',  'b', 'c',	 0,    0, 0, 0, 0 };
	struct ttlv_reader r;
	struct ttlv_item item;
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(text); len++) {
		assert_int_equal(check_exact(text, len), -EPROTO);
		ttlv_reader_init(&r, text, len);
		assert_int_equal(ttlv_next(&r, &item), len ? -EPROTO : 0);
	}
	assert_int_equal(check_exact(text, len), 0);
}

static void put_length(uint8_t *p, size_t len)
{
	p[0] = (uint8_t)(len >> 24);
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
}

/*
 * A string (or an unknown type) may have any length that its 8 bytes hold, and
 * one of 17 takes in exactly the next item.
 */
static bool harmless(size_t at, uint32_t len)
{
	uint8_t type = all_types[at - 1];

	if (type != TTLV_TEXT_STRING && type != TTLV_BYTE_STRING &&
	    type != 0x7f)
		return false;
	return (len >= 1 && len <= 8) ||
	       (len == 17 && at + 28 <= sizeof(all_types));
}

/* Every length field of the message, set to every size that could hurt. */
static void test_hostile_lengths(void **state)
{
	static const uint32_t lengths[] = {
		0,	    1,		3,	    5,		7,
		9,	    16,		17,	    0xa8,	0xb1,
		0xb8,	    0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff8,
		0xfffffff9, 0xffffffff,
	};
	uint8_t buf[sizeof(all_types)];
	size_t at, i;

	(void)state;
	for (at = 4; at < sizeof(buf); at += at == 4 ? 8 : 16) {
		for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			memcpy(buf, all_types, sizeof(buf));
			put_length(buf + at, lengths[i]);
			assert_int_equal(check_exact(buf, sizeof(buf)),
					 harmless(at, lengths[i]) ? 0 :
								    -EPROTO);
		}
	}
}

static void test_bad_values(void **state)
{
	uint8_t buf[sizeof(all_types)];
	const size_t boolean = 8 + 4 * 16, first = 8;

	(void)state;
	memcpy(buf, all_types, sizeof(buf));
	buf[boolean + 15] = 2;
	assert_int_equal(check_exact(buf, sizeof(buf)), -EPROTO);
	buf[boolean + 15] = 1;
	buf[boolean + 8] = 1;
	assert_int_equal(check_exact(buf, sizeof(buf)), -EPROTO);
	buf[boolean + 8] = 0;
	assert_int_equal(check_exact(buf, sizeof(buf)), 0);
	buf[first] = 0x43; /* neither a standard tag nor an extension */
	assert_int_equal(check_exact(buf, sizeof(buf)), -EPROTO);
	buf[first] = 0x42;
	buf[first + 12] = 0xff; /* padding: its content is not looked at */
	assert_int_equal(check_exact(buf, sizeof(buf)), 0);
}

/* @levels structures, one in the other */
static int check_nested(unsigned int levels)
{
	size_t len = levels * 8UL, i;
	uint8_t *buf = calloc(levels, 8);
	int r;

	assert_non_null(buf);
	for (i = 0; i < levels; i++) {
		size_t inner = len - (i + 1) * 8;

		memcpy(buf + i * 8, "\x42\x00\x20\x01", 4);
		put_length(buf + i * 8 + 4, inner);
	}
	r = ttlv_check(buf, len);
	free(buf);
	return r;
}

static void test_depth(void **state)
{
	(void)state;
	assert_int_equal(check_nested(1), 0);
	assert_int_equal(check_nested(TTLV_DEPTH_MAX), 0);
	assert_int_equal(check_nested(TTLV_DEPTH_MAX + 1), -EPROTO);
	assert_int_equal(check_nested(1000000), -EPROTO);
}

/* ttlv_next() does not rely on ttlv_check(). */
static void test_next_alone(void **state)
{
	static const uint8_t lies[] = { 0x42, 0, 0x20, 0x08, 0, 0, 0, 9,
					1,    2, 3,    4,    5, 6, 7, 8 };
	static const uint8_t odd[] = { 0x42, 0, 0x20, 0x01, 0, 0, 0, 4,
				       1,    2, 3,    4,    0, 0, 0, 0 };
	struct ttlv_item item = { .tag = 7 };
	struct ttlv_reader r;

	(void)state;
	ttlv_reader_init(&r, odd, sizeof(odd));
	assert_int_equal(ttlv_next(&r, &item), -EPROTO);
	ttlv_reader_init(&r, lies, sizeof(lies));
	assert_int_equal(ttlv_next(&r, &item), -EPROTO);
	assert_int_equal(item.tag, 7);
	ttlv_reader_init(&r, lies, 0);
	assert_int_equal(ttlv_next(&r, &item), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_no_room),
		cmocka_unit_test(test_write_huge),
		cmocka_unit_test(test_write_misuse),
		cmocka_unit_test(test_read_types),
		cmocka_unit_test(test_text_with_nul),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_enter_only_structures),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_truncated_alone),
		cmocka_unit_test(test_hostile_lengths),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_next_alone),
	};

	return cmocka_run_group_tests_name("ttlv", tests, NULL, NULL);
}
