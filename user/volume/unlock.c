// SPDX-License-Identifier: GPL-2.0-or-later
/* See unlock.h. */
#include "volume/unlock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/op.h"
#include "kms/kms.h"
#include "kms/silence.h"
#include "volume/integrity.h"

void unlock_plan_free(struct unlock_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->n; i++) {
		generation_free(&plan->candidates[i].generation);
		file_close_fd(&plan->candidates[i].silence);
	}
	free(plan->candidates);
	plan->candidates = NULL;
	plan->n = 0;
	header_free(&plan->header);
}

void unlocked_free(struct unlocked *u)
{
	capsule_free(&u->capsule);
}

/* See unlock_run() in unlock.h for why it is this order. */
static int rank(int err)
{
	switch (err) {
	case -EKEYREVOKED:
		return 8;
	case -EACCES:
	case -EPERM:
		return 7;
	case -EKEYREJECTED:
		return 6;
	case -EBADMSG:
		return 5;
	case -EPROTO:
		return 4;
	case -ENOENT:
	case -EINVAL:
		return 3;
	default: /* nobody answered, or this machine failed: try again */
		return 2;
	case -ENODATA:
		return 1;
	case 0:
		return 0;
	}
}

/* The failure to report of several; starts zeroed. */
struct verdict {
	int err;
	struct op words;
};

static void weigh(struct verdict *v, int err, const struct op *words)
{
	if (rank(err) <= rank(v->err))
		return;
	v->err = err;
	v->words = *words;
}

/* Keeps @op's deadline. */
static int pronounce(struct op *op, const struct verdict *v)
{
	memcpy(op->detail, v->words.detail, sizeof(op->detail));
	memcpy(op->next, v->words.next, sizeof(op->next));
	return v->err;
}

static int differs(struct op *op, const char *what)
{
	op_next(op, "'kmscrypt table DEV' prints the table that fits.");
	return op_fail(op, -EKEYREJECTED,
		       "the table's %s is not that of the volume's header",
		       what);
}

/*
 * All of this is public, so the words may say what differs. It proves nothing
 * about the header: the capsule does, and is compared with the same header.
 */
static int check_segment(struct op *op, const struct segment *segment,
			 const struct unlock_request *req)
{
	struct segment s;
	int r = integrity_view(op, segment, &s);

	if (r < 0)
		return r;
	if (strcmp(s.integrity, req->integrity))
		return differs(op, "integrity");
	if (strcmp(s.cipher, req->cipher))
		return differs(op, "cipher");
	if (s.sector_size != req->sector_size)
		return differs(op, "sector size");
	if (s.iv_tweak != req->iv_offset)
		return differs(op, "iv_offset");
	if (s.offset % 512 || s.offset / 512 != req->offset)
		return differs(op, "offset");
	if (s.size && req->len > s.size / 512)
		return differs(op, "length");
	return 0;
}

static int check_binding(struct op *op, const struct binding *b,
			 const struct unlock_request *req)
{
	if (b->key_bytes != req->key_bytes)
		return differs(op, "key length");
	if (binding_flags(b) != req->flags)
		return differs(op, "iv_large_sectors option");
	return 0;
}

/* Configuration and credentials of one binding. */
static int prepare_candidate(struct op *op, const struct binding *b,
			     const struct unlock_request *req,
			     struct unlock_candidate *c)
{
	int r;

	if (b->err)
		return op_fail(op, b->err, "%s", b->why);
	if (req) {
		r = check_binding(op, b, req);
		if (r < 0)
			return r;
	}
	r = config_find(op, b->wrapped.entry, &c->generation, c->entry);
	if (r == -ENODATA)
		return op_fail(op, r,
			       "no KMS entry on this host has wrapped this "
			       "volume's key (generation %s)",
			       b->wrapped.entry);
	return r;
}

/* Small is tried first. */
static int urgency(const struct unlock_candidate *c)
{
	if (silence_lately(c->silence))
		return 2;
	return c->generation.state != GENERATION_CURRENT;
}

