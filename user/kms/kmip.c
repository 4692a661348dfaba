// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KMIP provider: the server encrypts and decrypts capsules with a key that
 * never leaves it (Encrypt and Decrypt, KMIP 1.4 sections 4.29 and 4.30).
 *
 * How it encrypts is found out once, by trying what kmip-mode.c has until what
 * was encrypted comes back, and is pinned in the entry from then on: whoever
 * can write the disk must not choose it.
 */
#include "kms/kmip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"
#include "kms/kmip-mode.h"
#include "kms/kmip-session.h"
#include "kms/kms.h"
#include "kms/own-end.h"
#include "wire/kmip-names.h"

#define USAGE_NEEDED (KMIP_USAGE_ENCRYPT | KMIP_USAGE_DECRYPT)
#define KEY_BITS 256
#define QUERY_MS 2000

struct kmip {
	struct kms kms; /* first: kms_open() gives out a pointer to it */
	struct kmip_session *session;
	const struct kmip_mode *mode; /* NULL: not found out yet */
};

static struct kmip *to_kmip(struct kms *kms)
{
	return (struct kmip *)kms;
}

static int kmip_open(struct op *op, const struct generation *g,
		     struct kms **ret)
{
	struct kmip *k;
	int r;

	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	r = kmip_session_new(op, g, &k->session);
	if (r) {
		free(k);
		return r;
	}
	/* none for WRAP_MODE_NONE: kms set, which finds it out */
	k->mode = kmip_mode_of(g->mode);
	*ret = &k->kms;
	return 0;
}

static void kmip_close(struct kms *kms)
{
	struct kmip *k = to_kmip(kms);

	kmip_session_free(k->session);
	free(k);
}

/* Errno and words when the key cannot do what we need; 0 when it can. */
static int key_fits(struct op *op, const struct kmip *k,
		    const struct kmip_key_info *info)
{
	const char *uid = k->kms.generation->key_id;
	uint32_t missing =
		info->has_usage_mask ? USAGE_NEEDED & ~info->usage_mask : 0;

	if (info->has_algorithm && info->algorithm != KMIP_ALGORITHM_AES)
		return op_fail(op, -EINVAL, "%s: key %s is not an AES key",
			       kmip_session_address(k->session), uid);
	if (info->has_state && info->state == KMIP_STATE_PRE_ACTIVE) {
		op_next(op, "Activate the key in the KMS, then try again.");
		return op_fail(op, -EINVAL, "%s: key %s is not active yet",
			       kmip_session_address(k->session), uid);
	}
	if (info->has_state && info->state != KMIP_STATE_ACTIVE)
		return op_fail(op, -EKEYREVOKED, "%s: key %s is %s",
			       kmip_session_address(k->session), uid,
			       kmip_state_name(info->state));
	if (missing)
		return op_fail(op, -EINVAL,
			       "%s: the usage mask of key %s lacks%s%s",
			       kmip_session_address(k->session), uid,
			       missing & KMIP_USAGE_ENCRYPT ? " Encrypt" : "",
			       missing & KMIP_USAGE_DECRYPT ? " Decrypt" : "");
	return 0;
}

/* The server says that there is no such key, or none that we may look at. */
static int key_unseen(struct op *op, const struct kmip *k,
		      const struct kmip_result *res)
{
	const char *uid = k->kms.generation->key_id;
	int r = kmip_session_failed(op, k->session, res);

	if (r == -ENOENT) {
		op_next(op,
			"Check the unique identifier; the key may also be destroyed.");
		return op_fail(op, r, "%s: there is no key %s",
			       kmip_session_address(k->session), uid);
	}
	if (r == -EACCES)
		return op_fail(
			op, r,
			"%s: key %s is not ours, or our client certificate is not enough (%s%s%s)",
			kmip_session_address(k->session), uid,
			kmip_reason_name(res->reason),
			res->message[0] ? ": " : "", res->message);
	return r;
}

static int get_info(struct op *op, struct kmip *k, struct kmip_key_info *ret)
{
	const struct kmip_request q = {
		.operation = KMIP_OP_GET_ATTRIBUTES,
		.uid = k->kms.generation->key_id,
	};
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	int r;

	r = kmip_session_call(op, k->session, &q, &reply);
	if (r)
		return r;
	if (reply.result.status != KMIP_STATUS_SUCCESS)
		return key_unseen(op, k, &reply.result);
	if (kmip_payload_key_info(&reply.result, ret))
		return op_fail(op, -EPROTO,
			       "%s: the answer to Get Attributes is malformed",
			       kmip_session_address(k->session));
	return 0;
}

