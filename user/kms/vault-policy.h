/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a token has to be allowed, in one table: the policy that is printed,
 * and the comparison with what a token may do, come from it.
 */
#ifndef _KMS_VAULT_POLICY_H
#define _KMS_VAULT_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/op.h"

struct generation;
struct vault;

#define VAULT_POLICY_MAX 4096 /* bytes of a policy, with the NUL */

/**
 * vault_policy() - the least policy that suffices for @g's key, as HCL
 * @open_only:	for hosts that only open volumes: decrypt alone
 *
 * lookup-self, renew-self and capabilities-self are not in it: the policy
 * "default" has them, and without them a token works all the same.
 * Return: 0, -EINVAL when key or mount are no names, or it does not fit.
 */
int vault_policy(const struct generation *g, bool open_only, char *buf,
		 size_t size);

/* What the server says of the token. */
struct vault_rights {
	bool known; /* it may ask, and there was an answer */
	bool creates; /* encrypt makes a key that is not there */
	char missing[OP_TEXT_MAX]; /* lines of a policy, "" for none */
};

/**
 * vault_rights() - ask the server what @v's token may do (capabilities-self)
 *
 * Never fails: where it may not ask, nothing is known. @op keeps its words.
 */
void vault_rights(const struct op *op, struct vault *v,
		  struct vault_rights *ret);

#endif
