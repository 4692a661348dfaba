// SPDX-License-Identifier: GPL-2.0-or-later
/* Segments with integrity tags, as cryptsetup's tables have them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/op.h"
#include "volume/integrity.h"

static struct segment segment(const char *cipher, const char *type)
{
	struct segment s = { .sector_size = 4096, .offset = 16777216 };

	snprintf(s.cipher, sizeof(s.cipher), "%s", cipher);
	snprintf(s.integrity, sizeof(s.integrity), "%s", type);
	return s;
}

static void test_views(void **state)
{
	/* as cryptsetup 2.6.1 was seen to load them */
	static const struct {
		const char *cipher, *type, *table, *integrity;
	} good[] = {
		{ "aes-gcm-random", "aead", "capi:gcm(aes)-random", "28:aead" },
		{ "aes-ccm-random", "aead", "capi:rfc4309(ccm(aes))-random",
		  "24:aead" },
		{ "aegis128-random", "aead", "capi:aegis128-random",
		  "32:aead" },
		{ "chacha20-random", "poly1305",
		  "capi:rfc7539(chacha20,poly1305)-random", "28:aead" },
		{ "aes-xts-plain64", "hmac(sha256)",
		  "capi:authenc(hmac(sha256),xts(aes))-plain64", "32:aead" },
		{ "aes-xts-random", "hmac(sha512)",
		  "capi:authenc(hmac(sha512),xts(aes))-random", "80:aead" },
		{ "aes-ctr-random", "hmac(sha1)",
		  "capi:authenc(hmac(sha1),ctr(aes))-random", "36:aead" },
		{ "aes-cbc-essiv:sha256", "hmac(sha256)",
		  "capi:authenc(hmac(sha256),cbc(aes))-essiv:sha256",
		  "32:aead" },
	};
	struct segment s, view;
	struct op op;

	(void)state;
	op_init(&op, 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		s = segment(good[i].cipher, good[i].type);
		assert_int_equal(integrity_view(&op, &s, &view), 0);
		assert_string_equal(view.cipher, good[i].table);
		assert_string_equal(view.integrity, good[i].integrity);
		assert_int_equal(integrity_tag_bytes(view.integrity),
				 atoi(good[i].integrity));
		assert_int_equal(view.offset, 0);
		assert_int_equal(view.sector_size, 4096);
	}
}

static void test_without_tags(void **state)
{
	struct segment s = segment("aes-xts-plain64", "");
	struct segment view;
	struct op op;

	(void)state;
	op_init(&op, 0);
	assert_int_equal(integrity_view(&op, &s, &view), 0);
	assert_memory_equal(&view, &s, sizeof(s));
}

static void test_refused(void **state)
{
	static const struct {
		const char *cipher, *type;
	} wrong[] = {
		{ "aes-xts-plain64", "none" },
		{ "aes-xts-plain64", "crc32c" },
		{ "aes-xts-plain64", "hmac(sha256" },
		{ "aes-xts-plain64", "hmac-sha256" },
		{ "aes-xts-plain64", "phmac(sha256)" },
		{ "aes-cbc-random", "hmac(sha256)" }, /* no room for an IV */
		{ "aes-gcm-plain64", "aead" }, /* IVs that repeat */
		{ "chacha20-plain64", "poly1305" },
		{ "capi:gcm(aes)-random", "aead" },
		{ "aes", "aead" },
		{ "-random", "aead" },
		{ "aes-", "aead" },
		/* longer than a table's cipher */
		{ "aes0123456789012345678901234567890123456789-xts-plain64",
		  "hmac(sha256)" },
	};
	struct segment s, view;
	struct op op;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		op_init(&op, 0);
		s = segment(wrong[i].cipher, wrong[i].type);
		if (integrity_view(&op, &s, &view) != -EOPNOTSUPP)
			fail_msg("%s, %s", wrong[i].cipher, wrong[i].type);
		assert_true(*op.detail);
	}
}

static void test_kinds(void **state)
{
	(void)state;
	assert_string_equal(integrity_type("hmac-sha256"), "hmac(sha256)");
	assert_string_equal(integrity_type("aead"), "aead");
	assert_null(integrity_type("hmac(sha256)"));
	assert_null(integrity_type("none"));
	assert_int_equal(integrity_mac_bytes("hmac(sha512)"), 64);
	assert_int_equal(integrity_mac_bytes("aead"), 0);
	assert_int_equal(integrity_mac_bytes("none"), 0);
}

/* As the kernel's 6.1 wrote it: tags of 28 bytes, sectors of 4096. */
static const uint8_t super[INTEGRITY_SUPER_BYTES] = {
	'i',  'n',  't', 'e', 'g', 'r', 't', 0, 5, 15, 28, 0, 3, 0, 0, 0,
	0xb8, 0x6f, 1,	 0,   0,   0,	0,   0, 8, 0,  0,  0, 3, 0, 0, 0,
};

/* @super with byte @at as @value */
static int edited(size_t at, uint8_t value, struct integrity_super *ret)
{
	uint8_t bytes[INTEGRITY_SUPER_BYTES];

	memcpy(bytes, super, sizeof(bytes));
	bytes[at] = value;
	return integrity_super(bytes, ret);
}

static void test_super(void **state)
{
	static const uint8_t empty[INTEGRITY_SUPER_BYTES] = "integrt";
	struct integrity_super s;

	(void)state;
	assert_int_equal(integrity_super(super, &s), 0);
	assert_int_equal(s.sectors, 0x16fb8);
	assert_int_equal(s.tag_bytes, 28);
	assert_int_equal(s.sector_size, 4096);
	assert_int_equal(edited(28, 0, &s), 0);
	assert_int_equal(s.sector_size, 512);
	assert_int_equal(edited(11, 1, &s), 0);
	assert_int_equal(s.tag_bytes, 284);
	assert_int_equal(edited(0, 'I', &s), -EBADMSG);
	assert_int_equal(edited(7, 'x', &s), -EBADMSG);
	assert_int_equal(edited(28, 4, &s), -EBADMSG);
	assert_int_equal(edited(28, 255, &s), -EBADMSG);
	/* so many that their bytes overflow */
	assert_int_equal(edited(23, 0x80, &s), -EBADMSG);
	assert_int_equal(integrity_super(empty, &s), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_without_tags),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_super),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
