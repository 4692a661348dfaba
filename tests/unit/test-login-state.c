// SPDX-License-Identifier: GPL-2.0-or-later
/* What is kept of a token; as root, below a folder of our own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/op.h"
#include "base/secret.h"
#include "kms/login-state.h"

#define ID "11111111-1111-4111-8111-111111111111"

static char home[] = "/tmp/kmsc-login.XXXXXX";

static void write_raw(const char *text, size_t len)
{
	_cleanup_free_ char *path = file_path(PLACE_RUN, "tokens", ID, NULL);

	assert_int_equal(file_write(path, text, len), 0);
}

static void test_round_trip(void **state)
{
	_cleanup_record_ struct login_record r = {
		.since_s = login_now_s(),
		.ttl_s = 60,
		.full_s = 90,
		.uses = 3,
		.period_s = 4,
		.max_ttl_s = 5,
		.renewable = true,
		.failed = true,
	};
	_cleanup_record_ struct login_record back = { .since_s = 0 };
	_cleanup_record_ struct login_record none = { .since_s = 0 };
	_cleanup_free_ char *path = file_path(PLACE_RUN, "tokens", ID, NULL);
	struct login_state *s = login_state_open(ID);
	struct stat st;

	(void)state;
	assert_non_null(s);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(login_state_read(s, &none), -ENODATA);
	assert_int_equal(secret_copy(&r.token, "hvs.\n9", 6), 0);
	assert_int_equal(login_state_write(s, &r), 0);
	assert_int_equal(login_state_peek(ID, &back), 0);
	assert_true(secret_equal(&back.token, &r.token));
	assert_memory_equal((char *)&back + sizeof(back.token),
			    (char *)&r + sizeof(r.token),
			    offsetof(struct login_record, failed) -
				    sizeof(r.token));
	assert_true(back.failed);
	assert_int_equal(login_state_write(s, NULL), 0);
	assert_int_equal(login_state_read(s, &none), -ENODATA);
	login_state_close(s);
	assert_int_equal(login_state_drop(ID), 0);
	assert_int_equal(login_state_peek(ID, &none), -ENODATA);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_damaged(void **state)
{
	static const char good[] = "kmscrypt-login 1 0 1 1 0 0 0 1 0 3\nabc\n";
	static const char *const bad[] = {
		"",
		"\n",
		"kmscrypt-login 2 0 1 1 0 0 0 1 0 3\nabc\n",
		"kmscrypt-login 1 0 1 1 0 0 0 1 0 4\nabc\n",
		"kmscrypt-login 1 0 1 1 0 0 0 1 0 3\nabc",
		"kmscrypt-login 1 0 1 1 0 0 0 1 0 3\nabc\n\n",
		"kmscrypt-login 1 0 1 1 0 0 0 1 0 99999999999999999999\nabc\n",
		"kmscrypt-login 1 99999999999999 1 1 0 0 0 1 0 3\nabc\n",
	};
	_cleanup_record_ struct login_record r = { .since_s = 0 };
	struct login_state *s = login_state_open(ID);
	size_t i;

	(void)state;
	login_state_close(s);
	write_raw(good, sizeof(good) - 1);
	assert_int_equal(login_state_peek(ID, &r), 0);
	assert_int_equal(r.token.len, 3);
	login_record_free(&r);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_raw(bad[i], strlen(bad[i]));
		assert_int_equal(login_state_peek(ID, &r), -ENODATA);
	}
	/* whatever was cut off */
	for (i = 0; i < sizeof(good) - 1; i++) {
		write_raw(good, i);
		assert_int_equal(login_state_peek(ID, &r), -ENODATA);
	}
}

static void test_lock(void **state)
{
	struct login_state *a = login_state_open(ID);
	struct login_state *b = login_state_open(ID);
	struct op op;

	(void)state;
	op_init(&op, 100);
	assert_int_equal(login_state_lock(&op, a), 0);
	assert_int_equal(login_state_lock(&op, b), -ETIMEDOUT);
	login_state_unlock(a);
	op_init(&op, 1000);
	assert_int_equal(login_state_lock(&op, b), 0);
	login_state_close(a);
	login_state_close(b);
}

static bool warns(const struct login_record *r, const char *words)
{
	const char *text = login_warning(r, false);

	assert_null(login_warning(r, true));
	return words ? text && strstr(text, words) : !text;
}

static void test_warnings(void **state)
{
	struct login_record r = { .since_s = login_now_s() };

	(void)state;
	assert_true(warns(&r, NULL));
	assert_false(login_renewal_due(&r));
	assert_int_equal(login_left_s(&r), -1);
	r.ttl_s = r.full_s = 1000;
	assert_true(warns(&r, "cannot be renewed"));
	r.renewable = true;
	assert_true(warns(&r, "expires soon"));
	assert_false(login_renewal_due(&r));
	r.full_s = 3000;
	assert_true(login_renewal_due(&r));
	r.ttl_s = 30 * 86400;
	assert_true(warns(&r, "not periodic"));
	r.period_s = r.ttl_s;
	assert_true(warns(&r, NULL));
	r.max_ttl_s = 1;
	assert_true(warns(&r, "explicit maximum"));
	r.failed = true;
	assert_true(warns(&r, "could not be renewed"));
	r.uses = 1;
	assert_true(warns(&r, "limited number"));
	r.full_s = r.ttl_s * 3;
	assert_false(login_renewal_due(&r));
	/* long ago */
	r = (struct login_record){ .ttl_s = 1, .since_s = 0 };
	assert_int_equal(login_left_s(&r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_warnings),
	};
	char command[64];
	int r;

	if (getuid() != 0)
		return 1;
	assert_int_equal(secret_init(), 0);
	assert_non_null(mkdtemp(home));
	assert_int_equal(setenv("KMSCRYPT_ROOT", home, 1), 0);
	file_allow_root();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", home);
	return system(command) ? 1 : r;
}
