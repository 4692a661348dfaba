// SPDX-License-Identifier: GPL-2.0-or-later
/* See vault-call.h. */
#include "kms/vault-call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/rand.h>

#include "base/op.h"
#include "kms/config.h"
#include "wire/http.h"

/* Rounds over all addresses, and the pause after the first and second */
#define ROUNDS 3
#define BACKOFF_MS 500

void vault_answer_free(struct vault_answer *a)
{
	secret_free(&a->body);
}

const char *vault_address(const struct vault *v)
{
	return v->g->addresses[v->address];
}

/* What one address said, or why it said nothing */
struct attempt {
	int err; /* 0, or -errno of the transport */
	bool final; /* a transport error that will not go away */
	struct vault_answer answer;
	char redirect[HTTP_URL_MAX];
	char words[OP_TEXT_MAX];
};

/*
 * 500 is also what Vault 1.2 to 1.9 gave for a ciphertext that is not the
 * key's. Asking again cannot help there.
 */
static bool permanent_500(const struct vault_answer *a)
{
	return strstr(a->errors, "message authentication failed") ||
	       strstr(a->errors, "failed to parse batch input");
}

/* Does the answer say something about this server rather than our question? */
static bool server_trouble(const struct vault_answer *a)
{
	switch (a->status) {
	case 412: /* has not caught up with the write that made our token */
	case 429: /* quota, or a standby */
	case 472: /* disaster recovery secondary */
	case 473: /* performance standby */
	case 474: /* standby that cannot reach the active node */
	case 530: /* removed from its cluster */
	case 501: /* not initialised */
	case 502:
	case 503: /* sealed, or no active node */
	case 504:
		return true;
	case 500:
		return !permanent_500(a);
	}
	return false;
}

static const char *trouble_words(const struct vault_answer *a)
{
	switch (a->status) {
	case 429:
		return "is overloaded (quota) or a standby";
	case 472:
	case 473:
	case 474:
		return "is a standby that does not serve this";
	case 501:
		return "is not initialised";
	case 503:
		return strstr(a->errors, "sealed") ? "is sealed" :
						     "has no active node";
	}
	return "has a failure of its own";
}

static void trouble(struct attempt *a)
{
	a->err = -EHOSTUNREACH;
	a->final = false;
	snprintf(a->words, sizeof(a->words), "%s (HTTP %ld%s%s)",
		 trouble_words(&a->answer), a->answer.status,
		 a->answer.errors[0] ? ": " : "", a->answer.errors);
}

/* @url: the address with the path, or where a redirect leads */
static void attempt_url(struct op *op, struct vault *v,
			const struct vault_request *q, const char *url,
			int64_t timeout_ms, struct attempt *a)
{
	_cleanup_response_ struct http_response response = { .status = 0 };
	const char *ns = v->g->ns[0] && !q->anonymous ? v->g->ns : NULL;
	struct http_request request = {
		.method = q->method,
		.url = url,
		.headers = {
			{ "X-Vault-Request", "true" },
			{ "X-Vault-Namespace", ns },
			{ "Content-Type",
			  q->body ? "application/json" : NULL },
		},
		.secret_name = "X-Vault-Token",
		.secret_value = q->anonymous || q->login ? NULL : v->token,
		.body = q->body,
		.timeout_ms = timeout_ms,
	};

	a->err = http_do(op, v->http, &request, &response, &a->final);
	if (a->err < 0) {
		snprintf(a->words, sizeof(a->words), "%s", op->detail);
		return;
	}
	a->answer.status = response.status;
	secret_move(&a->answer.body, &response.body);
	if (response.status >= 400)
		a->answer.json =
			vault_msg_errors(&a->answer.body, a->answer.errors,
					 sizeof(a->answer.errors)) == 0;
	memcpy(a->redirect, response.redirect, sizeof(a->redirect));
}

static bool is_redirect(long status)
{
	return status == 307 || status == 308 || status == 301 || status == 302;
}

/*
 * A standby that does not forward points to the active node. It gets the same
 * question, token included: only over https, with the same CA, for the same
 * path, and no further.
 */
static void follow(struct op *op, struct vault *v,
		   const struct vault_request *q, int64_t timeout_ms,
		   struct attempt *a)
{
	size_t len = strlen(a->redirect), path_len = strlen(q->path);
	char url[HTTP_URL_MAX];

