// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KMIP provider: the server encrypts and decrypts capsules with a key that
 * never leaves it (Encrypt and Decrypt, KMIP 1.4 sections 4.29 and 4.30).
 *
 * Capsules are wrapped by AES-GCM with the tag in a field of its own. The
 * modes for servers below KMIP 1.4 (WRAP_MODE_GCM_APPENDED, _CTR, _CBC) belong
 * into kmip_open(), take_wrapped(), wrapped_fits() and kmip_request_encode();
 * until they are there, such servers and tokens are refused.
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
#include "kms/kmip-session.h"
#include "kms/kms.h"
#include "wire/kmip-names.h"

#define USAGE_NEEDED (KMIP_USAGE_ENCRYPT | KMIP_USAGE_DECRYPT)
#define KEY_BITS 256
#define DAY_S 86400
#define CERT_WARN_S (30 * DAY_S)

struct kmip {
	struct kms kms; /* first: kms_open() gives out a pointer to it */
	struct kmip_session *session;
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

	/* WRAP_MODE_NONE: not pinned yet (kms set); GCM is all there is. */
	if (g->mode != WRAP_MODE_GCM && g->mode != WRAP_MODE_NONE)
		return op_fail(
			op, -EOPNOTSUPP,
			"this version of kmscrypt wraps by AES-GCM with a separate tag only");
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	r = kmip_session_new(op, g, &k->session);
	if (r) {
		free(k);
		return r;
	}
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
	if (left <= 0)
		snprintf(ret->warning, sizeof(ret->warning),
			 "The client certificate has expired.");
	else if (left < CERT_WARN_S)
		snprintf(ret->warning, sizeof(ret->warning),
			 "The client certificate expires in %lld days.",
			 (long long)(left / DAY_S));
}

/* For people to see; a server that does not say it is as good. */
static void describe_server(struct op *op, struct kmip *k,
			    struct kms_health *ret)
{
	const struct kmip_request q = { .operation = KMIP_OP_QUERY };
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	char vendor[KMIP_TEXT_MAX] = "";
	struct kmip_version v;

	if (!kmip_session_call(op, k->session, &q, &reply) &&
	    reply.result.status == KMIP_STATUS_SUCCESS &&
	    kmip_payload_vendor(&reply.result, vendor))
		vendor[0] = '\0';
	op_clear(op);
	v = kmip_session_version(k->session);
	snprintf(ret->server, sizeof(ret->server), "%.100s%sKMIP %u.%u", vendor,
		 vendor[0] ? ", " : "", v.major, v.minor);
	snprintf(ret->address, sizeof(ret->address), "%.255s",
		 kmip_session_address(k->session));
}

static int kmip_check(struct op *op, struct kms *kms, struct kms_health *ret)
{
	struct kmip *k = to_kmip(kms);
	int r;

	r = look_at_key(op, k);
	if (r)
		return r;
	describe_server(op, k, ret);
	warn_about_certificate(k, ret);
	return 0;
}

/*
 * The answer to Encrypt, into @ret. A server that has no field for the tag
 * appends it or, worse, forgets it: the lengths tell, and only what can be
 * unwrapped again may be kept.
 */
static int take_wrapped(struct op *op, const struct kmip *k,
			const struct kmip_result *res, size_t plain_len,
			struct wrapped *ret)
{
	const char *address = kmip_session_address(k->session);
	struct kmip_crypto c;

	if (kmip_payload_crypto(res, &c))
		return op_fail(op, -EPROTO,
			       "%s: the answer to Encrypt is malformed",
			       address);
	if (!c.tag)
		return op_fail(op, -EOPNOTSUPP,
			       "%s: the server encrypts without giving a tag",
			       address);
	if (c.tag_len != KMIP_GCM_TAG_BYTES || c.data_len != plain_len ||
	    c.data_len > sizeof(ret->data))
		return op_fail(op, -EPROTO,
			       "%s: ciphertext or tag has a wrong length",
			       address);
	if (c.iv &&
	    (c.iv_len != ret->iv_len || memcmp(c.iv, ret->iv, c.iv_len) != 0))
		return op_fail(op, -EPROTO,
			       "%s: the server did not take our IV", address);
	memcpy(ret->data, c.data, c.data_len);
	ret->data_len = c.data_len;
	memcpy(ret->tag, c.tag, c.tag_len);
	ret->tag_len = c.tag_len;
	return 0;
}

static int kmip_wrap(struct op *op, struct kms *kms, const struct secret *plain,
		     struct wrapped *ret)
{
	struct kmip *k = to_kmip(kms);
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	const struct kmip_request q = {
		.operation = KMIP_OP_ENCRYPT,
		.mode = KMIP_MODE_GCM,
		.uid = kms->generation->key_id,
		.data = plain->data,
		.data_len = plain->len,
		.iv = ret->iv,
		.iv_len = KMIP_GCM_IV_BYTES,
	};
	int r;

	/* New for each wrap: GCM fails altogether when one comes twice. */
	if (RAND_bytes(ret->iv, KMIP_GCM_IV_BYTES) != 1)
		return op_fail(op, -EIO, "no random numbers");
	ret->iv_len = KMIP_GCM_IV_BYTES;
	ret->mode = WRAP_MODE_GCM;
	r = kmip_session_call(op, k->session, &q, &reply);
	if (r)
		return r;
	if (reply.result.status != KMIP_STATUS_SUCCESS)
		return crypt_failed(op, k, &reply.result);
	return take_wrapped(op, k, &reply.result, plain->len, ret);
}

/* Is it in the form that we make? kms_unwrap() has compared the names. */
static bool wrapped_fits(const struct wrapped *w)
{
	return w->mode == WRAP_MODE_GCM && w->data_len &&
	       w->data_len <= KMSC_CAPSULE_SIZE &&
	       w->iv_len == KMIP_GCM_IV_BYTES &&
	       w->tag_len == KMIP_GCM_TAG_BYTES;
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

static int kmip_unwrap(struct op *op, struct kms *kms, const struct wrapped *w,
		       struct secret *ret)
{
	struct kmip *k = to_kmip(kms);
	_cleanup_reply_ struct kmip_reply reply = { 0 };
	const struct kmip_request q = {
		.operation = KMIP_OP_DECRYPT,
		.mode = KMIP_MODE_GCM,
		.uid = kms->generation->key_id,
		.data = w->data,
		.data_len = w->data_len,
		.iv = w->iv,
		.iv_len = w->iv_len,
		.tag = w->tag,
		.tag_len = w->tag_len,
	};
	struct kmip_crypto c;
	int r;

	/*
	 * Whatever is wrong with a wrapped capsule, the answer is this errno
	 * without words: it comes from whoever can write the disk, and a
	 * difference between causes would tell them something.
	 */
	if (!wrapped_fits(w))
		return -EKEYREJECTED;
	r = kmip_session_call(op, k->session, &q, &reply);
	if (r)
		return r;
	if (reply.result.status != KMIP_STATUS_SUCCESS) {
		if (may_be_about_data(reply.result.reason))
			return -EKEYREJECTED;
		return crypt_failed(op, k, &reply.result);
	}
	if (kmip_payload_crypto(&reply.result, &c) || c.data_len != w->data_len)
		return op_fail(op, -EPROTO,
			       "%s: the answer to Decrypt is malformed",
			       kmip_session_address(k->session));
	return secret_copy(ret, c.data, c.data_len);
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
