// SPDX-License-Identifier: GPL-2.0-or-later
/* See tls.h. The context (certificates and key) is in tls-context.c. */
#include "wire/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/op.h"
#include "wire/dial.h"
#include "wire/own-cert.h"
#include "wire/server-cert.h"
#include "wire/tls-context.h"

struct tls {
	SSL *ssl;
	int fd;
};

static bool is_address(const char *name)
{
	uint8_t buf[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, buf) == 1 ||
	       inet_pton(AF_INET6, name, buf) == 1;
}

/* Whom to talk to: the name goes into the check and, unless an IP, the SNI. */
static int set_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) ? 0 : -EINVAL;
	if (!*name || !X509_VERIFY_PARAM_set1_host(param, name, 0) ||
	    !SSL_set_tlsext_host_name(ssl, name))
		return -EINVAL;
	return 0;
}

/*
 * The server does not take our certificate. Our own clock knows whether that
 * is because of its dates; a server that calls a good one expired has another.
 */
static int own_certificate_refused(struct op *op, SSL *ssl, int alert)
{
	int r = own_cert_dates(op, SSL_get_certificate(ssl));

	if (r)
		return r;
	if (alert == SSL_AD_CERTIFICATE_EXPIRED) {
		op_next(op, "Compare the server's clock with this machine's.");
		return op_fail(
			op, -EACCES,
			"the server says that our client certificate has expired, which it has not by this machine's clock");
	}
	return op_fail(
		op, -EACCES,
		"the server wants a client certificate that it knows (TLS alert: %s)",
		SSL_alert_desc_string_long(alert));
}

/*
 * The server ended the handshake with an alert. All that speak of a
 * certificate speak of ours. handshake_failure(40) may be about anything; if
 * it comes after the server's own certificate, version and cipher were agreed
 * upon and ours is what is left.
 */
static int alert_received(struct op *op, SSL *ssl, int alert)
{
	switch (alert) {
	case SSL_AD_CERTIFICATE_REVOKED:
		return op_fail(
			op, -EACCES,
			"the server says that our client certificate is revoked");
	case SSL_AD_HANDSHAKE_FAILURE:
		if (!SSL_get0_peer_certificate(ssl))
			return op_fail(
				op, -EHOSTUNREACH,
				"the server has no TLS version or cipher in common with us");
		/* fall through */
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_NO_CERTIFICATE:
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case TLS13_AD_CERTIFICATE_REQUIRED:
		return own_certificate_refused(op, ssl, alert);
	case SSL_AD_PROTOCOL_VERSION:
	case SSL_AD_INSUFFICIENT_SECURITY:
		return op_fail(
			op, -EHOSTUNREACH,
			"the server has no TLS version or cipher in common with us");
	default:
		return op_fail(op, -EHOSTUNREACH,
			       "the server ends TLS with the alert: %s",
			       SSL_alert_desc_string_long(alert));
	}
}

/* What OpenSSL's error queue and the socket's errno say, in our words */
static int tls_failed(struct op *op, SSL *ssl, int ssl_error, int saved_errno)
{
	long verify = SSL_get_verify_result(ssl);
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_REASON(e);

	if (ssl_error == SSL_ERROR_ZERO_RETURN)
		return op_fail(op, -EPIPE, "the server closed the connection");
	if (ssl_error == SSL_ERROR_SYSCALL && !e) {
		if (!saved_errno || saved_errno == ECONNRESET ||
		    saved_errno == EPIPE)
			return op_fail(op, -ECONNRESET,
				       "the server broke the connection");
		return op_fail(op, -EHOSTUNREACH, "%s", strerror(saved_errno));
	}
	if (ERR_GET_LIB(e) != ERR_LIB_SSL)
		return op_fail(op, -EHOSTUNREACH, "TLS fails: %s",
			       ERR_reason_error_string(e));
	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verify != X509_V_OK)
		return server_cert_refused(
			op, verify,
			SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	if (reason > SSL_AD_REASON_OFFSET &&
	    reason <= SSL_AD_REASON_OFFSET + 255)
		return alert_received(op, ssl, reason - SSL_AD_REASON_OFFSET);
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_HTTP_REQUEST:
		return op_fail(op, -EHOSTUNREACH,
			       "what answers does not speak TLS");
	case SSL_R_UNSUPPORTED_PROTOCOL:
		return op_fail(op, -EHOSTUNREACH,
			       "the server speaks only TLS below 1.2");
	default:
		return op_fail(op, -EHOSTUNREACH, "TLS fails: %s",
			       ERR_reason_error_string(e));
	}
}

