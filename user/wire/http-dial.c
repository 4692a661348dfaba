// SPDX-License-Identifier: GPL-2.0-or-later
/* See http-dial.h. */
#include "wire/http-dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/http.h"

/* Never connected to: it is what keeps curl from asking a resolver. */
#define PLACEHOLDER "127.0.0.1"

static int copy_host(char ret[DIAL_HOST_MAX], const char *host)
{
	size_t len = strlen(host);

	/* an IPv6 address is in brackets */
	if (len > 2 && *host == '[') {
		host++;
		len -= 2;
	}
	if (!len || len >= DIAL_HOST_MAX)
		return -EINVAL;
	memcpy(ret, host, len);
	ret[len] = '\0';
	return 0;
}

int http_dial_address(const char *url, struct dial_address *ret)
{
	char *host = NULL, *port = NULL;
	CURLU *parts = curl_url();
	int r = -EINVAL;

	if (parts && !curl_url_set(parts, CURLUPART_URL, url, 0) &&
	    !curl_url_get(parts, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
	    strlen(port) < DIAL_PORT_MAX) {
		r = copy_host(ret->host, host);
		strcpy(ret->port, port);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return r;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose,
			     struct curl_sockaddr *placeholder)
{
	struct http_dial *d = arg;
	int fd;

	(void)purpose;
	(void)placeholder;
	fd = dial_connect(&d->op, &d->address);
	d->err = fd < 0 ? fd : 0;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_opened(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

/*
 * CONNECT_TO would send a proxy to the placeholder, so its name gets an answer
 * beforehand instead. An address in brackets needs none.
 */
static CURLcode set_placeholder(CURL *c, struct http_dial *d, const char *proxy)
{
	if (!proxy) {
		snprintf(d->line, sizeof(d->line), "::" PLACEHOLDER ":443");
		d->list.data = d->line;
		return curl_easy_setopt(c, CURLOPT_CONNECT_TO, &d->list);
	}
	if (strchr(d->address.host, ':'))
		return CURLE_OK;
	snprintf(d->line, sizeof(d->line), "%s:%s:" PLACEHOLDER,
		 d->address.host, d->address.port);
	d->list.data = d->line;
	return curl_easy_setopt(c, CURLOPT_RESOLVE, &d->list);
}

CURLcode http_dial_set(CURL *c, struct http_dial *d, const char *url,
		       const char *proxy, int64_t timeout_ms)
{
	CURLcode r;

	if (http_dial_address(proxy ?: url, &d->address) < 0)
		return CURLE_URL_MALFORMAT;
	op_init(&d->op,
		timeout_ms < HTTP_CONNECT_MS ? timeout_ms : HTTP_CONNECT_MS);
	r = set_placeholder(c, d, proxy);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, d);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_opened);
	return r;
}
