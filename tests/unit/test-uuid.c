// SPDX-License-Identifier: GPL-2.0-or-later
/* base/uuid.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/uuid.h"

static void test_text(void **state)
{
	static const uint8_t uuid[UUID_BYTES] = { 0x00, 0x11, 0x22, 0x33,
						  0x44, 0x55, 0x66, 0x77,
						  0x88, 0x99, 0xaa, 0xbb,
						  0xcc, 0xdd, 0xee, 0xff };
	char text[UUID_TEXT_LEN + 1];

	(void)state;
	uuid_text(uuid, text);
	assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
}

static void test_random(void **state)
{
	uint8_t all[UUID_BYTES] = { 0 }, any[UUID_BYTES] = { 0 };

	(void)state;
	memset(all, 0xff, sizeof(all));
	for (int i = 0; i < 200; i++) {
		uint8_t uuid[UUID_BYTES];

		assert_int_equal(uuid_random(uuid), 0);
		for (int k = 0; k < UUID_BYTES; k++) {
			all[k] &= uuid[k];
			any[k] |= uuid[k];
		}
	}
	/* what is in each, and what is in any: the rest is random */
	assert_int_equal(all[6], 0x40);
	assert_int_equal(any[6], 0x4f);
	assert_int_equal(all[8], 0x80);
	assert_int_equal(any[8], 0xbf);
	assert_int_equal(all[0], 0);
	assert_int_equal(any[15], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
