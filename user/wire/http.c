// SPDX-License-Identifier: GPL-2.0-or-later
/* See http.h. */
#include "wire/http.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/op.h"
#include "base/wipe.h"
#include "wire/dial.h"
#include "wire/http-dial.h"
#include "wire/http-error.h"
#include "wire/own-cert.h"

/* "Name: value" */
#define HEADER_LINE_MAX 1024
#define SYSTEM_CA_MAX (4 * 1024 * 1024)

struct http {
	CURL *curl;
	struct http_options options;
};

/* What lives as long as one request. curl borrows all of it. */
struct exchange {
	const struct http_request *request;
	struct http_response *response;
	size_t capacity; /* of response->body */
	size_t header_bytes;
	int too_large;
	/* request headers; the last line holds the secret one */
	struct curl_slist list[HTTP_REQUEST_HEADERS_MAX + 3];
	size_t nlist;
	char lines[HTTP_REQUEST_HEADERS_MAX][HEADER_LINE_MAX];
	struct secret secret_line;
	struct http_dial dial;
	char error[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

/* curl copies tokens and bodies into its own buffers: these get wiped. */
static void global_init(void)
{
	global_result = curl_global_init_mem(CURL_GLOBAL_DEFAULT, wipe_malloc,
					     wipe_free, wipe_realloc,
					     wipe_strdup, wipe_calloc);
}

int http_prepare(void)
{
	/* OpenSSL's own configuration, which it would else read when needed */
	if (!OPENSSL_init_ssl(0, NULL))
		return -ENOMEM;
	pthread_once(&once, global_init);
	return global_result == CURLE_OK ? 0 : -ENOMEM;
}

int http_system_ca(char **ret)
{
	const char *path = curl_version_info(CURLVERSION_NOW)->cainfo;
	size_t len;

	return file_read(path ?: X509_get_default_cert_file(), SYSTEM_CA_MAX,
			 ret, &len);
}

int http_open(const struct http_options *options, struct http **ret)
{
	struct http *http;

	pthread_once(&once, global_init);
	if (global_result != CURLE_OK)
		return -ENOMEM;
	http = calloc(1, sizeof(*http));
	if (!http)
		return -ENOMEM;
	http->options = *options;
	http->curl = curl_easy_init();
	if (!http->curl) {
		free(http);
		return -ENOMEM;
	}
	*ret = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->curl);
	free(http);
}

void http_response_free(struct http_response *r)
{
	secret_free(&r->body);
	r->status = 0;
	r->redirect[0] = '\0';
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	if (secret_append(&x->response->body, &x->capacity, data, size * n)) {
		x->too_large = 1;
		return 0;
	}
	return size * n;
}

/* Trailers and any number of 1xx answers come here, too. */
static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	(void)data;
	x->header_bytes += size * n;
	if (x->header_bytes > HTTP_HEADERS_MAX) {
		x->too_large = 1;
		return 0;
	}
	return size * n;
}

/* A line break would start another header; curl does not look. */
static bool header_value_ok(const char *value, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((uint8_t)value[i] < ' ' || value[i] == 0x7f)
			return false;
	return true;
}

static void add_line(struct exchange *x, char *line)
{
	struct curl_slist *last = &x->list[x->nlist];

	last->data = line;
	if (x->nlist)
		x->list[x->nlist - 1].next = last;
	x->nlist++;
}

static int add_secret_line(struct exchange *x)
{
	const struct http_request *q = x->request;
	size_t capacity = 0;
	int r;

	if (!header_value_ok((const char *)q->secret_value->data,
			     q->secret_value->len))
		return -EINVAL;
	r = secret_append(&x->secret_line, &capacity, q->secret_name,
			  strlen(q->secret_name));
	r = r ?: secret_append(&x->secret_line, &capacity, ": ", 2);
	r = r	  ?:
		    secret_append(&x->secret_line, &capacity,
				  q->secret_value->data, q->secret_value->len);
	if (r < 0)
		return r;
	add_line(x, (char *)x->secret_line.data);
	return 0;
}

/*
 * The list is ours, not curl_slist_append()'s: that would copy the secret line
 * into memory that is neither locked nor guarded.
 */
