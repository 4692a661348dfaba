// SPDX-License-Identifier: GPL-2.0-or-later
/* What needs no server: libcurl's failures as errnos, and bad requests. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include "base/op.h"
#include "base/secret.h"
#include "wire/http-error.h"
#include "wire/http.h"

static const struct {
	int code;
	long verify;
	const char *text;
	int err;
	bool final;
	const char *words;
} rows[] = {
	{ CURLE_COULDNT_CONNECT, 0, "", -EHOSTUNREACH, false,
	  "cannot connect" },
	{ CURLE_COULDNT_RESOLVE_HOST, 0, "", -EHOSTUNREACH, false, "resolved" },
	{ CURLE_OPERATION_TIMEDOUT, 0, "", -ETIMEDOUT, false, "in time" },
	{ CURLE_PEER_FAILED_VERIFICATION, X509_V_ERR_CERT_HAS_EXPIRED, "x",
	  -EHOSTUNREACH, true, "expired by this machine's clock (x)" },
	{ CURLE_PEER_FAILED_VERIFICATION, X509_V_ERR_CERT_NOT_YET_VALID, "x",
	  -EHOSTUNREACH, true, "clock" },
	{ CURLE_PEER_FAILED_VERIFICATION, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
	  "x", -EHOSTUNREACH, true, "unknown CA" },
	{ CURLE_PEER_FAILED_VERIFICATION, X509_V_ERR_UNSPECIFIED,
	  "no alternative certificate subject name matches target",
	  -EHOSTUNREACH, true, "for another name than this address (no alt" },
	{ CURLE_PEER_FAILED_VERIFICATION, X509_V_ERR_CERT_UNTRUSTED, "x",
	  -EHOSTUNREACH, true, "unknown CA" },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, "x", -EHOSTUNREACH, true,
	  "not good: unspecified" },
	{ CURLE_RECV_ERROR, 0, "tlsv13 alert certificate required", -EACCES,
	  true, "client certificate" },
	{ CURLE_SSL_CONNECT_ERROR, 0, "tlsv1 alert unknown ca", -EACCES, true,
	  "client certificate" },
	{ CURLE_RECV_ERROR, 0, "reset", -EHOSTUNREACH, false, "broke" },
	{ CURLE_SSL_CERTPROBLEM, 0, "", -EBADMSG, true, "client" },
	{ CURLE_SSL_CACERT_BADFILE, 0, "", -EBADMSG, true, "CA" },
	{ CURLE_PARTIAL_FILE, 0, "", -EPROTO, false, "cut off" },
	{ CURLE_FILESIZE_EXCEEDED, 0, "", -EPROTO, true, "too large" },
	{ CURLE_WEIRD_SERVER_REPLY, 0, "", -EPROTO, true, "not HTTP" },
	{ CURLE_OUT_OF_MEMORY, 0, "", -ENOMEM, true, "memory" },
	{ CURLE_FTP_COULDNT_USE_REST, 0, "", -EHOSTUNREACH, false, "failed" },
};

static void test_errors(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool final = !rows[i].final;
		struct op op;

		op_init(&op, 0);
		assert_int_equal(http_error(&op, rows[i].code, rows[i].verify,
					    rows[i].text, &final),
				 rows[i].err);
		assert_int_equal(final, rows[i].final);
		assert_non_null(strstr(op.detail, rows[i].words));
	}
}

static int ask(const char *url, const char *value, const char *token,
	       int64_t timeout_ms)
{
	const struct http_options options = { .ca_cert = NULL };
	_cleanup_response_ struct http_response response = { .status = 0 };
	_cleanup_secret_ struct secret secret = SECRET_EMPTY;
	struct http_request q = {
		.method = "GET",
		.url = url,
		.headers = { { "Left-Out", NULL }, { "X-Test", value } },
		.secret_name = "X-Token",
		.secret_value = &secret,
	};
	struct http *http;
	struct op op;
	int r;

	op_init(&op, timeout_ms);
	assert_int_equal(secret_copy(&secret, token, strlen(token)), 0);
	assert_int_equal(http_open(&options, &http), 0);
	r = http_do(&op, http, &q, &response, NULL);
	http_close(http);
	assert_true(op.detail[0] != '\0');
	assert_null(strstr(op.detail, "sesame"));
	return r;
}

static void test_requests(void **state)
{
	static const char url[] = "https://127.0.0.1:1/";
	char long_value[2000];

	(void)state;
	memset(long_value, 'x', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	assert_int_equal(ask("http://127.0.0.1:1/", "x", "sesame", 5000),
			 -EINVAL);
	assert_int_equal(ask("file:///etc/passwd", "x", "sesame", 5000),
			 -EINVAL);
	assert_int_equal(ask(url, "a\r\nb", "sesame", 5000), -EINVAL);
	assert_int_equal(ask(url, "a", "sesame\nX: y", 5000), -EINVAL);
	assert_int_equal(ask(url, long_value, "sesame", 5000), -EINVAL);
	assert_int_equal(ask("https://", "x", "sesame", 5000), -EINVAL);
	/* well formed: nobody listens there */
	assert_int_equal(ask(url, "a", "sesame", 5000), -EHOSTUNREACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_requests),
	};

	if (secret_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
