// SPDX-License-Identifier: GPL-2.0-or-later
/* See rebind.h. */
#include "volume/rebind.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "kms/kms.h"
#include "volume/binding.h"
#include "volume/capsule.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/registry.h"
#include "volume/unlock.h"

void rebind_free(struct rebind *b)
{
	for (size_t i = 0; i < b->nsources; i++) {
		kms_close(b->sources[i].kms);
		generation_free(&b->sources[i].generation);
	}
	free(b->sources);
	b->sources = NULL;
	b->nsources = 0;
}

int rebind_sources(struct op *op, const struct entry *e, struct rebind *b)
{
	if (!e->ngenerations)
		return 0;
	b->sources = calloc(e->ngenerations, sizeof(*b->sources));
	if (!b->sources)
		return -ENOMEM;
	for (size_t i = 0; i < e->ngenerations; i++) {
		struct rebind_source *s = &b->sources[b->nsources];
		const char *id = e->generations[i].id;

		if (!strcmp(id, b->target->id))
			continue;
		b->nsources++;
		s->err = config_find(op, id, &s->generation, NULL);
		if (!s->err)
			continue;
		/* Still a source: its bindings have to be found and named. */
		memcpy(s->generation.id, id, sizeof(s->generation.id));
		memcpy(s->why, op->detail, sizeof(s->why));
		op_clear(op);
	}
	return 0;
}

static int source_open(struct op *op, struct rebind_source *s)
{
	if (s->err)
		return op_fail(op, s->err, "%s", s->why);
	return s->kms ? 0 : kms_open(op, &s->generation, &s->kms);
}

static struct rebind_source *source_of(struct rebind *b,
				       const struct binding *binding)
{
	for (size_t i = 0; !binding->err && i < b->nsources; i++)
		if (!strcmp(b->sources[i].generation.id,
			    binding->wrapped.entry))
			return &b->sources[i];
	return NULL;
}

static bool is_target(const struct rebind *b, const struct binding *binding)
{
	return !binding->err && !strcmp(binding->wrapped.entry, b->target->id);
}

int rebind_unwrap(struct op *op, struct kms *kms, const struct header *h,
		  const struct binding *b, struct capsule *ret)
{
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;
	struct registry_volume v = { 0 };
	int r = kms_unwrap(op, kms, &b->wrapped, &plain);

	if (!r)
		r = capsule_decode(op, &plain, ret);
	if (!r)
		r = capsule_verify(op, ret, h, b->key_bytes, binding_flags(b));
	if (r)
		return r;
	r = registry_load(op, h->uuid, &v);
	if (r == -ENOENT) {
		op_clear(op);
		return 0;
	}
	return r ? r : registry_check(op, &v, b->wrapped.entry, ret);
}

/* The capsule through the first of the sources that gives it. */
static int unwrap_any(struct op *op, struct rebind *b, const struct header *h,
		      const struct binding **ret_from, struct capsule *ret)
{
	int r = -ENODATA;

	for (size_t i = 0; i < h->nbindings; i++) {
		struct rebind_source *s = source_of(b, &h->bindings[i]);

		if (!s)
			continue;
		r = source_open(op, s);
		if (!r)
			r = rebind_unwrap(op, s->kms, h, &h->bindings[i], ret);
		if (!r) {
			*ret_from = &h->bindings[i];
			op_clear(op);
			return 0;
		}
		capsule_free(ret);
		/* A session that broke may work anew for the next volume. */
		kms_close(s->kms);
		s->kms = NULL;
	}
	return r;
}

/* Do others than the entry's have a binding, which may open? */
static bool has_others(struct rebind *b, const struct header *h)
{
	for (size_t i = 0; i < h->nbindings; i++)
		if (!h->bindings[i].err && !source_of(b, &h->bindings[i]) &&
		    !is_target(b, &h->bindings[i]))
			return true;
	return false;
}

/*
 * The capsule, from the entry's own KMS or, when that does not give it, from
 * another one that the volume is bound to.
 */
