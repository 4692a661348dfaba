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
#include "volume/places.h"
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
	if (b->own_kms)
		kms_close(b->kms);
	b->kms = NULL;
	generation_free(&b->own);
}

/* The session with the target, in a worker one of its own. */
static int target_open(struct op *op, struct rebind *b)
{
	int r = 0;

	if (b->kms)
		return 0;
	if (!*b->own.id)
		r = config_find(op, b->target->id, &b->own, NULL);
	if (!r)
		r = kms_open(op, &b->own, &b->kms);
	b->own_kms = !r;
	return r;
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

/* @copy: only that it is the same key, for a copy may well be an old one */
static int unwrap(struct op *op, struct kms *kms, const struct header *h,
		  const struct binding *b, bool copy, struct capsule *ret)
{
	struct registry_volume v = { 0 };
	int r = unlock_unwrap(op, kms, h, b, ret);

	if (r)
		return r;
	r = registry_load(op, h->uuid, &v);
	if (r == -ENOENT) {
		op_clear(op);
		return 0;
	}
	if (copy)
		v.nbindings = 0;
	return r ? r : registry_check(op, &v, b->wrapped.entry, ret);
}

int rebind_unwrap(struct op *op, struct kms *kms, const struct header *h,
		  const struct binding *b, struct capsule *ret)
{
	return unwrap(op, kms, h, b, false, ret);
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
			r = unwrap(op, s->kms, h, &h->bindings[i], b->copy,
				   ret);
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
		*ret_err = unwrap(op, b->kms, h, &h->bindings[i], b->copy, ret);
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
	int r = registry_lock_volume(op, h->uuid, &lock);

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
	int r = registry_lock_volume(op, uuid, &lock);

	if (!r)
		r = registry_load(op, uuid, &v);
	if (r)
		return r;
	for (size_t i = 0; i < b->nsources; i++)
		registry_unpin(&v, b->sources[i].generation.id);
	return registry_save(op, &v);
}

static int read_back(struct op *op, struct kms *kms,
		     const struct luks_place *place, int token, bool copy,
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
		r = unwrap(op, kms, &h, &h.bindings[i], copy, &got);
		if (!r && (got.epoch != want->epoch ||
			   !secret_equal(&got.key, &want->key)))
			break;
		return r;
	}
	return op_fail(op, -EKEYREJECTED,
		       "%s does not hold what was just written to it",
		       place->device);
}