/*
 * The server will not do it, and servers say the same (Permission Denied) for
 * a key of somebody else, a revoked key and a wrong usage mask. Ask what is
 * wrong with the key. 0: nothing that we can see.
 */
static int look_at_key(struct op *op, struct kmip *k)
{
	struct kmip_key_info info;
	int r = get_info(op, k, &info);

	return r ? r : key_fits(op, k, &info);
}

static bool may_be_about_key(uint32_t reason)
{
	return reason == KMIP_REASON_PERMISSION_DENIED ||
	       reason == KMIP_REASON_NOT_AUTHORISED ||
	       reason == KMIP_REASON_ILLEGAL_OPERATION ||
	       reason == KMIP_REASON_WRONG_KEY_LIFECYCLE_STATE ||
	       reason == KMIP_REASON_INCOMPATIBLE_USAGE_MASK;
}

/* Encrypt or Decrypt was answered by a failure. */
static int crypt_failed(struct op *op, struct kmip *k,
			const struct kmip_result *res)
{
	int r;

	if (res->reason == KMIP_REASON_ITEM_NOT_FOUND ||
	    res->reason == KMIP_REASON_OBJECT_NOT_FOUND)
		return key_unseen(op, k, res);
	if (may_be_about_key(res->reason)) {
		r = look_at_key(op, k);
		if (r == -EKEYREVOKED || r == -EINVAL || r == -ENOENT)
			return r;
	}
	return kmip_session_failed(op, k->session, res);
}

static void warn_about_certificate(const struct kmip *k, struct kms_health *ret)
{
	int64_t left = kmip_session_cert_left(k->session);

	/* 0 would mean that it never expires */
	ret->credential_s = left > 0 ? left : 1;
	ret->credential_ends =
		own_end_warning(left, ret->warning, sizeof(ret->warning));
}

/*
 * For people to see; a server that does not say it is as good, and must not
 * take the time of what counts.
 */
static void describe_server(const struct op *op, struct kmip *k,
			    struct kms_health *ret)
{
	const struct kmip_request q = { .operation = KMIP_OP_QUERY };
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	char vendor[KMIP_TEXT_MAX] = "";
	struct kmip_version v;
	struct op own;

	op_init_part(&own, op, QUERY_MS);
	if (!kmip_session_call(&own, k->session, &q, &reply) &&
	    reply.result.status == KMIP_STATUS_SUCCESS &&
	    kmip_payload_vendor(&reply.result, vendor))
		vendor[0] = '\0';
	v = kmip_session_version(k->session);
	snprintf(ret->server, sizeof(ret->server), "%.100s%sKMIP %u.%u", vendor,
		 vendor[0] ? ", " : "", v.major, v.minor);
	snprintf(ret->address, sizeof(ret->address), "%.255s",
		 kmip_session_address(k->session));
}

/* Encrypt @plain by @m. */
static int wrap_by(struct op *op, struct kmip *k, const struct kmip_mode *m,
		   const struct secret *plain, struct wrapped *ret)
{
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	const struct kmip_request q = {
		.operation = KMIP_OP_ENCRYPT,
		.mode = m->block,
		.padding = m->padding,
		.tag_field = m->tag_len,
		.uid = k->kms.generation->key_id,
		.data = plain->data,
		.data_len = plain->len,
		.iv = ret->iv,
		.iv_len = m->iv_len,
	};
	const char *address, *why;
	struct kmip_crypto c;
	int r;

	/* New for each wrap: GCM and CTR fail altogether when one comes twice */
	if (RAND_bytes(ret->iv, (int)m->iv_len) != 1)
		return op_fail(op, -EIO, "no random numbers");
	ret->iv_len = m->iv_len;
	ret->mode = m->mode;
	r = kmip_session_call(op, k->session, &q, &reply);
	if (r)
		return r;
	if (reply.result.status != KMIP_STATUS_SUCCESS)
		return crypt_failed(op, k, &reply.result);
	address = kmip_session_address(k->session);
	if (kmip_payload_crypto(&reply.result, &c))
		return op_fail(op, -EPROTO,
			       "%s: the answer to Encrypt is malformed",
			       address);
	why = kmip_mode_take(m, &c, plain->len, ret);
	if (why)
		return op_fail(op, m->tag_len && !c.tag ? -EOPNOTSUPP : -EPROTO,
			       "%s: %s", address, why);
	return 0;
}