static int unwrap_somehow(struct op *op, struct rebind *b,
			  const struct luks_place *place,
			  const struct header *h,
			  const struct binding **ret_from, struct capsule *ret)
{
	_cleanup_unlocked_ struct unlocked u = { 0 };
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	struct op own = *op, other;
	int r;

	if (!has_others(b, h))
		return unwrap_any(op, b, h, ret_from, ret);
	if (op->deadline_ms && op_left_ms(op, INT64_MAX) > 0)
		own.deadline_ms -= op_left_ms(op, INT64_MAX) / 2;
	r = unwrap_any(&own, b, h, ret_from, ret);
	if (!r)
		return 0;
	other = *op;
	if (unlock_prepare(&other, place, h->uuid, NULL, 0, &plan) ||
	    unlock_run(&other, &plan, &u)) {
		/* What the entry's own KMS said is what has to be put right. */
		own.deadline_ms = op->deadline_ms;
		*op = own;
		return r;
	}
	for (size_t i = 0; i < h->nbindings; i++)
		if (source_of(b, &h->bindings[i]))
			*ret_from = &h->bindings[i];
	*ret = u.capsule;
	u.capsule.key = SECRET_EMPTY; /* moved */
	return 0;
}

/* The target's binding of @h that proves to work, else NULL. */
static const struct binding *find_proven(struct op *op, struct rebind *b,
					 const struct header *h,
					 struct capsule *ret, int *ret_err)
{
	*ret_err = 0;
	for (size_t i = 0; i < h->nbindings; i++) {
		if (!is_target(b, &h->bindings[i]))
			continue;
		*ret_err = rebind_unwrap(op, b->kms, h, &h->bindings[i], ret);
		if (!*ret_err)
			return &h->bindings[i];
		capsule_free(ret);
	}
	return NULL;
}

int rebind_record(struct op *op, const struct header *h,
		  const struct luks_place *place, struct registry_volume *v)
{
	int r = registry_load(op, h->uuid, v);

	if (r != -ENOENT)
		return r;
	op_clear(op);
	memset(v, 0, sizeof(*v));
	memcpy(v->uuid, h->uuid, sizeof(v->uuid));
	memcpy(v->label, h->label, sizeof(v->label));
	snprintf(v->device, sizeof(v->device), "%s", place->device);
	snprintf(v->header, sizeof(v->header), "%s",
		 place->header ? place->header : "");
	return 0;
}

/* Record in the registry that the target's capsule @c is what is there. */
static int pin(struct op *op, const struct rebind *b, const struct header *h,
	       const struct luks_place *place, const struct capsule *c)
{
	struct registry_volume v = { 0 };
	_cleanup_close_ int lock = -1;
	int r = registry_lock(op, &lock);

	if (!r)
		r = rebind_record(op, h, place, &v);
	if (!r)
		r = registry_pin(&v, b->target->id, b->entry, c, false);
	if (r)
		return r;
	v.updated = (uint64_t)time(NULL);
	return registry_save(op, &v);
}

static int unpin(struct op *op, const struct rebind *b, const char *uuid)
{
	struct registry_volume v = { 0 };
	_cleanup_close_ int lock = -1;
	int r = registry_lock(op, &lock);

	if (!r)
		r = registry_load(op, uuid, &v);
	if (r)
		return r;
	for (size_t i = 0; i < b->nsources; i++)
		registry_unpin(&v, b->sources[i].generation.id);
	return registry_save(op, &v);
}

int rebind_read_back(struct op *op, struct kms *kms,
		     const struct luks_place *place, int token,
		     const struct capsule *want)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_capsule_ struct capsule got = { 0 };
	int r = luks_read(op, place, &h);

	if (r)
		return r;
	for (size_t i = 0; i < h.nbindings; i++) {
		if (h.bindings[i].token != token || h.bindings[i].err)
			continue;
		r = rebind_unwrap(op, kms, &h, &h.bindings[i], &got);
		if (!r && (got.epoch != want->epoch ||
			   !secret_equal(&got.key, &want->key)))
			break;
		return r;
	}
	return op_fail(op, -EKEYREJECTED,
		       "%s does not hold what was just written to it",
		       place->device);
}

/* Add the target's binding for @c beside the old ones. */
static int add_binding(struct op *op, struct rebind *b,
		       const struct luks_place *place, const struct header *h,
		       const struct binding *from, struct capsule *c)
{
	_cleanup_binding_ struct binding fresh = { .token = -1 };
	struct registry_volume v = { 0 };
	int r = registry_load(op, h->uuid, &v);

	if (r && r != -ENOENT)
		return r;
	op_clear(op);
	c->epoch = registry_next_epoch(r ? NULL : &v, c->epoch);
	r = unlock_wrap(op, b->kms, h, c, binding_flags(from), from, &fresh);
	if (!r)
		r = luks_add(op, place, h->uuid, &fresh);
	if (r)
		return r;
	return rebind_read_back(op, b->kms, place, fresh.token, c);
}

