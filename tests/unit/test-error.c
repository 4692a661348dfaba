// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of errors, the words of an operation, text from elsewhere. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/op.h"
#include "base/text.h"

/* The contract of the manual page and of the kernel's messages */
static void test_contract(void **state)
{
	static const struct {
		int err;
		enum exit_code code;
		int reject;
	} rows[] = {
		{ EINVAL, EXIT_WRONG_USAGE, EKEYREJECTED },
		{ EACCES, EXIT_DENIED, EACCES },
		{ EPERM, EXIT_DENIED, EACCES },
		{ EHOSTUNREACH, EXIT_UNREACHABLE, EHOSTUNREACH },
		{ ETIMEDOUT, EXIT_UNREACHABLE, ETIMEDOUT },
		{ ENODATA, EXIT_NOT_FOUND, ENODATA },
		{ ENOENT, EXIT_NOT_FOUND, ENODATA },
		{ ENODEV, EXIT_NOT_FOUND, ENODATA },
		{ ENXIO, EXIT_NOT_FOUND, ENODATA },
		{ EBUSY, EXIT_REFUSED, EHOSTUNREACH },
		{ EEXIST, EXIT_REFUSED, EKEYREJECTED },
		{ EKEYREJECTED, EXIT_CORRUPT, EKEYREJECTED },
		{ ESTALE, EXIT_CORRUPT, EKEYREJECTED },
		{ EBADMSG, EXIT_CORRUPT, EBADMSG },
		{ EPROTO, EXIT_OTHER, EPROTO },
		{ ENOKEY, EXIT_OTHER, ENOKEY },
		{ EKEYREVOKED, EXIT_REVOKED, EKEYREVOKED },
		{ ENOTSUP, EXIT_OTHER, ENOKEY },
		{ EXDEV, EXIT_OTHER, ENOKEY },
		{ 0, EXIT_OTHER, ENOKEY },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct error_info *info = error_info(-rows[i].err);

		assert_ptr_equal(info, error_info(rows[i].err));
		assert_int_equal(info->code, rows[i].code);
		assert_int_equal(info->reject, rows[i].reject);
	}
	assert_string_equal(error_info(-EKEYREVOKED)->name, "EKEYREVOKED");
	assert_true(error_info(ETIMEDOUT)->retryable);
	assert_false(error_info(EACCES)->retryable);
}

/* Whatever the errno, the helper rejects with one that the kernel lists. */
static void test_reject(void **state)
{
	static const int known[] = { EKEYREVOKED, EACCES,  EKEYREJECTED,
				     EBADMSG,	  EPROTO,  EHOSTUNREACH,
				     ETIMEDOUT,	  ENODATA, ENOKEY };
	int err;

	(void)state;
	for (err = 0; err < 4096; err++) {
		const struct error_info *info = error_info(err);
		size_t i, n = sizeof(known) / sizeof(known[0]);

		for (i = 0; i < n && known[i] != info->reject; i++)
			;
		assert_true(i < n);
		assert_true(info->code > EXIT_DONE &&
			    info->code <= EXIT_REVOKED);
		assert_true(info->name[0] && info->message[0] && info->next[0]);
		/* one clause; one or more sentences */
		assert_int_not_equal(info->message[strlen(info->message) - 1],
				     '.');
		assert_int_equal(info->next[strlen(info->next) - 1], '.');
	}
}

static void test_words(void **state)
{
	struct op op;
	char long_text[OP_TEXT_MAX * 2];

	(void)state;
	op_init(&op, 0);
	assert_string_equal(op.detail, "");
	assert_int_equal(op_fail(&op, -EPROTO, "%s\x1b[31m", "a\nb"), -EPROTO);
	assert_string_equal(op.detail, "a?b?[31m");
	/* around the old words */
	op_fail(&op, 0, "outer: %s", op.detail);
	assert_string_equal(op.detail, "outer: a?b?[31m");
	op_next(&op, "do %d", 1);
	assert_string_equal(op.next, "do 1");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	op_fail(&op, 0, "%s", long_text);
	assert_int_equal(strlen(op.detail), OP_TEXT_MAX - 1);
	op_clear(&op);
	assert_string_equal(op.detail, "");
	assert_string_equal(op.next, "");
}

static void test_deadline(void **state)
{
	struct op op, part;

	(void)state;
	op_init(&op, 0);
	assert_int_equal(op_left_ms(&op, 1234), 1234);
	op_init(&op, 10000);
	assert_int_equal(op_left_ms(&op, 50), 50);
	assert_in_range(op_left_ms(&op, 1000000), 9000, 10000);
	op_init(&op, 1);
	usleep(3000);
	assert_int_equal(op_left_ms(&op, 50), -ETIMEDOUT);
	/* a part ends with the whole, and may end before it */
	op_init(&op, 0);
	op_init_part(&part, &op, 1000);
	assert_in_range(op_left_ms(&part, 5000), 1, 1000);
	op_init(&op, 100);
	op_init_part(&part, &op, 60000);
	assert_in_range(op_left_ms(&part, 5000), 1, 100);
	op_init(&op, 60000);
	op_init_part(&part, &op, 100);
	assert_in_range(op_left_ms(&part, 5000), 1, 100);
}

static void test_clean(void **state)
{
	static const char *const pairs[][2] = {
		{ "plain ~ text", "plain ~ text" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91",
		  "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91" },
		{ "a\tb\rc\x7f", "a?b?c?" },
		{ "\xc2\x9b", "??" }, /* CSI in one character */
		{ "\x9b", "?" },
		{ "\xff\xc3", "??" },
		{ "\xc0\xaf", "??" }, /* overlong */
		{ "\xe0\x80\xaf", "???" },
		{ "\xf0\x80\x80\xaf", "????" },
		{ "\xed\xa0\x80", "???" }, /* surrogate */
		{ "\xf4\x90\x80\x80", "????" },
		{ "\xe2\x80\xae", "???" }, /* right to left */
		{ "\xe2\x81\xa6", "???" },
		{ "\xe2\x80", "??" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *text = strdup(pairs[i][0]);

		text_clean(text);
		assert_string_equal(text, pairs[i][1]);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contract),
		cmocka_unit_test(test_reject),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