/*
 * After a call into OpenSSL that returned @done <= 0: wait for what it wants.
 * Return: 0 to call it again, or the error.
 */
static int again(struct op *op, struct tls *tls, int done, int saved_errno)
{
	int err = SSL_get_error(tls->ssl, done);
	short events;
	int r;

	if (err == SSL_ERROR_WANT_READ)
		events = POLLIN;
	else if (err == SSL_ERROR_WANT_WRITE)
		events = POLLOUT;
	else
		return tls_failed(op, tls->ssl, err, saved_errno);
	r = dial_wait(op, tls->fd, events);
	if (r == -ETIMEDOUT)
		return op_fail(op, r, "the server did not answer in time");
	return r ? op_fail(op, -EHOSTUNREACH, "%s", strerror(-r)) : 0;
}

/* The error queue and errno must be empty before, or old ones are reported. */
static void forget_errors(void)
{
	ERR_clear_error();
	errno = 0;
}

static int shake_hands(struct op *op, struct tls *tls)
{
	int done, r;

	for (;;) {
		forget_errors();
		done = SSL_connect(tls->ssl);
		if (done == 1)
			return 0;
		r = again(op, tls, done, errno);
		if (r == -EPIPE || r == -ECONNRESET)
			return op_fail(
				op, -EHOSTUNREACH,
				"the server closed the connection during the TLS handshake");
		if (r)
			return r;
	}
}

int tls_connect(struct op *op, const struct tls_context *ctx, int fd,
		const char *name, struct tls **ret)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	int r;

	if (!tls) {
		close(fd);
		return -ENOMEM;
	}
	tls->fd = fd;
	tls->ssl = tls_context_ssl(ctx, fd);
	if (!tls->ssl) {
		tls_close(tls);
		return -ENOMEM;
	}
	r = set_name(tls->ssl, name);
	if (r)
		op_fail(op, r, "%s cannot be the name of a server", name);
	else
		r = shake_hands(op, tls);
	if (r) {
		tls_close(tls);
		return r;
	}
	*ret = tls;
	return 0;
}

/* A close_notify if it can be sent at once; its answer is of no interest. */
void tls_close(struct tls *tls)
{
	if (!tls)
		return;
	if (tls->ssl && SSL_is_init_finished(tls->ssl))
		SSL_shutdown(tls->ssl);
	SSL_free(tls->ssl);
	close(tls->fd);
	free(tls);
}

int tls_write(struct op *op, struct tls *tls, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t done;
	int r;

	while (len) {
		forget_errors();
		r = SSL_write_ex(tls->ssl, p, len, &done);
		if (r == 1) {
			p += done;
			len -= done;
			continue;
		}
		r = again(op, tls, r, errno);
		if (r)
			return r;
	}
	return 0;
}

int tls_read(struct op *op, struct tls *tls, void *buf, size_t len,
	     size_t *ret_done)
{
	uint8_t *p = buf;
	size_t all = 0, done;
	int r = 0;

	while (!r && all < len) {
		forget_errors();
		r = SSL_read_ex(tls->ssl, p + all, len - all, &done);
		if (r == 1) {
			all += done;
			r = 0;
			continue;
		}
		r = again(op, tls, r, errno);
	}
	if (ret_done)
		*ret_done = all;
	return r;
}
