/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One question to Vault, put to its addresses until one has an answer: fail
 * over, retries with backoff, the standby's redirect, all within the deadline.
 */
#ifndef _KMS_VAULT_CALL_H
#define _KMS_VAULT_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/secret.h"
#include "kms/kms.h"
#include "kms/login-state.h"
#include "wire/vault-msg.h"

struct http;
struct op;

struct vault {
	struct kms kms; /* first: kms_ops hand it around */
	struct http *http;
	const struct generation *g;
	/* what goes into X-Vault-Token, NULL while logging in */
	const struct secret *token;
	size_t address; /* the one that answered last */
	/* vault-login.c: */
	struct login_record login; /* of the token, and a login's token */
	bool known; /* what @login says of the token's life is true */
	bool cached; /* the token is of an earlier login */
	bool tended; /* no further try to renew it */
	uint64_t opened_s; /* CLOCK_BOOTTIME */
	struct secret jwt; /* newer than the generation's */
};

struct vault_request {
	const char *method;
	const char *path; /* "/v1/...", encoded */
	const struct secret *body; /* NULL: none */
	bool anonymous; /* without token and namespace */
	bool login; /* without token */
	bool batch; /* of several items, each of which may fail */
};

struct vault_answer {
	long status; /* 200, 204, or one that is final */
	struct secret body;
	bool json; /* the body is JSON */
	char errors[VAULT_ERROR_MAX]; /* of an error body, "" when none */
};

void vault_answer_free(struct vault_answer *a);
#define _cleanup_answer_ __attribute__((cleanup(vault_answer_free)))

/**
 * vault_call() - ask, until there is an answer that asking again cannot change
 *
 * Return: 0 with the answer, whatever its status; -EHOSTUNREACH when every
 * address failed or is sealed, a standby without leader, or overloaded;
 * otherwise what http_do() returns. The words name each address that failed.
 */
int vault_call(struct op *op, struct vault *v, const struct vault_request *q,
	       struct vault_answer *ret);

/** vault_address() - the address that answered last */
const char *vault_address(const struct vault *v);

#endif