/*
 * Reasons for which the fault may be the ciphertext's, the IV's or the tag's.
 * General Failure is what PyKMIP says to a wrong tag. The parameters were
 * proven when the entry was made, so complaints about them are among these.
 */
static bool may_be_about_data(uint32_t reason)
{
	return reason == KMIP_REASON_CRYPTOGRAPHIC_FAILURE ||
	       reason == KMIP_REASON_GENERAL_FAILURE ||
	       reason == KMIP_REASON_INVALID_FIELD ||
	       reason == KMIP_REASON_MISSING_DATA ||
	       reason == KMIP_REASON_BAD_CRYPTOGRAPHIC_PARAMETERS ||
	       reason == KMIP_REASON_UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS ||
	       reason == KMIP_REASON_MISSING_INITIALIZATION_VECTOR;
}

/*
 * Decrypt @w by @m. Whatever is wrong with a wrapped capsule, the answer is
 * -EKEYREJECTED without words: it comes from whoever can write the disk, and a
 * difference between causes would tell them something. So too for a length
 * that only CBC's padding, and hence the ciphertext, decides.
 */
static int unwrap_by(struct op *op, struct kmip *k, const struct kmip_mode *m,
		     const struct wrapped *w, struct secret *ret)
{
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	const struct kmip_request q = {
		.operation = KMIP_OP_DECRYPT,
		.mode = m->block,
		.padding = m->padding,
		.tag_field = m->tag_len,
		.uid = k->kms.generation->key_id,
		.data = w->data,
		.data_len = w->data_len,
		.iv = w->iv,
		.iv_len = w->iv_len,
		.tag = w->tag,
		.tag_len = w->tag_len,
	};
	struct kmip_crypto c;
	int r;

	if (!kmip_mode_fits(m, w))
		return -EKEYREJECTED;
	r = kmip_session_call(op, k->session, &q, &reply);
	if (r)
		return r;
	if (reply.result.status != KMIP_STATUS_SUCCESS) {
		if (reply.result.status == KMIP_STATUS_FAILED &&
		    may_be_about_data(reply.result.reason))
			return -EKEYREJECTED;
		return crypt_failed(op, k, &reply.result);
	}
	r = kmip_payload_crypto(&reply.result, &c);
	if (!r && m->padding && c.data_len != w->data_len - m->grows)
		return -EKEYREJECTED;
	if (r || c.data_len != w->data_len - m->grows)
		return op_fail(op, -EPROTO,
			       "%s: the answer to Decrypt is malformed",
			       kmip_session_address(k->session));
	return secret_copy(ret, c.data, c.data_len);
}

/* Does a random capsule come back from @m? */
static int try_mode(struct op *op, struct kmip *k, const struct kmip_mode *m)
{
	_cleanup_secret_ struct secret probe = SECRET_EMPTY;
	_cleanup_secret_ struct secret back = SECRET_EMPTY;
	struct wrapped w = { .provider = KMS_KMIP };
	int r = secret_random(&probe, KMSC_CAPSULE_SIZE);

	r = r ?: wrap_by(op, k, m, &probe, &w);
	r = r ?: unwrap_by(op, k, m, &w, &back);
	if (r == -EKEYREJECTED || (!r && !secret_equal(&probe, &back)))
		return op_fail(op, -EPROTO,
			       "%s: what it encrypts does not come back",
			       kmip_session_address(k->session));
	return r;
}

/* Is it this mode that the server does not do, and not the server itself? */
static bool other_mode_may_help(int r)
{
	return r == -EOPNOTSUPP || r == -EPROTO || r == -EINVAL;
}

