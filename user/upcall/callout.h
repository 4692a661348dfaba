/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel asks for: key description and callout, as the contract
 * (include/uapi/kmscrypt.h) words them. Pure.
 */
#ifndef _UPCALL_CALLOUT_H
#define _UPCALL_CALLOUT_H

#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

#include "volume/unlock.h"

#define CALLOUT_TIMEOUT_MAX_MS (10 * 60 * 1000)

enum callout_op { CALLOUT_OPEN, CALLOUT_RENEW, CALLOUT_UNLOCK };

struct callout {
	enum callout_op op;
	struct unlock_request req;
	uint32_t timeout_ms; /* 1..CALLOUT_TIMEOUT_MAX_MS */
};

/**
 * callout_parse() - all names, in the contract's order, nothing else
 * @text:	@len bytes, without a NUL
 * Return: 0, -EINVAL.
 */
int callout_parse(const char *text, size_t len, struct callout *ret);

/* A key description "<uuid>@<major>:<minor>". */
struct callout_volume {
	char uuid[KMSC_UUID_STR_LEN + 1];
	uint32_t major, minor;
};

/** callout_parse_volume() - @text is NUL-terminated. Return: 0, -EINVAL. */
int callout_parse_volume(const char *text, struct callout_volume *ret);

#endif
