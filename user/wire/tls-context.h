/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between tls.c and tls-context.c only. */
#ifndef _WIRE_TLS_CONTEXT_H
#define _WIRE_TLS_CONTEXT_H

#include <openssl/types.h>

struct tls_context;

/** tls_context_ssl() - a new client over socket @fd, NULL: out of memory. */
SSL *tls_context_ssl(const struct tls_context *ctx, int fd);

#endif
