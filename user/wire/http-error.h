/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libcurl's failures as errnos and words. Apart, so that tests can list them. */
#ifndef _WIRE_HTTP_ERROR_H
#define _WIRE_HTTP_ERROR_H

#include <stdbool.h>

struct op;

/**
 * http_error() - record the words for @code (a CURLcode), return its errno
 * @verify: CURLINFO_SSL_VERIFYRESULT
 * @text: what the error buffer holds, may be ""
 * @ret_final: set when another try at the same address cannot help
 */
int http_error(struct op *op, int code, long verify, const char *text,
	       bool *ret_final);

#endif
