// SPDX-License-Identifier: GPL-2.0-or-later
/* Vault's JSON: requests, answers, and that secrets leave the text first. */
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
#include "wire/vault-auth.h"
#include "wire/vault-msg.h"
#include "wire/vault-secret.h"

static struct secret text_of(const char *text)
{
	struct secret s = SECRET_EMPTY;

	assert_int_equal(secret_copy(&s, text, strlen(text)), 0);
	return s;
}

static void test_path(void **state)
{
	char buf[64];

	(void)state;
	assert_int_equal(vault_msg_path(buf, 64, "a/b", "encrypt", "k"), 0);
	assert_string_equal(buf, "/v1/a/b/encrypt/k");
	assert_int_equal(vault_msg_path(buf, 64, "m", "keys", "a/b?c#d e%"), 0);
	assert_string_equal(buf, "/v1/m/keys/a%2Fb%3Fc%23d%20e%25");
	assert_int_equal(vault_msg_path(buf, 64, "m\r\n", "k", "\xc3\xa4"), 0);
	assert_string_equal(buf, "/v1/m%0D%0A/k/%C3%A4");
	assert_int_equal(vault_msg_path(buf, 13, "m", "keys", "k"), 0);
	assert_int_equal(vault_msg_path(buf, 12, "m", "keys", "k"), -EINVAL);
	assert_int_equal(vault_msg_path(buf, 0, "m", "keys", "k"), -EINVAL);
}

static void test_requests(void **state)
{
	struct secret plain[2] = { text_of("foo"), text_of("fo") };
	const char *texts[2] = { "vault:v1:A/+=", "b\"c" };
	_cleanup_secret_ struct secret body = SECRET_EMPTY;

	(void)state;
	assert_int_equal(vault_msg_encrypt(plain, 1, &body), 0);
	assert_string_equal((char *)body.data, "{\"plaintext\":\"Zm9v\"}");
	assert_int_equal(vault_msg_encrypt(plain, 2, &body), 0);
	assert_string_equal((char *)body.data,
			    "{\"batch_input\":[{\"plaintext\":\"Zm9v\"},"
			    "{\"plaintext\":\"Zm8=\"}]}");
	assert_int_equal(vault_msg_ciphertexts(texts, 1, &body), 0);
	assert_string_equal((char *)body.data,
			    "{\"ciphertext\":\"vault:v1:A/+=\"}");
	assert_int_equal(vault_msg_ciphertexts(texts, 2, &body), 0);
	assert_string_equal((char *)body.data,
			    "{\"batch_input\":[{\"ciphertext\":\"vault:v1:A/+="
			    "\"},{\"ciphertext\":\"b\\\"c\"}]}");
	assert_int_equal(vault_msg_encrypt(plain, 0, &body), -EINVAL);
	assert_int_equal(vault_msg_encrypt(plain, 101, &body), -EINVAL);
	assert_int_equal(vault_msg_ciphertexts(texts, 0, &body), -EINVAL);
	assert_int_equal(vault_msg_ciphertexts(texts, 101, &body), -EINVAL);
	secret_free(&plain[0]);
	secret_free(&plain[1]);
}

static void test_capabilities(void **state)
{
	static const char *const paths[] = { "t/encrypt/k", "t/keys/k" };
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	_cleanup_secret_ struct secret answer = text_of(
		"{\"capabilities\":[\"deny\"],\"data\":{\"a\":[\"update\","
		"\"create\"],\"b\":[\"root\"],\"c\":[7,\"updates\"],"
		"\"d\":\"update\"}}");
	bool may = true;

	(void)state;
	assert_int_equal(vault_msg_paths(paths, 2, &body), 0);
	assert_string_equal((char *)body.data,
			    "{\"paths\":[\"t/encrypt/k\",\"t/keys/k\"]}");
	assert_int_equal(vault_msg_allows(&answer, "a", "create", &may), 0);
	assert_true(may);
	assert_int_equal(vault_msg_capable(&answer, "a", "read", &may), 0);
	assert_false(may);
	assert_int_equal(vault_msg_capable(&answer, "b", "update", &may), 0);
	assert_true(may);
	assert_int_equal(vault_msg_allows(&answer, "b", "create", &may), 0);
	assert_false(may);
	assert_int_equal(vault_msg_capable(&answer, "c", "update", &may), 0);
	assert_false(may);
	assert_int_equal(vault_msg_capable(&answer, "d", "update", &may),
			 -EPROTO);
	assert_int_equal(vault_msg_capable(&answer, "e", "update", &may),
			 -EPROTO);
}

