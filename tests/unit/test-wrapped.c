// SPDX-License-Identifier: GPL-2.0-or-later
/* The provider's part of a token: both ways, and all that is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/secret.h"
#include "kms/wrapped.h"

#define ID "\"entry\":\"6f1c1c0e-6b53-4a0e-9a7e-52e0d9b0a001\""
#define VAULT "\"provider\":\"vault\"," ID
#define KMIP "\"provider\":\"kmip\"," ID
#define LOCAL "\"provider\":\"local\"," ID
#define IV ",\"iv\":\"AAECAwQFBgcICQoL\""
#define TAG ",\"tag\":\"AAECAwQFBgcICQoLDA0ODw==\""
#define V_OK VAULT ",\"key_id\":\"k\",\"mount\":\"transit\""
#define K_OK KMIP ",\"key_id\":\"k\",\"mode\":\"gcm\"" IV TAG

static int parse(const char *text, struct wrapped *ret)
{
	_cleanup_json_ struct json_object *obj = NULL;
	char *all;
	int r;

	assert_true(asprintf(&all, "{%s}", text) > 0);
	r = json_parse(all, strlen(all), &obj);
	free(all);
	return r ? r : wrapped_from_json(obj, ret);
}

static const char *const good[] = {
	V_OK ",\"wrapped\":\"vault:v1:AAAA\"",
	V_OK ",\"wrapped\":\"vault:v12:AA/+\",\"namespace\":\"a/b\","
	     "\"key_version\":12,\"address\":\"https://kms.example\"",
	VAULT ",\"key_id\":\"K-1.x_\",\"mount\":\"a/b.c\",\"wrapped\":\"x\"",
	K_OK ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"a/b\",\"mode\":\"ctr\"" IV ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"7\",\"mode\":\"cbc\"" IV ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"7\",\"mode\":\"gcm-appended\"" IV
	     ",\"wrapped\":\"AAAA\"",
	LOCAL ",\"mode\":\"gcm\"" IV TAG ",\"wrapped\":\"AAAA\"",
};

static void test_round_trip(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		_cleanup_json_ struct json_object *obj =
			json_object_new_object();
		_cleanup_json_ struct json_object *first = NULL;
		struct wrapped w;
		char *all;

		assert_int_equal(parse(good[i], &w), 0);
		assert_int_equal(wrapped_to_json(&w, obj), 0);
		assert_true(asprintf(&all, "{%s}", good[i]) > 0);
		assert_int_equal(json_parse(all, strlen(all), &first), 0);
		free(all);
		assert_true(json_object_equal(obj, first));
	}
}

static const char *const refused[] = {
	"",
	ID,
	"\"provider\":\"vault\"",
	"\"provider\":\"aws\"," ID,
	"\"provider\":7," ID,
	/* entry */
	"\"provider\":\"local\",\"entry\":\"x\",\"mode\":\"gcm\"" IV TAG
	",\"wrapped\":\"AAAA\"",
	"\"provider\":\"local\",\"entry\":"
	"\"6F1c1c0e-6b53-4a0e-9a7e-52e0d9b0a001\",\"mode\":\"gcm\"" IV TAG
	",\"wrapped\":\"AAAA\"",
	"\"provider\":\"local\",\"entry\":"
	"\"../../../../etc/passwd-/../../../..\",\"mode\":\"gcm\"" IV TAG
	",\"wrapped\":\"AAAA\"",
	/* vault: names */
	VAULT ",\"mount\":\"m\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"k\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"\",\"mount\":\"m\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"a/b\",\"mount\":\"m\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"..\",\"mount\":\"m\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"k?x\",\"mount\":\"m\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"k\\r\\nX\",\"mount\":\"m\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"k\\u0000\",\"mount\":\"m\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"k\",\"mount\":\"/m\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"k\",\"mount\":\"m/\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"k\",\"mount\":\"a//b\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"k\",\"mount\":\"a/../b\",\"wrapped\":\"x\"",
	VAULT ",\"key_id\":\"k\",\"mount\":\"%2e%2e\",\"wrapped\":\"x\"",
	V_OK ",\"namespace\":\"a/./b\",\"wrapped\":\"x\"",
	V_OK ",\"namespace\":7,\"wrapped\":\"x\"",
	/* vault: ciphertext and what it has not */
	V_OK,
	V_OK ",\"wrapped\":\"\"",
	V_OK ",\"wrapped\":\"a b\"",
	V_OK ",\"wrapped\":\"a\\u007f\"",
	V_OK ",\"wrapped\":\"\xc3\xa4\"",
	V_OK ",\"wrapped\":\"x\"" IV,
	V_OK ",\"wrapped\":\"x\"" TAG,
	V_OK ",\"wrapped\":\"x\",\"mode\":\"gcm\"",
	V_OK ",\"wrapped\":\"x\",\"key_version\":-1",
	V_OK ",\"wrapped\":\"x\",\"key_version\":4294967296",
	/* the others */
	K_OK,
	K_OK ",\"wrapped\":\"\"",
	K_OK ",\"wrapped\":\"AAA\"",
	K_OK ",\"wrapped\":\"AAAA\",\"mount\":\"m\"",
	K_OK ",\"wrapped\":\"AAAA\",\"namespace\":\"m\"",
	KMIP ",\"mode\":\"gcm\"" IV TAG ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"k\"" IV TAG ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"k\",\"mode\":\"ecb\"" IV ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"k\",\"mode\":\"\"" IV ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"k\",\"mode\":\"gcm\"" TAG ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"k\",\"mode\":\"gcm\"" IV ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"k\",\"mode\":\"ctr\"" IV TAG
	     ",\"wrapped\":\"AAAA\"",
	KMIP ",\"key_id\":\"k\",\"mode\":\"ctr\","
	     "\"iv\":\"AAAAAAAAAAAAAAAAAAAAAAAA\",\"wrapped\":\"AAAA\"",
	LOCAL ",\"key_id\":\"..\",\"mode\":\"gcm\"" IV TAG
	      ",\"wrapped\":\"AAAA\"",
};

