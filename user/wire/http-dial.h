/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libcurl over sockets that somebody else has connected (dial_through()). It
 * then resolves nothing; whom it talks to, in SNI and certificate, remains what
 * the URL says.
 */
#ifndef _WIRE_HTTP_DIAL_H
#define _WIRE_HTTP_DIAL_H

#include <stdint.h>

#include <curl/curl.h>

#include "base/op.h"
#include "wire/dial.h"

/* As long as one request; curl borrows it. */
struct http_dial {
	struct dial_address address;
	struct op op; /* with the words of a failure */
	int err; /* of the last connection, 0 or -errno */
	struct curl_slist list;
	char line[DIAL_HOST_MAX + DIAL_PORT_MAX + 16];
};

/**
 * http_dial_address() - where the connection for @url, or to a proxy, goes
 * Return: 0, -EINVAL when it is no URL.
 */
int http_dial_address(const char *url, struct dial_address *ret);

/** http_dial_set() - @proxy may be NULL. Return: CURLE_OK, libcurl's code. */
CURLcode http_dial_set(CURL *c, struct http_dial *d, const char *url,
		       const char *proxy, int64_t timeout_ms);

#endif
