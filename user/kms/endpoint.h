/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process has to have before it can talk to a KMS without opening files
 * and making sockets (the helper's sandbox).
 */
#ifndef _KMS_ENDPOINT_H
#define _KMS_ENDPOINT_H

#include <stddef.h>

#include "kms/config.h"
#include "wire/dial.h"

struct op;

#define ENDPOINT_KMIP_PORT "5696" /* IANA's */

/**
 * endpoint_prepare() - read what the providers would read later
 *
 * Where the entry names no CA, the system's are put into @g. Return: 0, -errno
 * with words.
 */
int endpoint_prepare(struct op *op, struct generation *g);

/**
 * endpoint_address() - host and port of @g's address @i
 *
 * Behind a proxy that is the proxy's, the same for all.
 * Return: 0, -EINVAL when it is malformed, which kms_open() has words for.
 */
int endpoint_address(const struct generation *g, size_t i,
		     struct dial_address *ret);

#endif
