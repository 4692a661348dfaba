// SPDX-License-Identifier: GPL-2.0-or-later
/* JSON: what is taken, what is refused, and getters that do not guess. */
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
#include "base/secret.h"

static int parse(const char *text, size_t len)
{
	_cleanup_json_ struct json_object *obj = NULL;
	/* without a NUL after it, so that the sanitizer sees a read too far */
	char *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, text, len);
	r = json_parse(copy, len, &obj);
	free(copy);
	assert_int_equal(r == 0, obj != NULL);
	return r;
}

static void test_taken(void **state)
{
	static const char *const good[] = {
		"{}",
		" {\"a\":1}\r\n",
		"{\"a\":\"'N:I\"}",
		"{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}",
		"{\"a\":\"\\\"\\\\\",\"b\":\":\"}",
		"{\"a\":null,\"b\":true,\"c\":-1.5e3}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(parse(good[i], strlen(good[i])), 0);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"null",
		"[]",
		"1",
		"\"a\"",
		"{",
		"}",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{\"a\":1}{}",
		"{\"a\":1}x",
		"{'a':1}",
		"{\"a\":'1'}",
		"{a:1}",
		"{\"a\":NaN}",
		"{\"a\":Infinity}",
		"{\"a\":-Infinity}",
		"{\"a\":01}",
		"{\"a\":1/**/}",
		"{\"a\":1}//",
		"{\"a\":\"\x01\"}",
		"{\"a\":\"\xff\"}",
		"{\"a\":1,\"a\":1}",
		"{\"a\":{\"b\":1},\"a\":2}",
		"{\"x\":{\"a\":1,\"\\u0061\":1}}",
		"{\"a\":\"",
		"{\"a\":\"\\",
	};
	char deep[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], strlen(bad[i])), -EPROTO);
	assert_int_equal(parse("{}\0", 3), -EPROTO);
	assert_int_equal(parse("{\"a\":\"\0\"}", 9), -EPROTO);
	memcpy(deep, "{\"a\":", 5);
	memset(deep + 5, '[', 60);
	memset(deep + 65, ']', 60);
	deep[125] = '}';
	assert_int_equal(parse(deep, 126), -EPROTO);
}

static struct json_object *sample(void)
{
	static const char text[] =
		"{\"s\":\"abc\",\"nul\":\"a\\u0000b\",\"n\":null,\"b\":true,"
		"\"i\":5,\"neg\":-1,\"big\":4294967296,\"f\":5.0,"
		"\"u\":18446744073709551614,\"huge\":99999999999999999999,"
		"\"z\":0,\"o\":{},\"a\":[],\"64\":\"Zm9v\",\"bad64\":\"Zm9\"}";
	struct json_object *obj = NULL;

	assert_int_equal(json_parse(text, strlen(text), &obj), 0);
	return obj;
}

static void test_strings(void **state)
{
	_cleanup_json_ struct json_object *obj = sample();
	char buf[4] = "old";

	(void)state;
	assert_int_equal(json_get_string(obj, "absent", buf, 4), -ENODATA);
	assert_int_equal(json_get_string(obj, "n", buf, 4), -ENODATA);
	assert_int_equal(json_get_string(obj, "i", buf, 4), -EPROTO);
	assert_int_equal(json_get_string(obj, "nul", buf, 4), -EPROTO);
	assert_int_equal(json_get_string(obj, "s", buf, 3), -EPROTO);
	assert_string_equal(buf, "old");
	assert_int_equal(json_get_string(obj, "s", buf, 4), 0);
	assert_string_equal(buf, "abc");
}

static void test_numbers(void **state)
{
	_cleanup_json_ struct json_object *obj = sample();
	uint64_t v = 7;
	uint32_t w = 7;
	bool b = false;

	(void)state;
	assert_int_equal(json_get_u64(obj, "neg", &v), -EPROTO);
	assert_int_equal(json_get_u64(obj, "huge", &v), -EPROTO);
	assert_int_equal(json_get_u64(obj, "f", &v), -EPROTO);
	assert_int_equal(json_get_u64(obj, "s", &v), -EPROTO);
	assert_int_equal(json_get_u64(obj, "b", &v), -EPROTO);
	assert_int_equal(json_get_u64(obj, "n", &v), -ENODATA);
	assert_int_equal(v, 7);
	assert_int_equal(json_get_u64(obj, "u", &v), 0);
	assert_true(v == UINT64_MAX - 1);
	assert_int_equal(json_get_u64(obj, "z", &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(json_get_u32(obj, "big", &w), -EPROTO);
	assert_int_equal(json_get_u32(obj, "i", &w), 0);
	assert_int_equal(w, 5);
	assert_int_equal(json_get_bool(obj, "i", &b), -EPROTO);
	assert_int_equal(json_get_bool(obj, "b", &b), 0);
	assert_true(b);
}

static void test_containers(void **state)
{
	_cleanup_json_ struct json_object *obj = sample();
	struct json_object *child = NULL;
	char buf[3];
	size_t len = 7;

	(void)state;
	assert_int_equal(json_get_object(obj, "a", &child), -EPROTO);
	assert_int_equal(json_get_object(obj, "o", &child), 0);
	assert_int_equal(json_get_array(obj, "o", &child), -EPROTO);
	assert_int_equal(json_get_array(obj, "a", &child), 0);
	assert_int_equal(json_get_array(child, "x", &child), -EPROTO);
	assert_int_equal(json_get_base64(obj, "bad64", buf, 3, &len), -EPROTO);
	assert_int_equal(json_get_base64(obj, "64", buf, 2, &len), -EPROTO);
	assert_int_equal(json_get_base64(obj, "i", buf, 3, &len), -EPROTO);
	assert_int_equal(len, 7);
	assert_int_equal(json_get_base64(obj, "64", buf, 3, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(buf, "foo", 3);
}

static void test_file(void **state)
{
	_cleanup_json_ struct json_object *obj = json_object_new_object();
	_cleanup_json_ struct json_object *back = NULL;
	char path[] = "/tmp/kmsc-json.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	assert_int_equal(json_add_string(obj, "s", "a\n\"/\xc3\xa4"), 0);
	assert_int_equal(json_add_string(obj, "none", NULL), 0);
	assert_int_equal(json_add_u64(obj, "u", UINT64_MAX - 1), 0);
	assert_int_equal(json_add_bool(obj, "b", false), 0);
	assert_int_equal(json_add_base64(obj, "64", "foo", 3), 0);
	assert_int_equal(json_add(obj, "null", NULL), -ENOMEM);
	assert_int_equal(json_object_object_length(obj), 4);
	assert_int_equal(json_write_file(path, obj), 0);
	assert_int_equal(json_read_file(path, 20, &back), -EFBIG);
	assert_int_equal(json_read_file(path, 1000, &back), 0);
	assert_true(json_object_equal(obj, back));
	unlink(path);
	assert_int_equal(json_read_file(path, 1000, &back), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_file),
	};

	if (secret_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