static void test_ciphertext(void **state)
{
	_cleanup_secret_ struct secret body = text_of(
		"{\"request_id\":\"x\",\"data\":{\"ciphertext\":\"vault:v3:QUJD\","
		"\"key_version\":3},\"warnings\":null}");
	struct vault_item item;

	(void)state;
	assert_int_equal(vault_msg_items(&body, VAULT_CIPHERTEXT, 1, &item), 0);
	assert_string_equal(item.ciphertext, "vault:v3:QUJD");
	assert_int_equal(item.key_version, 3);
	assert_string_equal(item.error, "");
	vault_item_free(&item);
}

static void test_versions(void **state)
{
	static const struct {
		const char *text;
		uint32_t version;
	} rows[] = {
		{ "vault:v1:QQ==", 1 },
		{ "vault:v0:QQ==", 1 },
		{ "vault:v4294967295:x", 4294967295 },
		{ "vault:v4294967297:x", 0 },
		{ "vault:v99999999999999999999999:x", 0 },
		{ "vault:v-1:x", 0 },
		{ "vault:v 1:x", 0 },
		{ "vault:v1", 0 },
		{ "vault:v:x", 0 },
		{ "vault:", 0 },
		{ "", 0 },
		{ "own-template-1-x", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(vault_msg_ciphertext_version(rows[i].text),
				 rows[i].version);
}

/* The plaintext is out, and the text that json-c saw does not have it. */
static void test_plaintext(void **state)
{
	_cleanup_secret_ struct secret body =
		text_of("{\"data\":{\"plaintext\" :\t\"Zm9v\"}}");
	struct vault_item item;

	(void)state;
	assert_int_equal(vault_msg_items(&body, VAULT_PLAINTEXT, 1, &item), 0);
	assert_int_equal(item.plaintext.len, 3);
	assert_string_equal((char *)item.plaintext.data, "foo");
	assert_string_equal((char *)body.data,
			    "{\"data\":{\"plaintext\" :\t\"****\"}}");
	vault_item_free(&item);
}

static void test_batch(void **state)
{
	_cleanup_secret_ struct secret body = text_of(
		"{\"data\":{\"batch_results\":[{\"plaintext\":\"Zm9v\"},"
		"{\"error\":\"no\",\"plaintext\":\"\"},"
		"{\"plaintext\":\"YmFy\",\"error\":\"\"}]}}");
	struct vault_item items[3];
	size_t i;

	(void)state;
	assert_int_equal(vault_msg_items(&body, VAULT_PLAINTEXT, 3, items), 0);
	assert_string_equal((char *)items[0].plaintext.data, "foo");
	assert_string_equal(items[1].error, "no");
	assert_null(items[1].plaintext.data);
	assert_string_equal((char *)items[2].plaintext.data, "bar");
	for (i = 0; i < 3; i++)
		vault_item_free(&items[i]);
}

static const struct {
	enum vault_result what;
	size_t n;
	const char *text;
} bad_items[] = {
	{ VAULT_PLAINTEXT, 1, "" },
	{ VAULT_PLAINTEXT, 1, "<html>" },
	{ VAULT_PLAINTEXT, 1, "{}" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":null}" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{}}" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\":\"\"}}" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\":\"*\"}}" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\":\"Zm9\"}}" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\":7}}" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\":\"Zm9\\u0076\"}}" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"pl\\u0061intext\":\"Zm9v\"}}" },
	{ VAULT_PLAINTEXT, 1,
	  "{\"plaintext\":\"Zm9v\",\"data\":{\"plaintext\":\"Zm9v\"}}" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\":\"Zm9v\"" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\":\"Zm9v" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\":\"Zm9v\\" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\"" },
	{ VAULT_PLAINTEXT, 1, "{\"data\":{\"plaintext\":" },
	{ VAULT_PLAINTEXT, 2, "{\"data\":{\"plaintext\":\"Zm9v\"}}" },
	{ VAULT_PLAINTEXT, 2,
	  "{\"data\":{\"batch_results\":[{\"plaintext\":\"Zm9v\"}]}}" },
	{ VAULT_PLAINTEXT, 2,
	  "{\"data\":{\"batch_results\":[{\"plaintext\":\"Zm9v\"},7]}}" },
	{ VAULT_PLAINTEXT, 2,
	  "{\"data\":{\"batch_results\":[{\"plaintext\":\"Zm9v\"},"
	  "{}]}}" },
	{ VAULT_CIPHERTEXT, 1, "{\"data\":{\"ciphertext\":\"\"}}" },
	{ VAULT_CIPHERTEXT, 1, "{\"data\":{\"ciphertext\":\"a b\"}}" },
	{ VAULT_CIPHERTEXT, 1, "{\"data\":{\"ciphertext\":[]}}" },
	{ VAULT_CIPHERTEXT, 1, "{\"data\":{\"plaintext\":\"Zm9v\"}}" },
	{ VAULT_CIPHERTEXT, 1,
	  "{\"data\":{\"ciphertext\":\"x\",\"key_version\":-1}}" },
	{ VAULT_CIPHERTEXT, 2,
	  "{\"data\":{\"batch_results\":[{\"ciphertext\":\"a\"},"
	  "{\"ciphertext\":\"b\"},{\"ciphertext\":\"c\"}]}}" },
	{ VAULT_CIPHERTEXT, 101, "{}" },
};

static void test_bad_items(void **state)
{
	struct vault_item items[101];
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(bad_items) / sizeof(bad_items[0]); i++) {
		_cleanup_secret_ struct secret body =
			text_of(bad_items[i].text);
		int r;

		r = vault_msg_items(&body, bad_items[i].what, bad_items[i].n,
				    items);
		if (r != -EPROTO && bad_items[i].n <= 100)
			print_message("# taken: %s\n", bad_items[i].text);
		assert_int_equal(r, bad_items[i].n > 100 ? -EINVAL : -EPROTO);
		for (k = 0; k < bad_items[i].n; k++)
			vault_item_free(&items[k]);
		/* json-c never saw it: overwritten, or refused before */
		if (!strstr(bad_items[i].text, "u0061"))
			assert_null(strstr((char *)body.data, "\"Zm9v"));
	}
}

