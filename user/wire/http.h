/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One HTTPS request at a time, over libcurl, within op's deadline.
 *
 * What the server is: always verified, TLS 1.2 or newer, no redirects, no
 * proxy but the one given, nothing from the environment. What it says: at most
 * HTTP_BODY_MAX bytes, and a secret until somebody has parsed it.
 */
#ifndef _WIRE_HTTP_H
#define _WIRE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"

#define HTTP_BODY_MAX SECRET_MAX
#define HTTP_HEADERS_MAX (64 * 1024)
#define HTTP_URL_MAX 2048
#define HTTP_REQUEST_HEADERS_MAX 8
/* One request, when nothing bounds it more tightly */
#define HTTP_TIMEOUT_MS 30000
/* A connection that is not there by then will not come. */
#define HTTP_CONNECT_MS 5000

struct http;
struct op;

/* Borrowed for as long as the session lives */
struct http_options {
	const char *ca_cert; /* PEM; NULL: the system's */
	const char *client_cert; /* PEM or NULL */
	const struct secret *client_key; /* PEM or NULL */
	const char *proxy; /* URL or NULL: direct */
};

struct http_header {
	const char *name;
	const char *value; /* NULL: the header is left out */
};

struct http_request {
	const char *method;
	const char *url; /* https:// only; sent as it is */
	struct http_header headers[HTTP_REQUEST_HEADERS_MAX];
	/* one header whose value is secret, e.g. a token */
	const char *secret_name;
	const struct secret *secret_value; /* NULL: none */
	const struct secret *body; /* NULL: none */
	int64_t timeout_ms; /* at most this; 0: HTTP_TIMEOUT_MS */
};

struct http_response {
	long status;
	struct secret body;
	char redirect[HTTP_URL_MAX]; /* where a 3xx points to, absolute */
};

/**
 * http_prepare() - what reads files when libcurl or OpenSSL is used first
 *
 * For a process that cannot open files later. Return: 0, -ENOMEM.
 */
int http_prepare(void);

/**
 * http_system_ca() - the CAs that count where none is given, as PEM
 * @ret: the caller's to free
 * Return: 0, -ENOENT when this system has none, -errno.
 */
int http_system_ca(char **ret);

/** http_open() - 0, -ENOMEM. Connects when it is asked something. */
int http_open(const struct http_options *options, struct http **ret);

/** http_close() - NULL is fine. */
void http_close(struct http *http);

/**
 * http_do() - send @request, wait for the whole answer
 *
 * Return: 0 for any status that the server gave; -EHOSTUNREACH when there is
 * no connection or TLS does not agree (the words say which), -ETIMEDOUT,
 * -EACCES when the server refuses our certificate, -EPROTO when the answer is
 * no HTTP, cut off or too large, -EBADMSG when our own certificates or key
 * cannot be read, -EINVAL when the request is not one.
 * @ret_final: set when asking the same address again cannot help; may be NULL
 */
int http_do(struct op *op, struct http *http,
	    const struct http_request *request, struct http_response *ret,
	    bool *ret_final);

/** http_response_free() - wipe the body; leaves it empty. */
void http_response_free(struct http_response *r);
#define _cleanup_response_ __attribute__((cleanup(http_response_free)))

#endif