	memcpy(url, a->redirect, sizeof(url));
	vault_answer_free(&a->answer);
	if (strncasecmp(url, "https://", 8) != 0 || len < path_len ||
	    strcmp(url + len - path_len, q->path) != 0) {
		a->err = -EPROTO;
		a->final = true;
		snprintf(a->words, sizeof(a->words),
			 "redirects to where Vault would not (%.200s)",
			 url[0] ? url : "nowhere");
		return;
	}
	attempt_url(op, v, q, url, timeout_ms, a);
	/* the address was the server's, so its form is no fault of ours */
	if (a->err == -EINVAL) {
		a->err = -EPROTO;
		snprintf(a->words, sizeof(a->words),
			 "redirects to what is no address");
	}
	if (!a->err && is_redirect(a->answer.status)) {
		a->err = -EPROTO;
		snprintf(a->words, sizeof(a->words), "redirects twice");
	}
}

static void attempt(struct op *op, struct vault *v,
		    const struct vault_request *q, int64_t timeout_ms,
		    struct attempt *a)
{
	char url[HTTP_URL_MAX];
	size_t len = strcspn(vault_address(v), "?#");

	memset(a, 0, sizeof(*a));
	while (len && vault_address(v)[len - 1] == '/')
		len--;
	if (snprintf(url, sizeof(url), "%.*s%s", (int)len, vault_address(v),
		     q->path) >= (int)sizeof(url)) {
		a->err = -EINVAL;
		a->final = true;
		return;
	}
	attempt_url(op, v, q, url, timeout_ms, a);
	if (!a->err && is_redirect(a->answer.status))
		follow(op, v, q, timeout_ms, a);
	if (!a->err && server_trouble(&a->answer))
		trouble(a);
}

/*
 * Errors that are about us and not about the server: the next address would
 * say the same, or cannot be asked.
 */
static bool ours(int err)
{
	return err == -EINVAL || err == -ENOMEM || err == -EBADMSG;
}

/* "<address>: <words>; <address>: <words>" as far as there is room */
static void add_words(char *all, size_t size, const char *address,
		      const char *words)
{
	size_t at = strlen(all);

	snprintf(all + at, size - at, "%s%.120s: %.300s", at ? "; " : "",
		 address, words);
}

struct round {
	bool retry; /* an address may do better later */
	int err; /* the last one's, unless one says more */
	char words[OP_TEXT_MAX];
};

/* A refusal says more than silence. */
static int worse(int old, int new)
{
	return old == -EACCES ? old : new;
}

static int ask_all(struct op *op, struct vault *v,
		   const struct vault_request *q, struct round *round,
		   struct vault_answer *ret)
{
	size_t i, n = v->g->naddresses, first = v->address;

	memset(round, 0, sizeof(*round));
	for (i = 0; i < n; i++) {
		struct attempt a;
		int64_t left = op_left_ms(op, HTTP_TIMEOUT_MS);

		if (left < 0) {
			round->err = round->err ? round->err : (int)left;
			round->retry = false;
			break;
		}
		v->address = (first + i) % n;
		/* one that hangs leaves the others their share of the time */
		attempt(op, v, q, 1 + left / (int64_t)(n - i), &a);
		if (!a.err) {
			*ret = a.answer;
			return 0;
		}
		vault_answer_free(&a.answer);
		round->err = worse(round->err, a.err);
		/* who was silent that long gets no second chance */
		if (!a.final && a.err != -ETIMEDOUT)
			round->retry = true;
		add_words(round->words, sizeof(round->words), vault_address(v),
			  a.words);
		if (ours(a.err)) {
			round->retry = false;
			break;
		}
	}
	v->address = first;
	return round->err;
}

/* False when the deadline leaves no room for a pause and another try. */
static bool pause_before(struct op *op, unsigned int round)
{
	int64_t ms = (int64_t)BACKOFF_MS << round;
	struct timespec ts;
	uint8_t jitter = 0;

	/* so that a rack that lost its KMS does not come back in step */
	RAND_bytes(&jitter, 1);
	ms += ms * jitter / 512;
	if (op_left_ms(op, ms * 2) < ms * 2)
		return false;
	ts.tv_sec = ms / 1000;
	ts.tv_nsec = ms % 1000 * 1000000;
	nanosleep(&ts, NULL);
	return true;
}

int vault_call(struct op *op, struct vault *v, const struct vault_request *q,
	       struct vault_answer *ret)
{
	struct round round;
	unsigned int i;
	int r = 0;

	for (i = 0; i < ROUNDS; i++) {
		r = ask_all(op, v, q, &round, ret);
		if (!r) {
			op_clear(op);
			return 0;
		}
		if (!round.retry || i + 1 == ROUNDS || !pause_before(op, i))
			break;
	}
	return op_fail(op, r, "%s", round.words);
}