/* A plaintext that is longer than any capsule */
static void test_long_plaintext(void **state)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	struct vault_item item;
	size_t capacity = 0, i;

	(void)state;
	secret_append(&body, &capacity, "{\"data\":{\"plaintext\":\"", 22);
	for (i = 0; i < 342; i++)
		secret_append(&body, &capacity, "AAAA", 4);
	secret_append(&body, &capacity, "\"}}", 3);
	assert_int_equal(vault_msg_items(&body, VAULT_PLAINTEXT, 1, &item),
			 -EPROTO);
	vault_item_free(&item);
}

static void test_key(void **state)
{
	_cleanup_secret_ struct secret full = text_of(
		"{\"data\":{\"type\":\"aes256-gcm96\",\"latest_version\":4,"
		"\"min_decryption_version\":2,\"min_encryption_version\":0,"
		"\"derived\":true,\"soft_deleted\":true,"
		"\"deletion_allowed\":true,\"supports_encryption\":false,"
		"\"supports_decryption\":false,\"keys\":{\"1\":1}}}");
	_cleanup_secret_ struct secret old =
		text_of("{\"data\":{\"type\":\"x\",\"latest_version\":1}}");
	_cleanup_secret_ struct secret bad =
		text_of("{\"data\":{\"type\":\"x\",\"latest_version\":\"1\"}}");
	struct vault_key key = { .latest_version = 77 };

	(void)state;
	assert_int_equal(vault_msg_key(&bad, &key), -EPROTO);
	assert_int_equal(key.latest_version, 77);
	assert_int_equal(vault_msg_key(&full, &key), 0);
	assert_string_equal(key.type, "aes256-gcm96");
	assert_int_equal(key.latest_version, 4);
	assert_int_equal(key.min_decryption_version, 2);
	assert_true(key.derived && key.soft_deleted && key.deletion_allowed);
	assert_false(key.supports_encryption || key.supports_decryption);
	assert_int_equal(vault_msg_key(&old, &key), 0);
	assert_true(key.supports_encryption && key.supports_decryption);
	assert_false(key.derived || key.soft_deleted);
}