/* Stable: what is equal stays as it is in the header. */
static void sort(struct unlock_plan *plan)
{
	int keys[KMSC_MAX_BINDINGS];

	for (size_t i = 0; i < plan->n; i++) {
		struct unlock_candidate c = plan->candidates[i];
		int key = urgency(&c);
		size_t k = i;

		for (; k && keys[k - 1] > key; k--) {
			keys[k] = keys[k - 1];
			plan->candidates[k] = plan->candidates[k - 1];
		}
		keys[k] = key;
		plan->candidates[k] = c;
	}
}

static int prepare_candidates(struct op *op, const struct unlock_request *req,
			      struct unlock_plan *plan)
{
	const struct header *h = &plan->header;
	struct verdict verdict = { 0 };
	bool usable = false;
	size_t i;

	if (!h->nbindings)
		return op_fail(op, -ENODATA, "volume %s has no binding",
			       h->uuid);
	plan->candidates = calloc(h->nbindings, sizeof(*plan->candidates));
	if (!plan->candidates)
		return -ENOMEM;
	for (i = 0; i < h->nbindings; i++) {
		struct unlock_candidate *c = &plan->candidates[i];

		op_clear(op);
		c->binding = i;
		c->silence = -1;
		c->err = prepare_candidate(op, &h->bindings[i], req, c);
		plan->n++;
		if (c->err == 0)
			usable = true;
		if (c->err == 0 && h->nbindings > 1)
			c->silence = silence_open(c->generation.id);
		weigh(&verdict, c->err, op);
	}
	sort(plan);
	op_clear(op);
	return usable ? 0 : pronounce(op, &verdict);
}

static int prepare_pins(struct op *op, struct unlock_plan *plan)
{
	int r;

	r = registry_load(op, plan->header.uuid, &plan->volume);
	plan->known = r == 0;
	if (r == -ENOENT) {
		op_clear(op);
		return 0;
	}
	/* a damaged record must not become "unknown, hence fine" */
	return r;
}

int unlock_prepare(struct op *op, const struct luks_place *place,
		   const char *uuid, const struct unlock_request *req,
		   unsigned int flags, struct unlock_plan *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->flags = flags;
	r = luks_read(op, place, &ret->header);
	if (r < 0)
		return r;
	if (uuid && strcmp(uuid, ret->header.uuid))
		return op_fail(op, -EKEYREJECTED,
			       "%s holds volume %s and not %s",
			       place->header ?: place->device, ret->header.uuid,
			       uuid);
	if (req) {
		r = check_segment(op, &ret->header.segment, req);
		if (r < 0)
			return r;
	}
	if (!(flags & UNLOCK_ACCEPT_HEADER)) {
		r = prepare_pins(op, ret);
		if (r < 0)
			return r;
	}
	return prepare_candidates(op, req, ret);
}

int unlock_unwrap(struct op *op, struct kms *kms, const struct header *h,
		  const struct binding *b, struct capsule *ret)
{
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;
	int r = kms_unwrap(op, kms, &b->wrapped, &plain);

	r = kms_key_gone(op, kms, r);
	if (!r)
		r = capsule_decode(op, &plain, ret);
	if (!r && h)
		r = capsule_verify(op, ret, h, b->key_bytes, binding_flags(b));
	if (r != -EKEYREJECTED)
		return r;
	op_clear(op);
	return op_fail(op, r, CAPSULE_REJECTED);
}

static int open_capsule(struct op *op, const struct unlock_plan *plan,
			const struct unlock_candidate *c, struct capsule *ret)
{
	const struct binding *b = &plan->header.bindings[c->binding];
	_cleanup_kms_ struct kms *kms = NULL;
	int r = kms_open(op, &c->generation, &kms);

	return r ? r : unlock_unwrap(op, kms, &plan->header, b, ret);
}

static struct unlock_terms terms_of(const struct unlock_plan *plan,
				    const struct capsule *c)
{
	const struct registry_binding *newest = NULL;

	if (plan->known)
		newest = registry_newest(&plan->volume);
	if (newest && newest->epoch > c->epoch)
		return (struct unlock_terms){ newest->policy, newest->lease_s,
					      newest->queue_cap_s };
	return (struct unlock_terms){ c->policy, c->lease_s, c->queue_cap_s };
}

