/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS client connections (OpenSSL), always mutually authenticated and always
 * verified: there is no switch to turn that off. All waiting obeys op's
 * deadline. What is read and written may be secret, so it stays in the
 * caller's buffers; OpenSSL is told to wipe its own.
 *
 * The words of a failure name the cause but not the server, which the caller
 * knows as the user wrote it.
 */
#ifndef _WIRE_TLS_H
#define _WIRE_TLS_H

#include <stddef.h>
#include <stdint.h>

struct op;
struct secret;
struct tls;
struct tls_context;

/* All PEM texts are borrowed, and only while tls_context_new() runs. */
struct tls_identity {
	const char *cert; /* our certificate, then intermediate ones */
	const struct secret *key; /* its private key, not encrypted */
	const char *ca; /* who may sign servers; NULL: the system's */
	const char *ciphers; /* of TLS 1.2; NULL: OpenSSL's default */
};

/**
 * tls_context_new() - parse certificates and key once, for many connections
 * Return: 0, -EBADMSG when a PEM text is none or key and certificate do not
 * match (with words), -ENOMEM.
 */
int tls_context_new(struct op *op, const struct tls_identity *id,
		    struct tls_context **ret);
void tls_context_free(struct tls_context *ctx);

/** tls_context_cert_left() - seconds our certificate is valid; < 0: expired. */
int64_t tls_context_cert_left(const struct tls_context *ctx);

/**
 * tls_connect() - handshake over the connected, non-blocking socket @fd
 * @fd: taken over, closed also on failure
 * @name: host name or IP address that the server's certificate must be for
 *
 * Return: 0; -EHOSTUNREACH when its certificate does not convince us or TLS
 * fails otherwise, -EACCES when it refuses ours, -ETIMEDOUT.
 */
int tls_connect(struct op *op, const struct tls_context *ctx, int fd,
		const char *name, struct tls **ret);

/** tls_close() - end the connection; NULL is fine. */
void tls_close(struct tls *tls);

/*
 * All @len bytes, or an error with words: -ETIMEDOUT; -EACCES when the server
 * refuses our certificate (TLS 1.3 tells only now); -EHOSTUNREACH. After an
 * error the connection is good for nothing but tls_close().
 *
 * -EPIPE means that the server has closed the connection, -ECONNRESET that it
 * broke; @ret_done, if not NULL, says how much was read by then. An end without
 * a close_notify is taken like one with it: the caller's messages carry their
 * length, so a cut one is seen anyway, and many servers do not send it.
 */
int tls_write(struct op *op, struct tls *tls, const void *buf, size_t len);
int tls_read(struct op *op, struct tls *tls, void *buf, size_t len,
	     size_t *ret_done);

#endif