static void test_token(void **state)
{
	_cleanup_secret_ struct secret body = text_of(
		"{\"data\":{\"id\":\"hvs.secret\",\"ttl\":3600,\"period\":60,"
		"\"num_uses\":3,\"explicit_max_ttl\":9,\"renewable\":true}}");
	_cleanup_secret_ struct secret root = text_of(
		"{\"data\":{\"id\":\"root\",\"ttl\":0,\"expire_time\":null}}");
	_cleanup_secret_ struct secret bad = text_of("{\"data\":{\"ttl\":-1}}");
	struct vault_token token;

	(void)state;
	assert_int_equal(vault_msg_token(&body, &token), 0);
	assert_int_equal(token.ttl_s, 3600);
	assert_int_equal(token.period_s, 60);
	assert_int_equal(token.num_uses, 3);
	assert_int_equal(token.explicit_max_ttl_s, 9);
	assert_true(token.renewable);
	assert_null(strstr((char *)body.data, "hvs"));
	assert_int_equal(vault_msg_token(&root, &token), 0);
	assert_int_equal(token.ttl_s, 0);
	assert_false(token.renewable);
	assert_null(strstr((char *)root.data, "root"));
	assert_int_equal(vault_msg_token(&bad, &token), -EPROTO);
}

static void test_auth_body(void **state)
{
	_cleanup_secret_ struct secret secret = text_of("s\"e\\c");
	_cleanup_secret_ struct secret bad = text_of("a\nb");
	_cleanup_secret_ struct secret body = SECRET_EMPTY;

	(void)state;
	assert_int_equal(vault_auth_body(NULL, NULL, NULL, NULL, &body), 0);
	assert_string_equal((char *)body.data, "{}");
	assert_int_equal(vault_auth_body("role_id", "r", "secret_id", &secret,
					 &body),
			 0);
	assert_string_equal((char *)body.data,
			    "{\"role_id\":\"r\","
			    "\"secret_id\":\"s\\\"e\\\\c\"}");
	assert_int_equal(vault_auth_body("a", "b", "c", &bad, &body), -EINVAL);
	assert_int_equal(vault_auth_body("a", "\x80", NULL, NULL, &body),
			 -EINVAL);
}

static void expect_no_auth(const char *text)
{
	_cleanup_secret_ struct secret body = text_of(text);
	struct vault_auth auth = { .ttl_s = 0 };

	assert_int_equal(vault_auth_parse(&body, &auth), -EPROTO);
	assert_null(auth.token.data);
}

static void test_auth(void **state)
{
	_cleanup_secret_ struct secret body = text_of(
		"{\"data\":null,\"auth\":{\"client_token\":\"hvs.secret\","
		"\"lease_duration\":3600,\"renewable\":true,\"metadata\":{}}}");
	struct vault_auth auth = { .ttl_s = 0 };

	(void)state;
	assert_int_equal(vault_auth_parse(&body, &auth), 0);
	assert_string_equal((char *)auth.token.data, "hvs.secret");
	assert_int_equal(auth.ttl_s, 3600);
	assert_true(auth.renewable);
	assert_null(strstr((char *)body.data, "hvs"));
	secret_free(&auth.token);
	expect_no_auth("");
	expect_no_auth("{\"auth\":null}");
	expect_no_auth("{\"auth\":{\"lease_duration\":1,\"renewable\":true}}");
	expect_no_auth("{\"auth\":{\"client_token\":7,\"lease_duration\":1,"
		       "\"renewable\":true}}");
	expect_no_auth("{\"auth\":{\"client_token\":\"a\","
		       "\"lease_duration\":-1,\"renewable\":true}}");
	expect_no_auth(
		"{\"auth\":{\"client_token\":\"a\",\"renewable\":true}}");
	/* not where a token belongs */
	expect_no_auth("{\"client_token\":\"a\",\"auth\":{\"lease_duration\":1,"
		       "\"renewable\":true}}");
	expect_no_auth("{\"auth\":{\"client_token\":\"a\","
		       "\"client_token\":\"b\",\"lease_duration\":1,"
		       "\"renewable\":true}}");
}

