/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logging in to Vault: the body of a login, and the "auth" of the answer to a
 * login or a renewal. As vault-msg.h: bytes in, struct out, no I/O.
 */
#ifndef _WIRE_VAULT_AUTH_H
#define _WIRE_VAULT_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"

struct vault_auth {
	struct secret token;
	uint64_t ttl_s; /* 0: does not expire */
	bool renewable;
};

/**
 * vault_auth_body() - {"@name": "@value", "@secret_name": "@secret"}
 * @name, @secret_name: NULL leaves the member out; otherwise a plain word
 * Return: 0, -EINVAL when a value holds a control character or is not ASCII,
 * -EMSGSIZE, -ENOMEM.
 */
int vault_auth_body(const char *name, const char *value,
		    const char *secret_name, const struct secret *secret,
		    struct secret *ret);

/**
 * vault_auth_parse() - the token that a login gave, or that was renewed
 * @body: is changed: the token is overwritten there
 * @ret: its token must be empty
 * Return: 0, -EPROTO, -ENOMEM.
 */
int vault_auth_parse(struct secret *body, struct vault_auth *ret);

#endif
