/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session with the servers of one KMIP generation: connects when first used,
 * negotiates the version, sends a request and gets its answer, and goes to the
 * next address when one gives none.
 */
#ifndef _KMS_KMIP_SESSION_H
#define _KMS_KMIP_SESSION_H

#include <stdint.h>

#include "base/secret.h"
#include "wire/kmip-msg.h"

struct generation;
struct kmip_session;
struct op;

/* An answer. @result points into @message; free with kmip_reply_free(). */
struct kmip_reply {
	struct secret message;
	struct kmip_result result;
};

void kmip_reply_free(struct kmip_reply *reply);
#define _cleanup_reply_ __attribute__((cleanup(kmip_reply_free)))

/**
 * kmip_session_new() - prepare; does not connect
 * @g: borrowed for the session's life
 * Return: 0; -EBADMSG when certificate, key or CA cannot be used; -EINVAL when
 * an address or the version is malformed; -ENOMEM.
 */
int kmip_session_new(struct op *op, const struct generation *g,
		     struct kmip_session **ret);
void kmip_session_free(struct kmip_session *s);

/**
 * kmip_session_call() - send @q, get the answer
 * @ret: must be empty; a failure that the server reports is a success here
 *
 * Addresses are tried in order, from the one that answered last, and share
 * what is left of op's time. What is sent twice must do no harm: a request is
 * repeated when a connection that was used before turns out to be dead, and at
 * the next address. KMIP_OP_CREATE is not; it gets a new connection.
 *
 * Return: 0; -EHOSTUNREACH, -ETIMEDOUT, -EPROTO, -EACCES when no address gave
 * an answer (the words name each and why); -EOPNOTSUPP when the server speaks
 * no version in which @q can be said; -ENOMEM.
 */
int kmip_session_call(struct op *op, struct kmip_session *s,
		      const struct kmip_request *q, struct kmip_reply *ret);

/** kmip_session_failed() - words and errno for a failure the server reports */
int kmip_session_failed(struct op *op, const struct kmip_session *s,
			const struct kmip_result *res);

/** kmip_session_address() - the address that answered last, as configured. */
const char *kmip_session_address(const struct kmip_session *s);

/** kmip_session_version() - the version spoken with it. */
struct kmip_version kmip_session_version(const struct kmip_session *s);

/** kmip_session_cert_left() - seconds our certificate is valid; < 0: expired */
int64_t kmip_session_cert_left(const struct kmip_session *s);

#endif
