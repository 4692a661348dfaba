// SPDX-License-Identifier: GPL-2.0-or-later
/* See http-error.h. */
#include "wire/http-error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include "base/op.h"
#include "wire/server-cert.h"

struct outcome {
	int code;
	int err;
	bool final;
	const char *words;
};

static const struct outcome outcomes[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH, false,
	  "the host name cannot be resolved" },
	{ CURLE_COULDNT_RESOLVE_PROXY, EHOSTUNREACH, false,
	  "the proxy's name cannot be resolved" },
	{ CURLE_COULDNT_CONNECT, EHOSTUNREACH, false, "cannot connect" },
	{ CURLE_PROXY, EHOSTUNREACH, false, "the proxy refuses" },
	{ CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, false, "no answer in time" },
	{ CURLE_SSL_CONNECT_ERROR, EHOSTUNREACH, true, "TLS handshake failed" },
	{ CURLE_SSL_CIPHER, EHOSTUNREACH, true, "TLS handshake failed" },
	{ CURLE_GOT_NOTHING, EHOSTUNREACH, false,
	  "the server closed the connection without an answer" },
	{ CURLE_SEND_ERROR, EHOSTUNREACH, false, "the connection broke" },
	{ CURLE_RECV_ERROR, EHOSTUNREACH, false, "the connection broke" },
	{ CURLE_PARTIAL_FILE, EPROTO, false, "the answer is cut off" },
	{ CURLE_FILESIZE_EXCEEDED, EPROTO, true, "the answer is too large" },
	{ CURLE_WRITE_ERROR, EPROTO, true, "the answer makes no sense" },
	{ CURLE_WEIRD_SERVER_REPLY, EPROTO, true, "the answer is not HTTP" },
	{ CURLE_UNSUPPORTED_PROTOCOL, EPROTO, true, "the answer is not HTTP" },
	{ CURLE_BAD_CONTENT_ENCODING, EPROTO, true,
	  "the answer makes no sense" },
	{ CURLE_SSL_CERTPROBLEM, EBADMSG, true,
	  "the client certificate or its key cannot be used" },
	{ CURLE_SSL_CACERT_BADFILE, EBADMSG, true,
	  "the CA certificate cannot be used" },
	{ CURLE_URL_MALFORMAT, EINVAL, true, "the address is malformed" },
	{ CURLE_OUT_OF_MEMORY, ENOMEM, true, "out of memory" },
};

static const struct outcome unknown = { 0, EHOSTUNREACH, false,
					"the request failed" };

static const struct outcome *find(int code)
{
	size_t i;

	for (i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].code == code)
			return &outcomes[i];
	return &unknown;
}

/*
 * The words of server-cert.h, and libcurl's own, which say more. It compares
 * names itself, after OpenSSL was content.
 */
static int server_refused(struct op *op, long verify, const char *text)
{
	int r;

	/* the second is what libcurl has before it has asked OpenSSL */
	if (verify == X509_V_OK || verify == X509_V_ERR_UNSPECIFIED)
		verify = strstr(text, "match") ? X509_V_ERR_HOSTNAME_MISMATCH :
						 X509_V_ERR_UNSPECIFIED;
	r = server_cert_refused(op, verify, NULL);
	/* --server-name is KMIP's */
	if (verify == X509_V_ERR_HOSTNAME_MISMATCH ||
	    verify == X509_V_ERR_IP_ADDRESS_MISMATCH)
		op_next(op, "Use an address that is in the certificate.");
	return op_fail(op, r, "%s (%s)", op->detail, text);
}

/* The alerts that servers send when they do not like what we showed them. */
static bool our_cert_refused(const char *text)
{
	static const char *const alerts[] = {
		"alert certificate required", "alert bad certificate",
		"alert unknown ca",	      "alert certificate unknown",
		"alert certificate expired",  "alert certificate revoked",
		"alert access denied",	      "alert unsupported certificate",
	};
	size_t i;

	for (i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (strstr(text, alerts[i]))
			return true;
	return false;
}

int http_error(struct op *op, int code, long verify, const char *text,
	       bool *ret_final)
{
	const struct outcome *o = find(code);

	if (!text[0])
		text = curl_easy_strerror((CURLcode)code);
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		*ret_final = true;
		return server_refused(op, verify, text);
	}
	if (our_cert_refused(text)) {
		*ret_final = true;
		return op_fail(op, -EACCES,
			       "the server refuses our client certificate, or "
			       "the lack of one (%s)",
			       text);
	}
	*ret_final = o->final;
	return op_fail(op, -o->err, "%s (%s)", o->words, text);
}