/* All bindings of the sources; the target's is known to work. */
static int remove_old(struct op *op, struct rebind *b,
		      const struct luks_place *place, const struct header *h)
{
	for (size_t i = 0; i < h->nbindings; i++) {
		int r;

		if (!source_of(b, &h->bindings[i]))
			continue;
		r = luks_remove(op, place, h->uuid, &h->bindings[i]);
		if (r)
			return r;
	}
	return unpin(op, b, h->uuid);
}

static void count(struct rebind *b, const struct header *h, size_t *ret_old,
		  size_t *ret_new)
{
	*ret_old = 0;
	*ret_new = 0;
	for (size_t i = 0; i < h->nbindings; i++) {
		*ret_old += source_of(b, &h->bindings[i]) != NULL;
		*ret_new += is_target(b, &h->bindings[i]);
	}
}

int rebind_volume(struct op *op, struct rebind *b,
		  const struct luks_place *place, enum rebind_outcome *ret)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_capsule_ struct capsule c = { 0 };
	const struct binding *from = NULL;
	size_t olds, news;
	int r = luks_read(op, place, &h), damaged = 0;

	if (r)
		return r;
	count(b, &h, &olds, &news);
	if (!olds) {
		*ret = news ? REBIND_CURRENT : REBIND_NOTHING;
		return 0;
	}
	/* Interrupted before: the new one is there, so only finish. */
	if (!find_proven(op, b, &h, &c, &damaged)) {
		/*
		 * A target's binding that is there and does not work was not
		 * left by an interrupted run. Decide nothing about it.
		 */
		if (damaged)
			return damaged;
		r = unwrap_somehow(op, b, place, &h, &from, &c);
		if (!r)
			r = add_binding(op, b, place, &h, from, &c);
		if (r)
			return r;
	}
	r = pin(op, b, &h, place, &c);
	if (!r)
		r = remove_old(op, b, place, &h);
	if (!r)
		*ret = REBIND_DONE;
	return r;
}

int rebind_prove(struct op *op, struct rebind *b,
		 const struct luks_place *place)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_capsule_ struct capsule c = { 0 };
	const struct binding *from;
	int r = luks_read(op, place, &h);

	return r ? r : unwrap_somehow(op, b, place, &h, &from, &c);
}

static int rewrap_one(struct op *op, struct rebind *b,
		      const struct luks_place *place, const char *uuid,
		      const struct binding *old)
{
	_cleanup_binding_ struct binding fresh = {
		.token = -1,
		.key_bytes = old->key_bytes,
		.iv_large_sectors = old->iv_large_sectors,
	};
	int r = kms_rewrap(op, b->kms, &old->wrapped, &fresh.wrapped);

	if (r)
		return r;
	fresh.unknown = json_object_get(old->unknown);
	/* One write that is there or not: no moment without a binding. */
	return luks_replace(op, place, uuid, old, &fresh);
}

static bool is_stale(const struct binding *b, uint32_t newest, bool all)
{
	return newest && (all || b->wrapped.key_version < newest);
}

int rebind_look(struct op *op, struct rebind *b, const struct luks_place *place,
		uint32_t newest, bool all, enum rebind_outcome *ret)
{
	_cleanup_header_ struct header h = { 0 };
	size_t olds, news;
	int r = luks_read(op, place, &h);

	if (r)
		return r;
	count(b, &h, &olds, &news);
	*ret = olds ? REBIND_DONE : news ? REBIND_CURRENT : REBIND_NOTHING;
	for (size_t i = 0; i < h.nbindings; i++)
		if (is_target(b, &h.bindings[i]) &&
		    is_stale(&h.bindings[i], newest, all))
			*ret = REBIND_DONE;
	return 0;
}

int rebind_rewrap(struct op *op, struct rebind *b,
		  const struct luks_place *place, uint32_t newest, bool all,
		  enum rebind_outcome *ret)
{
	_cleanup_header_ struct header h = { 0 };
	enum rebind_outcome outcome = REBIND_NOTHING;
	int r = luks_read(op, place, &h);

	for (size_t i = 0; !r && i < h.nbindings; i++) {
		const struct binding *old = &h.bindings[i];

		if (!is_target(b, old))
			continue;
		if (!is_stale(old, newest, all)) {
			if (outcome == REBIND_NOTHING)
				outcome = REBIND_CURRENT;
			continue;
		}
		r = rewrap_one(op, b, place, h.uuid, old);
		outcome = REBIND_DONE;
	}
	if (!r)
		*ret = outcome;
	return r;
}
