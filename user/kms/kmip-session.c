// SPDX-License-Identifier: GPL-2.0-or-later
/* See kmip-session.h. */
#include "kms/kmip-session.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/op.h"
#include "kms/config.h"
#include "kms/endpoint.h"
#include "wire/dial.h"
#include "wire/kmip-names.h"
#include "wire/tls.h"

#define CALL_MS 60000 /* for all addresses, when op has no deadline */
/* Load balancers forget idle connections after 30 s, some without a word. */
#define IDLE_MAX_S 20

struct kmip_session {
	const struct generation *g;
	struct tls_context *ctx;
	struct tls *tls; /* NULL: not connected */
	time_t used; /* CLOCK_BOOTTIME of the last answer on @tls */
	size_t at; /* index of the address that @tls goes to, or the next */
	struct kmip_version version; /* spoken on @tls */
	struct kmip_versions offered; /* on @tls; none: it did not say */
	bool lowered; /* @version is below what was agreed on @tls */
};

/* In the order of our liking: 1.4 is the one that everybody has tested. */
static const struct kmip_version liked[] = {
	{ 1, 4 }, { 2, 1 }, { 2, 0 }, { 1, 3 }, { 1, 2 },
};

/*
 * Headers to ask for the versions with: a server may refuse the header of a
 * version that it does not know, as malformed or by closing the connection.
 */
static const struct kmip_version asked[] = {
	{ 1, 4 },
	{ 2, 0 },
	{ 1, 2 },
	{ 2, 1 },
};

void kmip_reply_free(struct kmip_reply *reply)
{
	secret_free(&reply->message);
	memset(&reply->result, 0, sizeof(reply->result));
}

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec;
}

static void disconnect(struct kmip_session *s)
{
	tls_close(s->tls);
	s->tls = NULL;
}

static int check_addresses(struct op *op, const struct generation *g)
{
	struct dial_address a;
	struct kmip_version v;
	size_t i;

	if (!g->naddresses)
		return op_fail(op, -EINVAL, "the entry has no address");
	for (i = 0; i < g->naddresses; i++)
		if (dial_parse(g->addresses[i], ENDPOINT_KMIP_PORT, &a))
			return op_fail(
				op, -EINVAL,
				"not an address of the form HOST:PORT: %s",
				g->addresses[i]);
	if (g->kmip_version[0] && kmip_version_parse(g->kmip_version, &v))
		return op_fail(op, -EINVAL, "not a KMIP version: %s",
			       g->kmip_version);
	return 0;
}

int kmip_session_new(struct op *op, const struct generation *g,
		     struct kmip_session **ret)
{
	const struct tls_identity id = {
		.cert = g->client_cert,
		.key = &g->client_key,
		.ca = g->ca_cert,
		.ciphers = g->ciphers[0] ? g->ciphers : NULL,
	};
	struct kmip_session *s;
	int r;

	r = check_addresses(op, g);
	if (r)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->g = g;
	r = tls_context_new(op, &id, &s->ctx);
	if (r) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void kmip_session_free(struct kmip_session *s)
{
	if (!s)
		return;
	disconnect(s);
	tls_context_free(s->ctx);
	free(s);
}

const char *kmip_session_address(const struct kmip_session *s)
{
	return s->g->addresses[s->at];
}

struct kmip_version kmip_session_version(const struct kmip_session *s)
{
	return s->version;
}

int64_t kmip_session_cert_left(const struct kmip_session *s)
{
	return tls_context_cert_left(s->ctx);
}

/* The rest of the answer after @head; a connection that ends now cut it. */
static int read_rest(struct op *op, struct kmip_session *s,
		     const uint8_t head[TTLV_HEADER], struct secret *ret)
{
	size_t len;
	int r;

	r = kmip_response_length(head, &len);
	if (r)
		return op_fail(op, r,
			       "the answer is no KMIP message, or is too long");
	r = secret_alloc(ret, TTLV_HEADER + len);
	if (r)
		return r;
	memcpy(ret->data, head, TTLV_HEADER);
	return tls_read(op, s->tls, ret->data + TTLV_HEADER, len, NULL);
}

/*
 * Return: -EPIPE, -ECONNRESET when the connection ended before the answer
 * began: it may have been dead all along. Later, it is a broken answer.
 */
static int read_answer(struct op *op, struct kmip_session *s,
		       struct secret *ret)
{
	uint8_t head[TTLV_HEADER];
	size_t done;
	int r;

