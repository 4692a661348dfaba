/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to the transit engine and what the answers mean, on top of
 * vault-call.c, which finds a server that answers.
 */
#ifndef _KMS_VAULT_ASK_H
#define _KMS_VAULT_ASK_H

#include <stddef.h>

#include "base/secret.h"
#include "wire/vault-msg.h"

struct op;
struct vault;
struct vault_answer;
struct vault_request;

/** vault_meaning() - errno (positive) that the words @errors stand for, or 0 */
int vault_meaning(const char *errors);

/**
 * vault_refused() - words and errno for an answer that is no success
 * @path:	what was asked, without "/v1/"
 * @other:	the errno (positive) for a complaint about the request that has
 *		no meaning of its own: for a ciphertext from a header it is as
 *		good as rejected
 */
int vault_refused(struct op *op, struct vault *v, const struct vault_answer *a,
		  const char *path, int other);

/** vault_transit_path() - "/v1/<mount>/<verb>/<key>"; VAULT_PATH_MAX bytes */
int vault_transit_path(struct vault *v, const char *verb, char *buf);

/** vault_ask() - ask; anything but 200 is a failure, see vault_refused(). */
int vault_ask(struct op *op, struct vault *v, const struct vault_request *q,
	      int other, struct vault_answer *ret);

/**
 * vault_transit() - POST items to encrypt, decrypt or rewrap
 * Return: 0 with @n items, of which each may have failed; -errno.
 */
int vault_transit(struct op *op, struct vault *v, const char *verb,
		  const struct secret *body, int other, size_t n,
		  struct vault_item *ret);

/** vault_read_key() - GET keys/<key>. 0, -ENOENT with words, -errno. */
int vault_read_key(struct op *op, struct vault *v, struct vault_key *ret);

#endif
