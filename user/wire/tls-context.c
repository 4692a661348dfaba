// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What all connections of a session share: who we are, whom we trust, how TLS
 * is set up. See tls.h.
 */
#include "wire/tls-context.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/op.h"
#include "base/secret.h"
#include "wire/own-cert.h"
#include "wire/tls.h"

struct tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *method;
};

/*
 * A socket BIO of our own: OpenSSL's writes with write(2), and a server that
 * has gone would then kill the process with SIGPIPE. A library must not change
 * the process's signals, so the flag goes to send(2).
 */
static int socket_write(BIO *bio, const char *buf, int len)
{
	int fd = (int)(intptr_t)BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	n = send(fd, buf, (size_t)len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	return (int)n;
}

static int socket_read(BIO *bio, char *buf, int len)
{
	int fd = (int)(intptr_t)BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	n = recv(fd, buf, (size_t)len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	else if (!n)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)n;
}

static long socket_ctrl(BIO *bio, int cmd, long arg, void *ptr)
{
	(void)arg;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	default:
		return 0;
	}
}

static int socket_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *socket_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "kmscrypt socket");

	if (m && BIO_meth_set_write(m, socket_write) &&
	    BIO_meth_set_read(m, socket_read) &&
	    BIO_meth_set_ctrl(m, socket_ctrl) &&
	    BIO_meth_set_create(m, socket_create))
		return m;
	BIO_meth_free(m);
	return NULL;
}

SSL *tls_context_ssl(const struct tls_context *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx->ssl);
	BIO *bio = BIO_new(ctx->method);

	if (!ssl || !bio) {
		SSL_free(ssl);
		BIO_free(bio);
		return NULL;
	}
	BIO_set_data(bio, (void *)(intptr_t)fd);
	SSL_set_bio(ssl, bio, bio);
	return ssl;
}

/* An encrypted key would otherwise ask for its passphrase on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *data)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

/* The end of a PEM text shows as an error, too. */
static bool only_end_of_pem(void)
{
	unsigned long e = ERR_peek_last_error();

	return ERR_GET_LIB(e) == ERR_LIB_PEM &&
	       ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

/*
 * Give each certificate of @pem to @take, which takes no reference.
 * Return: how many, or -EBADMSG, -ENOMEM.
 */
static int each_certificate(const char *pem, SSL_CTX *ssl,
			    int (*take)(SSL_CTX *ssl, X509 *cert, int index))
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	int n = 0, r = 0;
	X509 *cert;

	if (!bio)
		return -ENOMEM;
	ERR_clear_error();
	while (!r &&
	       (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
		r = take(ssl, cert, n++);
		X509_free(cert);
	}
	if (!r && !only_end_of_pem())
		r = -EBADMSG;
	BIO_free(bio);
	return r ? r : n;
}

static int take_ca(SSL_CTX *ssl, X509 *cert, int index)
{
	(void)index;
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), cert) ? 0 :
									-ENOMEM;
}

/* The first is ours, the others lead from it towards the CA. */
static int take_own(SSL_CTX *ssl, X509 *cert, int index)
{
	if (index)
		return SSL_CTX_add1_chain_cert(ssl, cert) ? 0 : -ENOMEM;
	return SSL_CTX_use_certificate(ssl, cert) == 1 ? 0 : -EBADMSG;
}

static int load_ca(struct op *op, SSL_CTX *ssl, const char *ca)
{
	int n;

	if (!ca)
		return SSL_CTX_set_default_verify_paths(ssl) ? 0 : -ENOMEM;
	n = each_certificate(ca, ssl, take_ca);
	if (n <= 0)
		return op_fail(op, -EBADMSG,
			       "the CA file holds no certificate (PEM)");
	/* What the user gives as trusted is, also when it is no root. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl),
				    X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

static int load_key(struct op *op, SSL_CTX *ssl, const struct secret *key)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio;
	int ok = 0;

	/* The length of a secret is far below INT_MAX (SECRET_MAX). */
	bio = BIO_new_mem_buf(key->data ? (const void *)key->data : "",
			      (int)key->len);
	if (!bio)
		return -ENOMEM;
	ERR_clear_error();
	pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (!pkey)
		return op_fail(
			op, -EBADMSG,
			"the client key is not a private key without a passphrase (PEM)");
	ok = SSL_CTX_use_PrivateKey(ssl, pkey) == 1 &&
	     SSL_CTX_check_private_key(ssl) == 1;
	EVP_PKEY_free(pkey);
	if (!ok)
		return op_fail(
			op, -EBADMSG,
			"the client key does not belong to the client certificate");
	return 0;
}

static int load_own(struct op *op, SSL_CTX *ssl, const char *cert,
		    const struct secret *key)
{
	int n = cert ? each_certificate(cert, ssl, take_own) : 0;
	unsigned long e = ERR_peek_last_error();

	if (n < 0 && ERR_GET_LIB(e) == ERR_LIB_SSL)
		return op_fail(op, -EBADMSG,
			       "the client certificate cannot be used: %s",
			       ERR_reason_error_string(e));
	if (n <= 0)
		return op_fail(
			op, -EBADMSG,
			"the client certificate file holds no certificate (PEM)");
	return load_key(op, ssl, key);
}

/*
 * OpenSSL's default ciphers have both what servers with an RSA certificate and
 * CBC suites only need and the GCM suites of ECDSA ones. IGNORE_UNEXPECTED_EOF
 * is safe with messages that carry their length (tls.h).
 */
static int set_up(struct op *op, SSL_CTX *ssl, const struct tls_identity *id)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION |
					 SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CLEANSE_PLAINTEXT |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1)
		return -ENOMEM;
	if (id->ciphers && SSL_CTX_set_cipher_list(ssl, id->ciphers) != 1)
		return op_fail(op, -EBADMSG, "no such TLS ciphers: %s",
			       id->ciphers);
	return 0;
}

int tls_context_new(struct op *op, const struct tls_identity *id,
		    struct tls_context **ret)
{
	struct tls_context *ctx = calloc(1, sizeof(*ctx));
	int r = -ENOMEM;

	if (!ctx)
		return r;
	ctx->ssl = SSL_CTX_new(TLS_client_method());
	ctx->method = socket_method();
	if (ctx->ssl && ctx->method)
		r = set_up(op, ctx->ssl, id);
	if (!r)
		r = load_ca(op, ctx->ssl, id->ca);
	if (!r)
		r = load_own(op, ctx->ssl, id->cert, id->key);
	if (r) {
		tls_context_free(ctx);
		return r;
	}
	*ret = ctx;
	return 0;
}

void tls_context_free(struct tls_context *ctx)
{
	if (!ctx)
		return;
	SSL_CTX_free(ctx->ssl);
	BIO_meth_free(ctx->method);
	free(ctx);
}

int64_t tls_context_cert_left(const struct tls_context *ctx)
{
	return own_cert_left(SSL_CTX_get0_certificate(ctx->ssl));
}