static int choose_mode(struct op *op, struct kmip *k)
{
	bool cbc = k->kms.generation->allow_cbc;
	struct op part = *op;

	for (size_t i = 0; i < KMIP_MODES; i++) {
		const struct kmip_mode *m = &kmip_modes[i];
		int r;

		if (m->mode == WRAP_MODE_CBC && !cbc)
			continue;
		op_clear(&part);
		r = try_mode(&part, k, m);
		if (!r) {
			op_clear(op);
			k->mode = m;
			return 0;
		}
		op_fail(op, r, "%s%s%s: %s", op->detail,
			op->detail[0] ? "; " : "", m->name, part.detail);
		if (!other_mode_may_help(r)) {
			*op = part;
			return r;
		}
	}
	op_next(op, cbc ? "Ask the KMS's administrator for AES-GCM." :
			  "--allow-cbc also tries AES-CBC, which does not "
			  "notice changes by itself.");
	return op_fail(op, -EOPNOTSUPP, "the server does not encrypt: %s",
		       op->detail);
}

static int kmip_check(struct op *op, struct kms *kms, struct kms_health *ret)
{
	struct kmip *k = to_kmip(kms);
	int r;

	r = look_at_key(op, k);
	if (!r && !k->mode)
		r = choose_mode(op, k);
	if (r)
		return r;
	describe_server(op, k, ret);
	warn_about_certificate(k, ret);
	if (k->mode->mode == WRAP_MODE_CBC && !ret->warning[0])
		snprintf(ret->warning, sizeof(ret->warning),
			 "The server encrypts by AES-CBC, the weakest way; use "
			 "AES-GCM as soon as it can.");
	return 0;
}

static int kmip_wrap(struct op *op, struct kms *kms, const struct secret *plain,
		     struct wrapped *ret)
{
	struct kmip *k = to_kmip(kms);
	int r = k->mode ? 0 : choose_mode(op, k);

	return r ? r : wrap_by(op, k, k->mode, plain, ret);
}

/* kms_unwrap() has compared the names. */
static int kmip_unwrap(struct op *op, struct kms *kms, const struct wrapped *w,
		       struct secret *ret)
{
	struct kmip *k = to_kmip(kms);

	return k->mode ? unwrap_by(op, k, k->mode, w, ret) : -EKEYREJECTED;
}

/* No rewrap: KMIP's Re-key makes another key, it is nothing like Vault's. */
const struct kms_ops kms_kmip_ops = {
	.name = "kmip",
	.open = kmip_open,
	.close = kmip_close,
	.check = kmip_check,
	.wrap = kmip_wrap,
	.unwrap = kmip_unwrap,
};

static int create(struct op *op, struct kmip_session *s,
		  char ret_uid[WRAPPED_NAME_MAX])
{
	const struct kmip_request q = {
		.operation = KMIP_OP_CREATE,
		.key_bits = KEY_BITS,
		.usage_mask = USAGE_NEEDED,
	};
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	char uid[KMIP_UID_MAX];
	int r;

	r = kmip_session_call(op, s, &q, &reply);
	if (r)
		return r;
	if (reply.result.status != KMIP_STATUS_SUCCESS)
		return kmip_session_failed(op, s, &reply.result);
	/* What we could not write into a token is of no use as a key. */
	if (kmip_payload_uid(&reply.result, uid) || !wrapped_name_ok(uid, 1))
		return op_fail(
			op, -EPROTO,
			"%s: the new key's unique identifier is missing or not one that we can use",
			kmip_session_address(s));
	_Static_assert(sizeof(uid) <= WRAPPED_NAME_MAX, "uid fits");
	memcpy(ret_uid, uid, sizeof(uid));
	return 0;
}

int kmip_create_key(struct op *op, const struct generation *g,
		    char ret_uid[WRAPPED_NAME_MAX])
{
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	struct kmip_session *s;
	int r;

	r = kmip_session_new(op, g, &s);
	if (r)
		return r;
	r = create(op, s, ret_uid);
	if (!r) {
		const struct kmip_request q = {
			.operation = KMIP_OP_ACTIVATE,
			.uid = ret_uid,
		};

		r = kmip_session_call(op, s, &q, &reply);
		if (!r && reply.result.status != KMIP_STATUS_SUCCESS)
			r = kmip_session_failed(op, s, &reply.result);
		if (r)
			op_fail(op, r, "key %s was made but not activated: %s",
				ret_uid, op->detail);
	}
	kmip_session_free(s);
	return r;
}