	r = tls_read(op, s->tls, head, sizeof(head), &done);
	if (r && !done)
		return r;
	if (!r)
		r = read_rest(op, s, head, ret);
	if (r == -EPIPE)
		return op_fail(op, -EPROTO, "the server cut its answer short");
	return r == -ECONNRESET ? -EHOSTUNREACH : r;
}

/* One request and its answer on the connection that there is. */
static int exchange(struct op *op, struct kmip_session *s,
		    const struct kmip_request *q, struct kmip_reply *ret)
{
	const struct kmip_header h = {
		.version = s->version,
		.username = s->g->username[0] ? s->g->username : NULL,
		.password = &s->g->password,
	};
	_cleanup_secret_ struct secret request = SECRET_EMPTY;
	_cleanup_secret_ struct secret answer = SECRET_EMPTY;
	int r;

	r = kmip_request_encode(&h, q, &request);
	if (r == -EOPNOTSUPP)
		return op_fail(
			op, r,
			"KMIP %u.%u has no field for AES-GCM's tag; 1.4 or later is needed",
			s->version.major, s->version.minor);
	if (r)
		return r;
	r = tls_write(op, s->tls, request.data, request.len);
	if (r)
		return r;
	r = read_answer(op, s, &answer);
	if (r)
		return r;
	r = kmip_response_parse(answer.data, answer.len, q->operation,
				&ret->result);
	if (r)
		return op_fail(op, r, "the answer is a malformed KMIP message");
	/* The bytes do not move, so result's pointers into them stay good. */
	secret_move(&ret->message, &answer);
	s->used = now_s();
	return 0;
}

/* Words and errno for a failure that the server reports */
static int result_failed(struct op *op, const struct kmip_result *res)
{
	static const struct {
		enum kmip_reason reason;
		int err;
	} map[] = {
		{ KMIP_REASON_ITEM_NOT_FOUND, -ENOENT },
		{ KMIP_REASON_OBJECT_NOT_FOUND, -ENOENT },
		{ KMIP_REASON_OBJECT_DESTROYED, -EKEYREVOKED },
		{ KMIP_REASON_AUTHENTICATION_NOT_SUCCESSFUL, -EACCES },
		{ KMIP_REASON_PERMISSION_DENIED, -EACCES },
		{ KMIP_REASON_NOT_AUTHORISED, -EACCES },
		{ KMIP_REASON_OBJECT_ARCHIVED, -EACCES },
		{ KMIP_REASON_OPERATION_NOT_SUPPORTED, -EOPNOTSUPP },
		{ KMIP_REASON_FEATURE_NOT_SUPPORTED, -EOPNOTSUPP },
		{ KMIP_REASON_MISSING_DATA, -EINVAL },
		{ KMIP_REASON_INVALID_FIELD, -EINVAL },
		{ KMIP_REASON_CRYPTOGRAPHIC_FAILURE, -EINVAL },
		{ KMIP_REASON_ILLEGAL_OPERATION, -EINVAL },
		{ KMIP_REASON_WRONG_KEY_LIFECYCLE_STATE, -EINVAL },
		{ KMIP_REASON_BAD_CRYPTOGRAPHIC_PARAMETERS, -EINVAL },
		{ KMIP_REASON_UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS, -EINVAL },
		{ KMIP_REASON_MISSING_INITIALIZATION_VECTOR, -EINVAL },
		{ KMIP_REASON_INCOMPATIBLE_USAGE_MASK, -EINVAL },
		{ KMIP_REASON_GENERAL_FAILURE, -EHOSTUNREACH },
	};
	int err = -EPROTO;
	size_t i;

	/* We never ask for an answer at another time (Asynchronous). */
	if (res->status != KMIP_STATUS_FAILED)
		return op_fail(
			op, err,
			"the server has neither done nor refused what was asked (status %u)",
			res->status);
	for (i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].reason == res->reason)
			err = map[i].err;
	return op_fail(op, err, "the server says: %s (%#x)%s%s",
		       kmip_reason_name(res->reason), res->reason,
		       res->message[0] ? ", " : "", res->message);
}

int kmip_session_failed(struct op *op, const struct kmip_session *s,
			const struct kmip_result *res)
{
	int r = result_failed(op, res);

	return op_fail(op, r, "%s: %s", kmip_session_address(s), op->detail);
}

