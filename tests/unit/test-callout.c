// SPDX-License-Identifier: GPL-2.0-or-later
/* Callout and key description: the contract's text and nothing else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* part of a program and not of the library */
#include "upcall/callout.c"

#define UUID "0c1d2e3f-4051-6273-8495-a6b7c8d9eafb"

static const char good[] =
	"v=1 op=open cipher=aes-xts-plain64 key_bytes=64 sector_size=4096 "
	"iv_offset=8 offset=32768 len=2048 flags=1 timeout_ms=20000";

/* Parses a copy without a NUL, so that reading past the end is seen. */
static int parse(const char *text, size_t len, struct callout *ret)
{
	char *copy = malloc(len ?: 1);
	int r;

	memcpy(copy, text, len);
	r = callout_parse(copy, len, ret);
	free(copy);
	return r;
}

static void test_good(void **state)
{
	struct callout c;

	(void)state;
	assert_int_equal(parse(good, strlen(good), &c), 0);
	assert_int_equal(c.op, CALLOUT_OPEN);
	assert_string_equal(c.req.cipher, "aes-xts-plain64");
	assert_int_equal(c.req.key_bytes, 64);
	assert_int_equal(c.req.sector_size, 4096);
	assert_int_equal(c.req.iv_offset, 8);
	assert_int_equal(c.req.offset, 32768);
	assert_int_equal(c.req.len, 2048);
	assert_int_equal(c.req.flags, KMSC_DESC_IV_LARGE_SECTORS);
	assert_int_equal(c.timeout_ms, 20000);
}

/* @from in the good callout becomes @to. */
static int edited(const char *from, const char *to, struct callout *ret)
{
	const char *at = strstr(good, from);
	char *text;
	int len, r;

	assert_non_null(at);
	len = asprintf(&text, "%.*s%s%s", (int)(at - good), good, to,
		       at + strlen(from));
	r = parse(text, (size_t)len, ret);
	free(text);
	return r;
}

static void test_variants(void **state)
{
	struct callout c;

	(void)state;
	assert_int_equal(edited("op=open", "op=renew", &c), 0);
	assert_int_equal(c.op, CALLOUT_RENEW);
	assert_int_equal(edited("op=open", "op=unlock", &c), 0);
	assert_int_equal(c.op, CALLOUT_UNLOCK);
	assert_int_equal(edited("=8", "=18446744073709551615", &c), 0);
	assert_true(c.req.iv_offset == UINT64_MAX);
	assert_int_equal(edited("=8", "=0", &c), 0);
	assert_string_equal(c.req.integrity, "");
	assert_int_equal(edited("flags=1", "flags=1 integrity=28:aead", &c), 0);
	assert_string_equal(c.req.integrity, "28:aead");
}

static void test_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} edits[] = {
		{ "v=1", "v=2" },
		{ "v=1", "V=1" },
		{ "v=1 ", "" },
		{ "op=open", "op=close" },
		{ "op=open", "op=" },
		{ "op=open ", "op=open" },
		{ "cipher=aes-xts-plain64", "cipher=" },
		{ "cipher=aes", "cipher=\x7f" },
		{ "key_bytes=64", "key_bytes=97" },
		{ "key_bytes=64", "key_bytes=" },
		{ "key_bytes=64", "key_bytes=064" },
		{ "key_bytes=64", "key_bytes=+64" },
		{ "key_bytes=64", "key_bytes=0x40" },
		{ "key_bytes=64 ", "" },
		{ "sector_size=4096", "sector_size=8192" },
		{ "iv_offset=8", "iv_offset=18446744073709551616" },
		{ "iv_offset=8", "iv_offset=99999999999999999999999" },
		{ "iv_offset=8", "iv_offset=-1" },
		{ "flags=1", "flags=2" },
		{ "timeout_ms=20000", "timeout_ms=0" },
		{ "timeout_ms=20000", "timeout_ms=600001" },
		{ "timeout_ms=20000", "timeout_ms=20000 " },
		{ "timeout_ms=20000", "timeout_ms=20000 x=1" },
		{ " len=2048 flags=1", " flags=1 len=2048" },
		{ " len", "  len" },
		{ "flags=1", "flags=1 integrity=" },
		{ "flags=1", "flags=1 integrity= 28:aead" },
		{ "flags=1", "flags=1  integrity=28:aead" },
		{ "flags=1", "integrity=28:aead flags=1" },
		{ "flags=1", "flags=1 integrity=28:aead integrity=28:aead" },
		{ "flags=1",
		  "flags=1 integrity=012345678901234567890123456:aead" },
	};
	struct callout c;

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++)
		if (edited(edits[i].from, edits[i].to, &c) != -EINVAL)
			fail_msg("%s for %s", edits[i].to, edits[i].from);
	for (size_t i = 0; i < strlen(good) - 4; i++)
		assert_int_equal(parse(good, i, &c), -EINVAL);
}

static void test_too_long(void **state)
{
	char text[KMSC_CALLOUT_MAX + 1];
	struct callout c;
	int len;

	(void)state;
	/* one more character than a cipher may have */
	len = snprintf(text, sizeof(text), "v=1 op=open cipher=%0*d key_bytes",
		       KMSC_CIPHER_MAX, 0);
	assert_int_equal(parse(text, (size_t)len, &c), -EINVAL);
	memset(text, 'x', sizeof(text));
	assert_int_equal(parse(text, KMSC_CALLOUT_MAX, &c), -EINVAL);
}

static void test_volume(void **state)
{
	static const char *const wrong[] = {
		"",
		UUID,
		UUID "@",
		UUID "@8",
		UUID "@8:",
		UUID "@8:1 ",
		UUID "@8:1:2",
		UUID "@08:1",
		UUID "@8:4294967296",
		UUID "@-8:1",
		UUID "x8:1",
		"0C1D2E3F-4051-6273-8495-a6b7c8d9eafb@8:1",
		"../../../../../../../../../../etc/pw@8:1",
	};
	struct callout_volume v;

	(void)state;
	assert_int_equal(callout_parse_volume(UUID "@254:16", &v), 0);
	assert_string_equal(v.uuid, UUID);
	assert_int_equal(v.major, 254);
	assert_int_equal(v.minor, 16);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (callout_parse_volume(wrong[i], &v) != -EINVAL)
			fail_msg("%s", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	cmocka_unit_test(test_variants),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_volume),
	};

	return cmocka_run_group_tests_name("callout", tests, NULL, NULL);
}