static int build_headers(struct exchange *x)
{
	static char no_expect[] = "Expect:";
	static char no_type[] = "Accept: application/json";
	size_t i;

	/* a wait for "100 Continue" costs a second where it is not known */
	add_line(x, no_expect);
	add_line(x, no_type);
	for (i = 0; i < HTTP_REQUEST_HEADERS_MAX; i++) {
		const struct http_header *h = &x->request->headers[i];
		int n;

		if (!h->name || !h->value)
			continue;
		if (!header_value_ok(h->value, strlen(h->value)))
			return -EINVAL;
		n = snprintf(x->lines[i], HEADER_LINE_MAX, "%s: %s", h->name,
			     h->value);
		if (n < 0 || n >= HEADER_LINE_MAX)
			return -EINVAL;
		add_line(x, x->lines[i]);
	}
	return x->request->secret_value ? add_secret_line(x) : 0;
}

/* Turns the first failure of a row of curl_easy_setopt() into its result. */
#define SET(result, curl, option, value)                                  \
	do {                                                              \
		if ((result) == CURLE_OK)                                 \
			(result) = curl_easy_setopt(curl, option, value); \
	} while (0)

static CURLcode set_blob(CURL *curl, CURLoption option, const void *data,
			 size_t len)
{
	struct curl_blob blob = {
		.data = (void *)data,
		.len = len,
		.flags = CURL_BLOB_NOCOPY,
	};

	return curl_easy_setopt(curl, option, &blob);
}