static void test_refused(void **state)
{
	struct wrapped w = { .key_version = 77 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int r = parse(refused[i], &w);

		if (r != -EBADMSG)
			print_message("# taken: %s\n", refused[i]);
		assert_int_equal(r, -EBADMSG);
	}
	assert_int_equal(w.key_version, 77);
}

/* A vault ciphertext that just fits, and one that does not */
static void test_longest(void **state)
{
	struct wrapped w;
	char text[WRAPPED_TEXT_MAX + 1];
	size_t len;
	char *all;

	(void)state;
	for (len = WRAPPED_TEXT_MAX - 1; len <= WRAPPED_TEXT_MAX; len++) {
		memset(text, 'x', len);
		text[len] = '\0';
		assert_true(asprintf(&all, V_OK ",\"wrapped\":\"%s\"", text) >
			    0);
		assert_int_equal(parse(all, &w),
				 len < WRAPPED_TEXT_MAX ? 0 : -EBADMSG);
		free(all);
	}
}

static void test_names(void **state)
{
	char name[WRAPPED_NAME_MAX + 1];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[WRAPPED_NAME_MAX - 1] = '\0';
	assert_true(wrapped_name_ok(name, 0));
	name[WRAPPED_NAME_MAX - 1] = 'n';
	name[WRAPPED_NAME_MAX] = '\0';
	assert_false(wrapped_name_ok(name, 0));
	assert_true(wrapped_name_ok("...", 0));
	assert_true(wrapped_name_ok(".a", 0));
	assert_false(wrapped_name_ok(".", 0));
	assert_false(wrapped_name_ok("", 1));
	assert_false(wrapped_name_ok("/", 1));
	assert_false(wrapped_name_ok("a/b", 0));
	assert_true(wrapped_name_ok("a/b", 1));
	assert_false(wrapped_name_ok("a/..", 1));
	assert_true(wrapped_name_ok("a/..b", 1));
	assert_string_equal(wrapped_provider_name(KMS_KMIP), "kmip");
	assert_null(wrapped_mode_name(WRAP_MODE_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_names),
	};

	if (secret_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