static void expect_errors(const char *body, int r, const char *want)
{
	_cleanup_secret_ struct secret s = text_of(body);
	char buf[16];

	assert_int_equal(vault_msg_errors(&s, buf, sizeof(buf)), r);
	assert_string_equal(buf, want);
}

static void test_errors(void **state)
{
	struct secret none = SECRET_EMPTY;
	char buf[16];

	(void)state;
	expect_errors("{\"errors\":[\"a\",\"b\"]}", 0, "a; b");
	expect_errors("{\"errors\":[]}", 0, "");
	expect_errors("{\"errors\":null}", 0, "");
	expect_errors("{\"errors\":[7,\"b\",null]}", 0, "b");
	expect_errors("{\"data\":{}}", 0, "");
	expect_errors("{\"errors\":[\"0123456789abcdefgh\",\"x\"]}", 0,
		      "0123456789abcde");
	expect_errors("<html>", -EPROTO, "");
	expect_errors("", -EPROTO, "");
	assert_int_equal(vault_msg_errors(&none, buf, sizeof(buf)), -EPROTO);
}

static void test_take(void **state)
{
	_cleanup_secret_ struct secret body = text_of(
		"{\"t\":\"one\",\"x\":\"t\",\"u\":\"\\\"t\\\":\\\"no\\\"\","
		"\"t\":\"\",\"t\" : \"two\",\"t\":\"three\",\"t\":null}");
	struct secret found[2] = { SECRET_EMPTY, SECRET_EMPTY };

	(void)state;
	assert_int_equal(vault_secret_take(&body, "t", found, 2), 3);
	assert_string_equal((char *)found[0].data, "one");
	assert_string_equal((char *)found[1].data, "two");
	assert_string_equal((char *)body.data,
			    "{\"t\":\"***\",\"x\":\"t\",\"u\":\"\\\"t\\\":"
			    "\\\"no\\\"\",\"t\":\"\",\"t\" : \"***\","
			    "\"t\":\"*****\",\"t\":null}");
	secret_free(&found[0]);
	secret_free(&found[1]);
}

/* An escape in the value or in any name: not as Vault writes */
static void test_take_escaped(void **state)
{
	_cleanup_secret_ struct secret value =
		text_of("{\"t\":\"se\\u0063ret\"}");
	_cleanup_secret_ struct secret name =
		text_of("{\"\\u0074\":\"secret\"}");
	struct secret found = SECRET_EMPTY;

	(void)state;
	assert_int_equal(vault_secret_take(&value, "t", &found, 1), -EPROTO);
	assert_string_equal((char *)value.data, "{\"t\":\"***********\"}");
	assert_int_equal(vault_secret_take(&name, "t", &found, 1), -EPROTO);
	assert_null(found.data);
}

static void test_version(void **state)
{
	_cleanup_secret_ struct secret body =
		text_of("{\"version\":\"1.15.2\"}");
	_cleanup_secret_ struct secret none = text_of("{}");
	char buf[16];

	(void)state;
	assert_int_equal(vault_msg_version(&body, buf, 16), 0);
	assert_string_equal(buf, "1.15.2");
	assert_int_equal(vault_msg_version(&body, buf, 6), -EPROTO);
	assert_int_equal(vault_msg_version(&none, buf, 16), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_ciphertext),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_plaintext),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_bad_items),
		cmocka_unit_test(test_long_plaintext),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_auth_body),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_take_escaped),
		cmocka_unit_test(test_version),
	};

	if (secret_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