static CURLcode set_tls(CURL *c, const struct http_options *o)
{
	CURLcode r = CURLE_OK;

	SET(r, c, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(r, c, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(r, c, CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
	SET(r, c, CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
	SET(r, c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (r == CURLE_OK && o->ca_cert) {
		/* that CA alone: the system's folder would be added to it */
		SET(r, c, CURLOPT_CAPATH, NULL);
		SET(r, c, CURLOPT_CAINFO, NULL);
		if (r == CURLE_OK)
			r = set_blob(c, CURLOPT_CAINFO_BLOB, o->ca_cert,
				     strlen(o->ca_cert));
	}
	if (r == CURLE_OK && o->client_cert)
		r = set_blob(c, CURLOPT_SSLCERT_BLOB, o->client_cert,
			     strlen(o->client_cert));
	if (r == CURLE_OK && o->client_key && o->client_key->len)
		r = set_blob(c, CURLOPT_SSLKEY_BLOB, o->client_key->data,
			     o->client_key->len);
	return r;
}

static CURLcode set_request(CURL *c, struct exchange *x)
{
	const struct http_request *q = x->request;
	CURLcode r = CURLE_OK;

	SET(r, c, CURLOPT_URL, q->url);
	/* otherwise "a/../b" in a path would become "b" on the way */
	SET(r, c, CURLOPT_PATH_AS_IS, 1L);
	if (q->body) {
		SET(r, c, CURLOPT_POST, 1L);
		SET(r, c, CURLOPT_POSTFIELDS, q->body->data);
		SET(r, c, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)q->body->len);
	}
	SET(r, c, CURLOPT_CUSTOMREQUEST, q->method);
	SET(r, c, CURLOPT_HTTPHEADER, x->list);
	SET(r, c, CURLOPT_USERAGENT, "kmscrypt/" KMSCRYPT_VERSION);
	SET(r, c, CURLOPT_WRITEFUNCTION, on_body);
	SET(r, c, CURLOPT_WRITEDATA, x);
	SET(r, c, CURLOPT_HEADERFUNCTION, on_header);
	SET(r, c, CURLOPT_HEADERDATA, x);
	SET(r, c, CURLOPT_ERRORBUFFER, x->error);
	return r;
}

static CURLcode set_all(struct http *http, struct exchange *x,
			int64_t timeout_ms)
{
	const char *proxy = http->options.proxy;
	CURL *c = http->curl;
	CURLcode r = CURLE_OK;

	curl_easy_reset(c);
	SET(r, c, CURLOPT_NOSIGNAL, 1L);
	/* a resolver that hangs must not hold us past the deadline */
	SET(r, c, CURLOPT_QUICK_EXIT, 1L);
	SET(r, c, CURLOPT_PROTOCOLS_STR, "https");
	SET(r, c, CURLOPT_FOLLOWLOCATION, 0L);
	/* HTTP/2 would keep the token in nghttp2's header tables */
	SET(r, c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* "" and not NULL: NULL means what the environment says */
	SET(r, c, CURLOPT_PROXY, proxy ? proxy : "");
	SET(r, c, CURLOPT_NOPROXY, "");
	SET(r, c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(r, c, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(timeout_ms < HTTP_CONNECT_MS ? timeout_ms :
						  HTTP_CONNECT_MS));
	SET(r, c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)HTTP_BODY_MAX);
	if (r == CURLE_OK)
		r = set_tls(c, &http->options);
	if (r == CURLE_OK && !dial_is_direct())
		r = http_dial_set(c, &x->dial, x->request->url, proxy,
				  timeout_ms);
	return r == CURLE_OK ? set_request(c, x) : r;
}

/* Failures that a server may mean our certificate by */
static bool may_be_our_cert(CURLcode result)
{
	return result == CURLE_SSL_CONNECT_ERROR ||
	       result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR ||
	       result == CURLE_GOT_NOTHING;
}

static int failed(struct op *op, struct http *http, struct exchange *x,
		  CURLcode result, bool *ret_final)
{
	const char *cert = http->options.client_cert;
	long verify = 0;
	int r;

	curl_easy_getinfo(http->curl, CURLINFO_SSL_VERIFYRESULT, &verify);
	if (x->too_large)
		result = CURLE_FILESIZE_EXCEEDED;
	if (x->dial.err) {
		*ret_final = false;
		return op_fail(op, x->dial.err, "%s", x->dial.op.detail);
	}
	r = cert && may_be_our_cert(result) ? own_cert_dates_pem(op, cert) : 0;
	if (!r)
		return http_error(op, result, verify, x->error, ret_final);
	*ret_final = true;
	return r;
}

static int perform(struct op *op, struct http *http, struct exchange *x,
		   int64_t timeout_ms, bool *ret_final)
{
	CURL *c = http->curl;
	CURLcode result;
	char *redirect = NULL;

	result = set_all(http, x, timeout_ms);
	if (result != CURLE_OK)
		return op_fail(op, -EINVAL, "libcurl cannot do this: %s",
			       curl_easy_strerror(result));
	result = curl_easy_perform(c);
	if (result != CURLE_OK)
		return failed(op, http, x, result, ret_final);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &x->response->status);
	/* closed after an interim answer: libcurl is content with that */
	if (x->response->status < 200) {
		*ret_final = false;
		return op_fail(op, -EPROTO, "the answer is cut off");
	}
	curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &redirect);
	if (redirect && strlen(redirect) < sizeof(x->response->redirect))
		strcpy(x->response->redirect, redirect);
	return 0;
}

int http_do(struct op *op, struct http *http,
	    const struct http_request *request, struct http_response *ret,
	    bool *ret_final)
{
	_cleanup_response_ struct http_response response = { .status = 0 };
	struct exchange *x;
	bool final = true;
	int64_t left;
	int r;

	if (ret_final)
		*ret_final = true;
	left = op_left_ms(op, request->timeout_ms > 0 ? request->timeout_ms :
							HTTP_TIMEOUT_MS);
	if (left < 0)
		return op_fail(op, (int)left, "no time was left to ask");
	if (strncasecmp(request->url, "https://", 8) != 0)
		return op_fail(op, -EINVAL, "the address is not https");
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->request = request;
	x->response = &response;
	r = build_headers(x);
	if (r == -EINVAL)
		op_fail(op, r, "a request header holds control characters");
	if (!r)
		r = perform(op, http, x, left, &final);
	/* nothing of ours may be reachable from the handle any more */
	curl_easy_reset(http->curl);
	secret_free(&x->secret_line);
	free(x);
	if (ret_final)
		*ret_final = final;
	if (r < 0)
		return r;
	*ret = response;
	response = (struct http_response){ .status = 0 };
	return 0;
}