int rebind_read_back(struct op *op, struct kms *kms,
		     const struct luks_place *place, int token,
		     const struct capsule *want)
{
	return read_back(op, kms, place, token, false, want);
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
	/* A copy stays as old as it is: what it copies has its own epoch. */
	c->epoch = registry_next_epoch(r || b->copy ? NULL : &v, c->epoch);
	r = unlock_wrap(op, b->kms, h, c, binding_flags(from), from, &fresh);
	if (!r)
		r = luks_add(op, place, h->uuid, &fresh);
	if (r)
		return r;
	return read_back(op, b->kms, place, fresh.token, b->copy, c);
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
	return b->copy ? 0 : unpin(op, b, h->uuid);
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

/* A source's binding that this program cannot read, or NULL. */
static const struct binding *find_unreadable(const struct rebind *b,
					     const struct header *h)
{
	for (size_t i = 0; i < h->nbindings; i++)
		for (size_t k = 0; h->bindings[i].err && k < b->nsources; k++)
			if (!strcmp(b->sources[k].generation.id,
				    h->bindings[i].wrapped.entry))
				return &h->bindings[i];
	return NULL;
}

/* It is not moved, so its generation is needed on: that has to be said. */
static int check_unreadable(struct op *op, const struct rebind *b,
			    const struct header *h)
{
	const struct binding *bad = find_unreadable(b, h);

	return bad ? op_fail(op, bad->err, "%s", bad->why) : 0;
}

bool rebind_is_copy(struct op *op, const struct header *h,
		    const struct luks_place *place)
{
	struct registry_volume v = { 0 };

	if (registry_load(op, h->uuid, &v))
		op_clear(op);
	return places_is_copy(place, h, &v);
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
		return check_unreadable(op, b, &h);
	}
	b->copy = rebind_is_copy(op, &h, place);
	r = target_open(op, b);
	if (r)
		return r;
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
	if (!b->copy)
		r = pin(op, b, &h, place, &c);
	if (!r)
		r = remove_old(op, b, place, &h);
	if (r)
		return r;
	*ret = REBIND_DONE;
	return check_unreadable(op, b, &h);
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

static bool is_stale(const struct rebind *b, const struct binding *binding,
		     uint32_t newest, bool all)
{
	return is_target(b, binding) && newest &&
	       (all || binding->wrapped.key_version < newest);
}

bool rebind_moves(struct rebind *b, const struct header *h)
{
	size_t olds, news;

	count(b, h, &olds, &news);
	return olds || find_unreadable(b, h);
}

enum rebind_outcome rebind_look(struct rebind *b, const struct header *h,
				uint32_t newest, bool all)
{
	size_t olds, news;

	count(b, h, &olds, &news);
	for (size_t i = 0; i < h->nbindings; i++)
		if (is_stale(b, &h->bindings[i], newest, all))
			return REBIND_DONE;
	return olds ? REBIND_DONE : news ? REBIND_CURRENT : REBIND_NOTHING;
}

uint32_t rebind_oldest(const struct rebind *b, const struct header *h)
{
	uint32_t oldest = 0;

	for (size_t i = 0; i < h->nbindings; i++) {
		uint32_t version = h->bindings[i].wrapped.key_version;

		if (is_target(b, &h->bindings[i]) && version &&
		    (!oldest || version < oldest))
			oldest = version;
	}
	return oldest;
}

/* A binding that is rewrapped, and the step that it belongs to. */
struct stale {
	struct rebind_step *step;
	struct binding *binding;
};

static size_t find_stale(const struct rebind *b, struct rebind_step *steps,
			 size_t n, uint32_t newest, bool all, struct stale *ret)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		struct header *h = steps[i].header;

		if (steps[i].err || steps[i].outcome == REBIND_DONE)
			continue;
		for (size_t k = 0; k < h->nbindings; k++) {
			if (!is_stale(b, &h->bindings[k], newest, all))
				continue;
			ret[found].step = &steps[i];
			ret[found++].binding = &h->bindings[k];
		}
	}
	return found;
}

/* One write that is there or not: no moment without a binding. */
static int write_rewrapped(const struct stale *s, const struct kms_item *item)
{
	struct binding fresh = {
		.token = -1,
		.key_bytes = s->binding->key_bytes,
		.iv_large_sectors = s->binding->iv_large_sectors,
		.wrapped = item->wrapped,
		.unknown = s->binding->unknown, /* borrowed */
	};
	int r = luks_edit_replace(&s->step->op, s->step->edit, s->binding,
				  &fresh);

	free(fresh.json);
	if (!r)
		s->binding->wrapped = item->wrapped;
	return r;
}

static void take_rewrapped(const struct stale *s, const struct kms_item *item)
{
	struct rebind_step *step = s->step;

	if (step->err)
		return;
	step->err = item->err;
	if (item->err) {
		step->op = item->op;
		return;
	}
	step->err = write_rewrapped(s, item);
	if (!step->err)
		step->outcome = REBIND_DONE;
}

static void rewrap_stale(struct op *op, struct rebind *b,
			 const struct stale *stale, struct kms_item *items,
			 size_t n)
{
	int r;

	for (size_t i = 0; i < n; i++)
		items[i].old = &stale[i].binding->wrapped;
	r = target_open(op, b);
	if (!r)
		r = kms_many(op, b->kms, KMS_REWRAP, items, n);
	for (size_t i = 0; i < n; i++) {
		if (r) {
			items[i].err = r;
			items[i].op = *op;
		}
		items[i].err = kms_key_gone(&items[i].op, b->kms, items[i].err);
		take_rewrapped(&stale[i], &items[i]);
	}
}

int rebind_rewrap(struct op *op, struct rebind *b, struct rebind_step *steps,
		  size_t n, uint32_t newest, bool all)
{
	struct stale *stale = calloc(n * KMSC_MAX_BINDINGS, sizeof(*stale));
	struct kms_item *items = NULL;
	size_t found = 0;

	if (stale)
		found = find_stale(b, steps, n, newest, all, stale);
	if (found)
		items = calloc(found, sizeof(*items));
	if (items)
		rewrap_stale(op, b, stale, items, found);
	free(items);
	free(stale);
	return stale && (items || !found) ? 0 : -ENOMEM;
}
