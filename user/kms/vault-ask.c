// SPDX-License-Identifier: GPL-2.0-or-later
/* See vault-ask.h. */
#include "kms/vault-ask.h"

#include <errno.h>
#include <string.h>

#include "base/op.h"
#include "kms/config.h"
#include "kms/vault-call.h"
#include "kms/vault-login.h"
#include "kms/vault-policy.h"

/* --- what an error means ------------------------------------------------- */

static int not_allowed(struct op *op, struct vault *v, const char *path,
		       const char *missing)
{
	op_next(op, "Ask the KMS's administrator for a policy with %s",
		*missing ? missing : path);
	return op_fail(op, -EACCES,
		       "%s: the token is valid, but its policy does "
		       "not allow %s",
		       vault_address(v), path);
}

/* The policy refuses in the same words as a token that is bad: ask. */
static int denied(struct op *op, struct vault *v, const char *path)
{
	const struct vault_request q = { .method = "GET",
					 .path = "/v1/auth/token/lookup-self" };
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	struct vault_rights rights;
	int r;

	vault_rights(op, v, &rights);
	if (rights.known && *rights.missing)
		return not_allowed(op, v, path, rights.missing);
	r = vault_call(op, v, &q, &a);
	if (!r && a.status == 200)
		return not_allowed(op, v, path, "");
	op_next(op, "Get a new token and run 'kmscrypt kms set' again.");
	return op_fail(op, -EACCES,
		       "%s refuses the token for %s: it is unknown, expired, "
		       "revoked, of another namespace, or has next to no "
		       "rights",
		       vault_address(v), path);
}

struct meaning {
	const char *text;
	int err;
};

/* Errors of status 400 and 500 that say more than that something failed */
static const struct meaning meanings[] = {
	{ "missing client token", EACCES },
	{ "permission denied", EACCES },
	{ "encryption key not found", ENOENT },
	{ "no handler for route", ENOENT },
	/* restored from an old backup, or another cluster */
	{ "version is too new", ENOENT },
	/* the administrator has retired the version, or the key */
	{ "too old", EKEYREVOKED },
	{ "soft-deleted", EKEYREVOKED },
	{ "message authentication failed", EKEYREJECTED },
	{ "invalid ciphertext", EKEYREJECTED },
	{ "unable to decrypt", EKEYREJECTED },
};

int vault_meaning(const char *errors)
{
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strstr(errors, meanings[i].text))
			return meanings[i].err;
	return 0;
}

/*
 * @other: the errno for a complaint about the request that has no meaning of
 * its own: for a ciphertext from a header it is as good as rejected
 */
int vault_refused(struct op *op, struct vault *v, const struct vault_answer *a,
		  const char *path, int other)
{
	const char *address = vault_address(v);
	int err;

	if (!a->json)
		return op_fail(op, a->status == 403 ? -EACCES : -EPROTO,
			       "%s: HTTP %ld with something that is not "
			       "Vault's",
			       address, a->status);
	if (a->status == 401 || a->status == 403)
		return denied(op, v, path);
	err = vault_meaning(a->errors);
	if (!err && a->status == 404)
		err = ENOENT;
	if (!err && (a->status == 400 || a->status == 413 || a->status == 405))
		err = other;
	if (!err)
		err = EPROTO;
	return op_fail(op, -err, "%s: %s: HTTP %ld%s%s", address, path,
		       a->status, a->errors[0] ? ": " : "", a->errors);
}

/* --- questions ----------------------------------------------------------- */

int vault_transit_path(struct vault *v, const char *verb, char *buf)
{
	return vault_msg_path(buf, VAULT_PATH_MAX, v->g->mount, verb,
			      v->g->key_id);
}

/* A batch of which an item failed: its body is that of a success. */
static bool has_items(const struct vault_request *q,
		      const struct vault_answer *a)
{
	return q->batch && a->status == 400 && a->json && !a->errors[0];
}

/* Ask, and take anything but 200 for a failure. */
int vault_ask(struct op *op, struct vault *v, const struct vault_request *q,
	      int other, struct vault_answer *ret)
{
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	int r;

	r = vault_call(op, v, q, &a);
	if (!r && a.status == 403) {
		r = vault_login_again(op, v);
		if (r > 0) {
			vault_answer_free(&a);
			r = vault_call(op, v, q, &a);
		}
	}
	if (r < 0)
		return r;
	if (a.status >= 400 && !has_items(q, &a))
		return vault_refused(op, v, &a, q->path + strlen("/v1/"),
				     other);
	if (a.status != 200 && !has_items(q, &a))
		return op_fail(op, -EPROTO, "%s: HTTP %ld where 200 was due",
			       vault_address(v), a.status);
	vault_login_tend(op, v);
	*ret = a;
	a = (struct vault_answer){ .status = 0 };
	return 0;
}

static int no_sense(struct op *op, struct vault *v, int err)
{
	if (err != -EPROTO)
		return err;
	return op_fail(op, err, "%s: the answer is not Vault's",
		       vault_address(v));
}

/* POST items to encrypt, decrypt or rewrap; in a batch each may fail. */
int vault_transit(struct op *op, struct vault *v, const char *verb,
		  const struct secret *body, int other, size_t n,
		  struct vault_item *ret)
{
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	char path[VAULT_PATH_MAX];
	const struct vault_request q = {
		.method = "POST", .path = path, .body = body, .batch = n > 1
	};
	int r;

	r = vault_transit_path(v, verb, path);
	r = r ?: vault_ask(op, v, &q, other, &a);
	if (r < 0)
		return r;
	r = vault_msg_items(&a.body,
			    strcmp(verb, "decrypt") == 0 ? VAULT_PLAINTEXT :
							   VAULT_CIPHERTEXT,
			    n, ret);
	if (!r && n == 1 && ret->error[0])
		r = -EPROTO;
	for (size_t i = 0; r < 0 && i < n; i++)
		vault_item_free(&ret[i]);
	return no_sense(op, v, r);
}

int vault_read_key(struct op *op, struct vault *v, struct vault_key *ret)
{
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	char path[VAULT_PATH_MAX];
	const struct vault_request q = { .method = "GET", .path = path };
	int r;

	r = vault_transit_path(v, "keys", path);
	r = r ?: vault_ask(op, v, &q, EINVAL, &a);
	if (r == -ENOENT) {
		op_next(op, "Check the key's name and the transit path; "
			    "kmscrypt makes no key by mistyping.");
		return op_fail(op, r, "%s has no key '%s' in '%s'",
			       vault_address(v), v->g->key_id, v->g->mount);
	}
	if (r < 0)
		return r;
	return no_sense(op, v, vault_msg_key(&a.body, ret));
}
