// SPDX-License-Identifier: GPL-2.0-or-later
/* Tokens: round trip, unknown members, and what must be refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/op.h"
#include "base/secret.h"
#include "volume/binding.h"

#define ID "11111111-2222-4333-8444-555555555555"

static const char vault[] =
	"{\"type\":\"kmscrypt\",\"keyslots\":[],\"version\":1,\"must\":[],"
	"\"key_bytes\":64,\"provider\":\"vault\",\"entry\":\"" ID "\","
	"\"key_id\":\"disk-key\",\"mount\":\"transit\","
	"\"wrapped\":\"vault:v1:AAAA\",\"colour\":\"blue\","
	"\"nested\":{\"a\":[1,2]},\"nothing\":null}";

static int parse(const char *text, struct binding *ret, struct op *op)
{
	op_init(op, 0);
	return binding_from_json(op, text, strlen(text), ret);
}

static void test_round_trip(void **state)
{
	_cleanup_binding_ struct binding b = { 0 }, again = { 0 };
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ struct json_object *left = NULL, *right = NULL;
	struct op op;

	(void)state;
	assert_int_equal(parse(vault, &b, &op), 0);
	assert_int_equal(b.token, -1);
	assert_int_equal(b.key_bytes, 64);
	assert_false(b.iv_large_sectors);
	assert_int_equal(b.wrapped.provider, KMS_VAULT);
	assert_string_equal(b.wrapped.key_id, "disk-key");
	assert_int_equal(binding_to_json(&op, &b, &text), 0);
	assert_int_equal(json_parse(vault, strlen(vault), &left), 0);
	assert_int_equal(json_parse(text, strlen(text), &right), 0);
	/* unknown members are in it, too */
	assert_true(json_object_equal(left, right));
	assert_int_equal(parse(text, &again, &op), 0);
	assert_string_equal(again.wrapped.text, "vault:v1:AAAA");
}

static void test_iv_large_sectors(void **state)
{
	_cleanup_binding_ struct binding b = { 0 }, again = { 0 };
	_cleanup_free_ char *text = NULL;
	struct op op;

	(void)state;
	assert_int_equal(parse(vault, &b, &op), 0);
	assert_int_equal(binding_flags(&b), 0);
	b.iv_large_sectors = true;
	assert_int_equal(binding_flags(&b), KMSC_DESC_IV_LARGE_SECTORS);
	assert_int_equal(binding_to_json(&op, &b, &text), 0);
	assert_non_null(strstr(text, "\"must\":[\"iv_large_sectors\"]"));
	assert_non_null(strstr(text, "\"iv_large_sectors\":true"));
	assert_int_equal(parse(text, &again, &op), 0);
	assert_true(again.iv_large_sectors);
}

/* @from in the good token becomes @to. */
static char *edit(const char *from, const char *to)
{
	const char *at = strstr(vault, from);
	char *text;

	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - vault), vault, to,
			     at + strlen(from)) > 0);
	return text;
}

static void test_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} edits[] = {
		{ "\"kmscrypt\"", "\"kmscrypt2\"" },
		{ "\"keyslots\":[]", "\"keyslots\":1" },
		{ "\"keyslots\":[],", "" },
		{ "\"version\":1", "\"version\":2" },
		{ "\"version\":1", "\"version\":0" },
		{ "\"version\":1", "\"version\":\"1\"" },
		{ "\"version\":1,", "" },
		{ "\"must\":[]", "\"must\":[\"colour\"]" },
		{ "\"must\":[]", "\"must\":[1]" },
		{ "\"must\":[]", "\"must\":[null]" },
		{ "\"must\":[]", "\"must\":{}" },
		{ "\"must\":[],", "" },
		{ "\"must\":[]", "\"must\":[\"iv_large_sectors\"]" },
		{ "\"must\":[]", "\"must\":[],\"iv_large_sectors\":true" },
		{ "\"must\":[]", "\"must\":[],\"iv_large_sectors\":1" },
		{ "\"key_bytes\":64", "\"key_bytes\":0" },
		{ "\"key_bytes\":64", "\"key_bytes\":97" },
		{ "\"key_bytes\":64", "\"key_bytes\":-64" },
		{ "\"key_bytes\":64,", "" },
		{ "\"vault\"", "\"vault2\"" },
		{ ID, "11111111-2222-4333-8444-55555555555/" },
		{ ID, "../../../../etc/passwd" },
		{ "disk-key", "../disk-key" },
		{ "disk-key", ".." },
		{ "disk-key", "a/b" },
		{ "disk-key", "a\\r\\nX: y" },
		{ "disk-key", "a%2e" },
		{ "disk-key", "a b" },
		{ "disk-key", "" },
		{ "disk-key", "a\\u0000" },
		{ "\"transit\"", "\"transit/../sys\"" },
		{ "\"transit\"", "\"/transit\"" },
		{ "\"transit\"", "\"transit\\n\"" },
		{ "\"transit\"", "\"transit\",\"namespace\":\"a/../b\"" },
		{ "vault:v1:AAAA", "vault:v1:AA\\nAA" },
		{ "\"wrapped\":\"vault:v1:AAAA\",", "" },
		{ "\"nothing\":null", "\"key_id\":\"other\"" },
		{ "\"nothing\":null}", "\"nothing\":null}}" },
		{ "{\"type\"", "[{\"type\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		_cleanup_binding_ struct binding b = { 0 };
		_cleanup_free_ char *text = edit(edits[i].from, edits[i].to);
		struct op op;
		int r = parse(text, &b, &op);

		if (r != -EBADMSG)
			fail_msg("%d for %s", r, text);
		assert_true(op.detail[0]);
	}
}

static void test_too_large(void **state)
{
	struct binding b = { 0 };
	struct op op;
	char *text = calloc(1, BINDING_JSON_MAX + sizeof(vault));

	(void)state;
	memset(text, ' ', BINDING_JSON_MAX);
	strcpy(text + BINDING_JSON_MAX, vault);
	assert_int_equal(parse(text, &b, &op), -EBADMSG);
	free(text);
}

/* A binding that could not be read is never written. */
static void test_damaged_is_not_written(void **state)
{
	struct binding b = { .err = -EBADMSG, .why = "broken" };
	char *text;
	struct op op;

	(void)state;
	op_init(&op, 0);
	assert_int_equal(binding_to_json(&op, &b, &text), -EBADMSG);
	assert_string_equal(op.detail, "broken");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_iv_large_sectors),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_damaged_is_not_written),
	};

	if (secret_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("binding", tests, NULL, NULL);
}