int unlock_candidate(struct op *op, const struct unlock_plan *plan, size_t i,
		     struct unlocked *ret)
{
	const struct unlock_candidate *c = &plan->candidates[i];
	const struct binding *b = &plan->header.bindings[c->binding];
	_cleanup_unlocked_ struct unlocked u = { 0 };
	int r;

	if (c->err)
		return c->err;
	r = open_capsule(op, plan, c, &u.capsule);
	if (r == 0 && plan->known)
		r = registry_check(op, &plan->volume, b->wrapped.entry,
				   &u.capsule);
	if (r == 0)
		r = capsule_vkid(&u.capsule.key, u.capsule.uuid, u.vkid);
	if (r < 0)
		return r;
	u.terms = terms_of(plan, &u.capsule);
	u.binding = c->binding;
	snprintf(u.entry, sizeof(u.entry), "%s", c->entry);
	*ret = u;
	u.capsule.key = SECRET_EMPTY; /* moved */
	return 0;
}

/* An equal share of what is left for each of the @n that are still to try. */
static struct op share(const struct op *op, size_t n)
{
	struct op sub = *op;
	int64_t left;

	op_clear(&sub);
	if (!op->deadline_ms)
		return sub;
	left = op_left_ms(op, INT64_MAX);
	if (left > 0)
		sub.deadline_ms -= left - left / (int64_t)n;
	return sub;
}

int unlock_run(struct op *op, const struct unlock_plan *plan,
	       struct unlocked *ret)
{
	struct verdict verdict = { 0 };
	size_t i, usable = 0;
	int r;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < plan->n; i++)
		if (!plan->candidates[i].err)
			usable++;
	for (i = 0; i < plan->n; i++) {
		struct op sub;

		if (plan->candidates[i].err)
			continue;
		sub = share(op, usable--);
		r = unlock_candidate(&sub, plan, i, ret);
		silence_note(plan->candidates[i].silence,
			     r != -EHOSTUNREACH && r != -ETIMEDOUT);
		if (r == 0)
			return 0;
		weigh(&verdict, r, &sub);
	}
	return pronounce(op, &verdict);
}

int unlock_wrap(struct op *op, struct kms *kms, const struct header *h,
		struct capsule *c, uint32_t flags, const struct binding *like,
		struct binding *ret)
{
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;
	struct binding b = { .token = -1 };
	int r;

	r = capsule_bind(c, h, flags);
	if (r < 0)
		return op_fail(op, r, "the volume's parameters do not fit");
	c->created = (uint64_t)time(NULL);
	r = capsule_encode(c, &plain);
	if (r < 0)
		return op_fail(op, r,
			       "the volume's key, lease or policy does "
			       "not fit");
	r = kms_wrap(op, kms, &plain, &b.wrapped);
	if (r < 0)
		return r;
	b.key_bytes = (uint32_t)c->key.len;
	b.iv_large_sectors = flags & KMSC_DESC_IV_LARGE_SECTORS;
	if (like)
		b.unknown = json_object_get(like->unknown);
	*ret = b;
	return 0;
}

int unlock_wrap_proven(struct op *op, struct kms *kms, const struct header *h,
		       struct capsule *c, uint32_t flags,
		       const struct binding *like, struct binding *ret)
{
	_cleanup_binding_ struct binding b = { .token = -1 };
	_cleanup_capsule_ struct capsule got = { 0 };
	int r = unlock_wrap(op, kms, h, c, flags, like, &b);

	if (r < 0)
		return r;
	r = unlock_unwrap(op, kms, h, &b, &got);
	if (!r && (got.epoch != c->epoch || !secret_equal(&got.key, &c->key)))
		r = -EKEYREJECTED;
	if (r == -EKEYREJECTED) {
		op_next(op, "Run 'kmscrypt kms check'; the binding that there "
			    "was is still there.");
		return op_fail(
			op, r,
			"the KMS cannot unwrap what it has just wrapped");
	}
	if (r < 0)
		return r;
	*ret = b;
	b = (struct binding){ .token = -1 };
	return 0;
}
