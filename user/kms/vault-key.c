// SPDX-License-Identifier: GPL-2.0-or-later
/* See vault-key.h. */
#include "kms/vault-key.h"

#include <errno.h>
#include <string.h>

#include "base/op.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "kms/vault-ask.h"
#include "kms/vault-call.h"

int vault_key_fits(struct op *op, struct vault *v, const struct vault_key *key)
{
	const char *why = NULL;

	if (key->soft_deleted)
		return op_fail(op, -EKEYREVOKED, "%s: the key '%s' is deleted",
			       vault_address(v), v->g->key_id);
	if (key->derived)
		why = "is derived, which needs a context with each request";
	else if (strncmp(key->type, "rsa-", 4) == 0)
		why = "is an RSA key, which does not authenticate and takes "
		      "little data";
	else if (!key->supports_encryption || !key->supports_decryption)
		why = "cannot encrypt and decrypt";
	if (!why)
		return 0;
	op_next(op, "Use a key of type aes256-gcm96.");
	return op_fail(op, -EINVAL, "%s: the key '%s' (%s) %s",
		       vault_address(v), v->g->key_id, key->type, why);
}

static int post_key(struct op *op, struct vault *v)
{
	static const char json[] = "{\"type\":\"aes256-gcm96\"}";
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	char path[VAULT_PATH_MAX];
	const struct vault_request q = { .method = "POST",
					 .path = path,
					 .body = &body };
	int r;

	r = vault_transit_path(v, "keys", path);
	r = r ?: secret_copy(&body, json, sizeof(json) - 1);
	r = r ?: vault_call(op, v, &q, &a);
	if (r < 0 || a.status == 200 || a.status == 204)
		return r;
	return vault_refused(op, v, &a, path + strlen("/v1/"), EINVAL);
}

static int create(struct op *op, struct vault *v)
{
	struct vault_key key;
	int r;

	r = vault_read_key(op, v, &key);
	if (!r) {
		op_next(op, "Use it with 'kmscrypt kms set vault', or give "
			    "another name.");
		return op_fail(op, -EEXIST, "%s has a key '%s' in '%s' already",
			       vault_address(v), v->g->key_id, v->g->mount);
	}
	if (r != -ENOENT)
		return r;
	op_clear(op);
	r = post_key(op, v);
	r = r ?: vault_read_key(op, v, &key);
	return r ?: vault_key_fits(op, v, &key);
}

int vault_create_key(struct op *op, const struct generation *g)
{
	_cleanup_kms_ struct kms *kms = NULL;
	int r = kms_open(op, g, &kms);

	return r ? r : create(op, (struct vault *)kms);
}