static bool version_refused(uint32_t reason)
{
	return reason == KMIP_REASON_INVALID_MESSAGE ||
	       reason == KMIP_REASON_CODEC_ERROR ||
	       reason == KMIP_REASON_UNKNOWN_TAG ||
	       reason == KMIP_REASON_UNSUPPORTED_PROTOCOL_VERSION;
}

static bool refuses_version(const struct kmip_result *res)
{
	return res->status == KMIP_STATUS_FAILED &&
	       version_refused(res->reason);
}

static bool is_offered(const struct kmip_session *s, struct kmip_version v)
{
	size_t i;

	for (i = 0; i < s->offered.n; i++)
		if (!kmip_version_cmp(v, s->offered.v[i]))
			return true;
	return false;
}

static int choose_version(struct op *op, struct kmip_session *s,
			  const struct kmip_result *res)
{
	size_t i;

	if (kmip_payload_versions(res, &s->offered))
		return op_fail(op, -EPROTO,
			       "the answer to Discover Versions is malformed");
	for (i = 0; i < sizeof(liked) / sizeof(liked[0]); i++) {
		if (!is_offered(s, liked[i]))
			continue;
		s->version = liked[i];
		return 0;
	}
	return op_fail(op, -EOPNOTSUPP,
		       "the server speaks no KMIP version from 1.2 to 2.1");
}

/* Go to the address s->at, and no further than the TLS handshake. */
static int connect_tls(struct op *op, struct kmip_session *s)
{
	struct dial_address a;
	const char *name;
	int fd, r;

	r = dial_parse(kmip_session_address(s), ENDPOINT_KMIP_PORT, &a);
	if (r)
		return r;
	fd = dial_connect(op, &a);
	if (fd < 0)
		return fd;
	name = s->g->server_name[0] ? s->g->server_name : a.host;
	return tls_connect(op, s->ctx, fd, name, &s->tls);
}

static bool connection_ended(int r)
{
	return r == -EPIPE || r == -ECONNRESET;
}

/*
 * Ask for the versions in a header of @v. Return: 0 when one is chosen;
 * -EAGAIN when the server refuses @v; -EPIPE, -ECONNRESET when it may mean
 * that by hanging up; the error otherwise.
 */
static int discover(struct op *op, struct kmip_session *s,
		    struct kmip_version v)
{
	const struct kmip_request q = {
		.operation = KMIP_OP_DISCOVER_VERSIONS,
	};
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	int r;

	s->version = v;
	r = exchange(op, s, &q, &reply);
	if (r)
		return r;
	if (reply.result.status == KMIP_STATUS_SUCCESS)
		return choose_version(op, s, &reply.result);
	/* It understood the header, so that version will do. */
	if (reply.result.reason == KMIP_REASON_OPERATION_NOT_SUPPORTED)
		return 0;
	return refuses_version(&reply.result) ?
		       -EAGAIN :
		       result_failed(op, &reply.result);
}

static int negotiate(struct op *op, struct kmip_session *s)
{
	size_t i;
	int r = 0;

	s->offered.n = 0;
	s->lowered = false;
	if (s->g->kmip_version[0])
		return kmip_version_parse(s->g->kmip_version, &s->version);
	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		r = s->tls ? 0 : connect_tls(op, s);
		r = r ?: discover(op, s, asked[i]);
		if (connection_ended(r))
			disconnect(s);
		else if (r != -EAGAIN)
			return r;
	}
	if (r != -EAGAIN)
		return r;
	op_next(op, "Name the version that it speaks with --kmip-version.");
	return op_fail(op, -EPROTO,
		       "the server does not say which KMIP versions it speaks");
}

static int connect_session(struct op *op, struct kmip_session *s)
{
	int r = connect_tls(op, s);

	return r ? r : negotiate(op, s);
}

/* The highest version that may be tried instead, below the one spoken */
static bool lower_version(const struct kmip_session *s,
			  struct kmip_version *ret)
{
	bool found = false;
	size_t i;

	for (i = 0; i < sizeof(liked) / sizeof(liked[0]); i++) {
		if (kmip_version_cmp(liked[i], s->version) >= 0 ||
		    (s->offered.n && !is_offered(s, liked[i])) ||
		    (found && kmip_version_cmp(liked[i], *ret) < 0))
			continue;
		*ret = liked[i];
		found = true;
	}
	return found;
}

