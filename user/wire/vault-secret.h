/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moving secrets out of JSON text before it is parsed; see vault-msg.h. */
#ifndef _WIRE_VAULT_SECRET_H
#define _WIRE_VAULT_SECRET_H

#include <stddef.h>

#include "base/secret.h"

/**
 * vault_secret_take() - move the string values of the members called @name out
 *
 * In the order of the text, the first @max that are not empty go to @found;
 * all of them are overwritten by '*', which keeps the text valid. Values of
 * another type stay: they are no secrets of Vault's, and whoever reads them
 * finds that type wrong.
 * Return: how many were not empty, -EPROTO when one has an escape in it (no
 * base64 and no token has) or any name has, -EMSGSIZE, -ENOMEM.
 */
int vault_secret_take(struct secret *body, const char *name,
		      struct secret *found, size_t max);

#endif
