// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The HTTP edge: bytes that a server sends over TLS, through libcurl and
 * OpenSSL, up to what a question to Vault makes of them. The server is a
 * thread at the other end of a socket pair, with a certificate of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <seccomp.h>

#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"
#include "kms/vault-call.h"
#include "wire/dial.h"
#include "wire/http.h"

#define REQUEST_MAX 8192
/* Less than the pause before another try, so there is none. */
#define CALL_MS 900

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static SSL_CTX *server;
static struct generation g = {
	.provider = KMS_VAULT,
	.naddresses = 1,
	.addresses = { "https://localhost" },
	.key_id = "k",
	.mount = "transit",
};
static struct secret token, body;

/* What the server is to say; one request is under way at a time. */
static const uint8_t *answer;
static size_t answer_len;
static pthread_t thread;
static bool running;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg, n, at = 0;
	SSL *ssl = SSL_new(server);
	char request[REQUEST_MAX];

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		/* the body is in the same write as the headers, or unread */
		while (at < REQUEST_MAX - 1 &&
		       (n = SSL_read(ssl, request + at, REQUEST_MAX - 1 - at)) >
			       0) {
			at += n;
			request[at] = '\0';
			if (strstr(request, "\r\n\r\n"))
				break;
		}
		if (answer_len)
			SSL_write(ssl, answer, (int)answer_len);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	close(fd);
	return NULL;
}

static void finish(void)
{
	if (running)
		pthread_join(thread, NULL);
	running = false;
}

/* A redirect is a second connection, to the same server. */
static int dial(struct op *op, const struct dial_address *a)
{
	int fd[2];

	(void)op;
	(void)a;
	finish();
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	must(!pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd[1]));
	running = true;
	return fd[0];
}

/*
 * As in the helper's sandbox: this libcurl connects once more what it is told
 * to be connected, and is content when that works.
 */
static void pretend_to_connect(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	must(filter && !seccomp_rule_add(filter, SCMP_ACT_ERRNO(0),
					 SCMP_SYS(connect), 0));
	must(!seccomp_load(filter));
	seccomp_release(filter);
}

static X509 *certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_EXTENSION *name;

	must(x && X509_set_version(x, 2));
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 365 * 86400L);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const unsigned char *)"localhost", -1, -1,
				   0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
				   "DNS:localhost");
	must(name && X509_add_ext(x, name, -1));
	X509_EXTENSION_free(name);
	X509_set_pubkey(x, key);
	must(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	EVP_PKEY *key;
	X509 *cert;
	char *text;
	BIO *pem;
	long len;

	(void)argc;
	(void)argv;
	/* a client that has seen enough closes before the server is done */
	signal(SIGPIPE, SIG_IGN);
	must(!secret_init() && !http_prepare());
	key = EVP_EC_gen("P-256");
	pem = BIO_new(BIO_s_mem());
	must(key && pem);
	cert = certificate(key);
	server = SSL_CTX_new(TLS_server_method());
	must(server && SSL_CTX_use_certificate(server, cert) == 1 &&
	     SSL_CTX_use_PrivateKey(server, key) == 1);
	must(PEM_write_bio_X509(pem, cert) == 1);
	len = BIO_get_mem_data(pem, &text);
	g.ca_cert = strndup(text, (size_t)len);
	BIO_free(pem);
	X509_free(cert);
	EVP_PKEY_free(key);
	must(!secret_copy(&token, "hvs.x", 5) && !secret_copy(&body, "{}", 2));
	pretend_to_connect();
	dial_through(dial);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct http_options options = { .ca_cert = g.ca_cert };
	const struct vault_request q = { .method = "POST",
					 .path = "/v1/transit/decrypt/k",
					 .body = &body };
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	struct vault v = { .g = &g, .token = &token };
	struct op op;
	int r;

	answer = data;
	answer_len = size;
	must(!http_open(&options, &v.http));
	op_init(&op, CALL_MS);
	r = vault_call(&op, &v, &q, &a);
	http_close(v.http);
	finish();
	/* an answer, or one of the errnos that vault_call() promises */
	must(r == 0 ? a.status >= 200 :
		      r == -EHOSTUNREACH || r == -ETIMEDOUT || r == -EPROTO);
	must(a.body.len <= HTTP_BODY_MAX);
	return 0;
}