/*
 * Send @q. A server may refuse a version that it says it speaks, or not read
 * what that version has: once a connection, the next lower one is spoken
 * instead. That is no way down for anybody but the server, which TLS has
 * proven to be the one, and what has no form in the lower version is not sent
 * in a weaker one: then the first answer stands.
 */
static int exchange_lowering(struct op *op, struct kmip_session *s,
			     const struct kmip_request *q,
			     struct kmip_reply *ret)
{
	struct kmip_version agreed = s->version;
	_cleanup_reply_ struct kmip_reply first = { 0 };
	int r = exchange(op, s, q, ret);

	if (r || !refuses_version(&ret->result) || s->lowered ||
	    s->g->kmip_version[0] || !lower_version(s, &s->version))
		return r;
	first = *ret;
	*ret = (struct kmip_reply){ 0 };
	r = exchange(op, s, q, ret);
	if (r == -EOPNOTSUPP) {
		op_clear(op);
		s->version = agreed;
		*ret = first;
		first = (struct kmip_reply){ 0 };
		return 0;
	}
	s->lowered = true;
	return r;
}

/*
 * No answer from a server that we have just shaken hands with. Some do that to
 * a client that they do not accept, and the words say so; but it is no verdict
 * (-EACCES), as anybody on the way can end a connection.
 */
static int ended_without_answer(struct op *op)
{
	return op_fail(
		op, -EHOSTUNREACH,
		"the server closes the connection without an answer, as some do to a client certificate or a credential that they do not accept");
}

/* Send @q to the address s->at, within @op, which is for this address only. */
static int call_address(struct op *op, struct kmip_session *s,
			const struct kmip_request *q, struct kmip_reply *ret)
{
	bool reused;
	int r = 0;

	if (s->tls &&
	    (q->operation == KMIP_OP_CREATE || now_s() - s->used > IDLE_MAX_S))
		disconnect(s);
	reused = s->tls;
	if (!reused)
		r = connect_session(op, s);
	if (!r)
		r = exchange_lowering(op, s, q, ret);
	if (connection_ended(r) && reused) {
		disconnect(s);
		r = connect_session(op, s);
		if (!r)
			r = exchange_lowering(op, s, q, ret);
	}
	if (connection_ended(r))
		r = ended_without_answer(op);
	if (r)
		return r;
	/* An answer, but not one to @q: it wants to be left alone. */
	if (ret->result.reason == KMIP_REASON_SERVER_LIMIT_EXCEEDED ||
	    ret->result.reason == KMIP_REASON_INTERNAL_SERVER_ERROR) {
		r = op_fail(op, -EHOSTUNREACH, "the server says: %s",
			    kmip_reason_name(ret->result.reason));
		kmip_reply_free(ret);
	}
	return r;
}

static bool other_address_may_help(int r)
{
	return r == -EHOSTUNREACH || r == -ETIMEDOUT || r == -EPROTO ||
	       r == -EACCES;
}

/* Add why this address failed to the words about the others. */
static void add_failure(struct op *op, const char *address,
			const struct op *part, int err)
{
	op_fail(op, err, "%s%s%s%s%s", op->detail, op->detail[0] ? "; " : "",
		address, part->detail[0] ? ": " : "", part->detail);
	if (part->next[0])
		op_next(op, "%s", part->next);
}

int kmip_session_call(struct op *op, struct kmip_session *s,
		      const struct kmip_request *q, struct kmip_reply *ret)
{
	size_t left = s->g->naddresses;
	int r, err = -EHOSTUNREACH;
	bool final;

	op_clear(op);
	for (; left; left--) {
		int64_t ms = op_left_ms(op, CALL_MS);
		struct op part;

		if (ms < 0) {
			op_fail(op, (int)ms, "%s%sno time left", op->detail,
				op->detail[0] ? "; " : "");
			return (int)ms;
		}
		op_init(&part, ms / (int64_t)left + 1);
		r = call_address(&part, s, q, ret);
		if (!r) {
			op_clear(op);
			return 0;
		}
		/* A Create may have been done, answer or not. */
		final = !other_address_may_help(r) ||
			(q->operation == KMIP_OP_CREATE && s->tls);
		disconnect(s);
		add_failure(op, kmip_session_address(s), &part, r);
		/* The cause that says most; unreachable says least. */
		if (final || err == -EHOSTUNREACH)
			err = r;
		if (final)
			break;
		s->at = (s->at + 1) % s->g->naddresses;
	}
	return err;
}
