// SPDX-License-Identifier: GPL-2.0-or-later
/* See bindings.h. */
#include "volume/bindings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/op.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "volume/binding.h"
#include "volume/capsule.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/pins.h"
#include "volume/rebind.h"
#include "volume/registry.h"
#include "volume/unlock.h"

static void start(struct bindings_change *ret, const struct header *h)
{
	memcpy(ret->uuid, h->uuid, sizeof(ret->uuid));
	ret->changed = 0;
	ret->left = h->nbindings;
}

static bool entry_has(const struct entry *e, const char *id)
{
	for (size_t i = 0; i < e->ngenerations; i++)
		if (!strcmp(e->generations[i].id, id))
			return true;
	return false;
}

/* --- bind --- */

/*
 * Is there a binding of the entry already? One of @g has to open, whatever
 * wrote it. Return: 0 with @ret its index or -1; -errno.
 */
static int find_bound(struct op *op, const struct header *h, const char *entry,
		      const struct generation *g, int *ret)
{
	_cleanup_entry_ struct entry e = { 0 };
	int r = config_load(op, entry, &e);

	*ret = -1;
	for (size_t i = 0; !r && i < h->nbindings; i++) {
		const struct binding *b = &h->bindings[i];

		if (b->err || !entry_has(&e, b->wrapped.entry))
			continue;
		if (!strcmp(b->wrapped.entry, g->id)) {
			*ret = (int)i;
			return 0;
		}
		op_next(op, "Move it with 'kmscrypt kms rewrap' or 'kmscrypt "
			    "kms set'.");
		return op_fail(op, -EBUSY,
			       "the volume is bound to entry '%s' already, by "
			       "an older generation",
			       entry);
	}
	return r;
}

static int prove_bound(struct op *op, const struct luks_place *place,
		       const struct header *h, int i, const char *entry,
		       struct kms *kms)
{
	_cleanup_capsule_ struct capsule c = { 0 };
	const struct binding *b = &h->bindings[i];
	int r = rebind_unwrap(op, kms, h, b, &c);

	/* A run that was killed may not have got as far as the pin. */
	return r ? r :
		   pins_record(op, place, h, b->wrapped.entry, entry, &c,
			       false);
}

int bindings_bind(struct op *op, const struct luks_place *place,
		  const char *entry, const struct generation *g,
		  struct kms *kms, struct bindings_change *ret)
{
	_cleanup_binding_ struct binding fresh = { .token = -1 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	const struct header *h = &plan.header;
	uint32_t flags;
	int bound;
	int r = unlock_prepare(op, place, NULL, NULL, 0, &plan);

	if (!r)
		r = find_bound(op, h, entry, g, &bound);
	if (r)
		return r;
	start(ret, h);
	if (bound >= 0)
		return prove_bound(op, place, h, bound, entry, kms);
	r = unlock_run(op, &plan, &u);
	if (r)
		return r;
	flags = binding_flags(&h->bindings[u.binding]);
	u.capsule.epoch = registry_next_epoch(plan.known ? &plan.volume : NULL,
					      u.capsule.epoch);
	r = unlock_wrap(op, kms, h, &u.capsule, flags, NULL, &fresh);
	if (!r)
		r = luks_add(op, place, h->uuid, &fresh);
	if (!r)
		r = rebind_read_back(op, kms, place, fresh.token, &u.capsule);
	if (!r)
		r = pins_record(op, place, h, g->id, entry, &u.capsule, false);
	if (r)
		return r;
	ret->changed = 1;
	ret->left++;
	return 0;
}

/* --- unbind --- */

/* Which generations does @name stand for? */
struct subject {
	const char *name;
	struct entry entry; /* empty: this host has none of that name */
	struct registry_volume volume; /* without bindings: not known */
};

static void subject_free(struct subject *s)
{
	entry_free(&s->entry);
}

static int subject_load(struct op *op, const char *name, const char *uuid,
			struct subject *ret)
{
	int r = config_load(op, name, &ret->entry);

	ret->name = name;
	if (r && r != -ENODATA && r != -EINVAL)
		return r;
	op_clear(op);
	r = registry_load(op, uuid, &ret->volume);
	if (r != -ENOENT)
		return r;
	op_clear(op);
	return 0;
}

static bool subject_has(const struct subject *s, const char *generation)
{
	const struct registry_volume *v = &s->volume;

	if (!strcmp(s->name, generation) || entry_has(&s->entry, generation))
		return true;
	/* An entry that was dropped here, as the registry remembers it. */
	for (size_t i = 0; i < v->nbindings; i++)
		if (!strcmp(v->bindings[i].generation, generation) &&
		    !strcmp(v->bindings[i].entry, s->name))
			return true;
	return false;
}

static bool goes(const struct subject *s, const struct binding *b)
{
	return !b->err && subject_has(s, b->wrapped.entry);
}

/* The pins of bindings that are not there any more. */
static int unpin(struct op *op, const struct subject *s, const char *uuid)
{
	struct registry_volume v = { 0 };
	_cleanup_close_ int lock = -1;
	size_t before;
	int r = registry_lock(op, &lock);

	if (!r)
		r = registry_load(op, uuid, &v);
	if (r == -ENOENT) {
		op_clear(op);
		return 0;
	}
	if (r)
		return r;
	before = v.nbindings;
	for (size_t i = v.nbindings; i-- > 0;)
		if (subject_has(s, v.bindings[i].generation))
			registry_unpin(&v, v.bindings[i].generation);
	return v.nbindings == before ? 0 : registry_save(op, &v);
}

/* The last binding may go only when a passphrase is left, and on demand. */
static int check_last(struct op *op, const struct header *h, bool force)
{
	if (force && h->keyslots)
		return 0;
	op_next(op,
		h->keyslots ?
			"A keyslot is left, for a passphrase: --force "
			"removes the binding nevertheless." :
			"Bind it to another entry first, with 'kmscrypt bind'.");
	return op_fail(op, -EBUSY, "it is the last binding of volume %s",
		       h->uuid);
}

/* Something has to open without what goes. */
static int prove_rest(struct op *op, const struct luks_place *place,
		      const struct subject *s)
{
	_cleanup_unlocked_ struct unlocked u = { 0 };
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	size_t usable = 0;
	int r = unlock_prepare(op, place, NULL, NULL, 0, &plan);

	if (r)
		return r;
	for (size_t i = 0; i < plan.n; i++) {
		struct unlock_candidate *c = &plan.candidates[i];

		if (!c->err && goes(s, &plan.header.bindings[c->binding]))
			c->err = -ENODATA;
		usable += !c->err;
	}
	if (usable)
		return unlock_run(op, &plan, &u);
	op_next(op, "Add that entry with 'kmscrypt kms set', or unbind it "
		    "where it is known.");
	return op_fail(op, -ENODATA,
		       "this host has no KMS entry for the bindings of volume "
		       "%s that would stay",
		       plan.header.uuid);
}

static int remove_all(struct op *op, const struct luks_place *place,
		      const struct header *h, const struct subject *s,
		      struct bindings_change *ret)
{
	for (size_t i = 0; i < h->nbindings; i++) {
		int r;

		if (!goes(s, &h->bindings[i]))
			continue;
		r = luks_remove(op, place, h->uuid, &h->bindings[i]);
		if (r)
			return r;
		ret->changed++;
		ret->left--;
	}
	return unpin(op, s, h->uuid);
}

int bindings_unbind(struct op *op, const struct luks_place *place,
		    const char *entry, bool force, struct bindings_change *ret)
{
	__attribute__((cleanup(subject_free))) struct subject s = { 0 };
	_cleanup_header_ struct header h = { 0 };
	size_t going = 0;
	int r = luks_read(op, place, &h);

	if (!r)
		r = subject_load(op, entry, h.uuid, &s);
	if (r)
		return r;
	start(ret, &h);
	for (size_t i = 0; i < h.nbindings; i++)
		going += goes(&s, &h.bindings[i]);
	if (!going) {
		/* What a run that was killed may have left. */
		r = unpin(op, &s, h.uuid);
		return r ? r :
			   op_fail(op, -ENODATA,
				   "volume %s has no binding of entry '%s'",
				   h.uuid, entry);
	}
	r = going == h.nbindings ? check_last(op, &h, force) :
				   prove_rest(op, place, &s);
	return r ? r : remove_all(op, place, &h, &s, ret);
}

/* --- lease --- */

static struct bindings_lease lease_of(const struct capsule *c)
{
	return (struct bindings_lease){
		.policy = c->policy,
		.lease_s = c->lease_s,
		.queue_cap_s = c->queue_cap_s,
	};
}

static bool same_lease(const struct bindings_lease *a,
		       const struct bindings_lease *b)
{
	return a->policy == b->policy && a->lease_s == b->lease_s &&
	       a->queue_cap_s == b->queue_cap_s;
}

int bindings_lease(struct op *op, const struct luks_place *place,
		   struct bindings_lease *ret, struct bindings_change *change)
{
	_cleanup_unlocked_ struct unlocked u = { 0 };
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	int r = unlock_prepare(op, place, NULL, NULL, 0, &plan);

	if (!r)
		r = unlock_run(op, &plan, &u);
	if (r)
		return r;
	start(change, &plan.header);
	*ret = lease_of(&u.capsule);
	return 0;
}

/* All capsules; one binding that does not open leaves everything as it is. */
static int open_all(struct op *op, const struct unlock_plan *plan,
		    struct unlocked *all)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct unlock_candidate *c = &plan->candidates[i];
		const struct binding *b = &plan->header.bindings[c->binding];
		int r = c->err;

		if (r == -ENODATA)
			return op_fail(op, r,
				       "this host has no KMS entry for one of "
				       "the volume's bindings (generation %s)",
				       b->wrapped.entry);
		if (r)
			return op_fail(op, r, "%s",
				       b->err ? b->why :
						"one of the volume's bindings "
						"cannot be tried");
		if (c->generation.state != GENERATION_CURRENT)
			return op_fail(op, -EBUSY,
				       "the volume is bound to an older "
				       "generation of entry '%s'; 'kmscrypt "
				       "kms rewrap' moves it",
				       c->entry);
		r = unlock_candidate(op, plan, i, &all[i]);
		if (r)
			return r;
	}
	return 0;
}

static int rewrite(struct op *op, const struct luks_place *place,
		   const struct unlock_plan *plan, size_t i, struct capsule *c)
{
	const struct unlock_candidate *from = &plan->candidates[i];
	const struct binding *old = &plan->header.bindings[from->binding];
	_cleanup_binding_ struct binding fresh = { .token = -1 };
	_cleanup_kms_ struct kms *kms = NULL;
	int r = kms_open(op, &from->generation, &kms);

	if (!r)
		r = unlock_wrap_proven(op, kms, &plan->header, c,
				       binding_flags(old), old, &fresh);
	/* One write that is there or not: no moment without a binding. */
	if (!r)
		r = luks_replace(op, place, plan->header.uuid, old, &fresh);
	if (!r)
		r = rebind_read_back(op, kms, place, fresh.token, c);
	return r ? r :
		   pins_record(op, place, &plan->header, from->generation.id,
			       from->entry, c, false);
}

static int rewrite_all(struct op *op, const struct luks_place *place,
		       const struct unlock_plan *plan, struct unlocked *all,
		       const struct bindings_lease *want,
		       struct bindings_change *ret)
{
	uint64_t epoch = 0;

	for (size_t i = 0; i < plan->n; i++)
		if (all[i].capsule.epoch > epoch)
			epoch = all[i].capsule.epoch;
	epoch = registry_next_epoch(plan->known ? &plan->volume : NULL, epoch);
	for (size_t i = 0; i < plan->n; i++) {
		struct capsule *c = &all[i].capsule;
		const struct bindings_lease has = lease_of(c);
		int r;

		if (same_lease(&has, want))
			continue;
		c->policy = want->policy;
		c->lease_s = want->lease_s;
		c->queue_cap_s = want->queue_cap_s;
		c->epoch = epoch++;
		r = rewrite(op, place, plan, i, c);
		if (r)
			return r;
		ret->changed++;
	}
	return 0;
}

int bindings_relet(struct op *op, const struct luks_place *place,
		   const struct bindings_lease *want,
		   struct bindings_change *ret)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	struct unlocked all[KMSC_MAX_BINDINGS] = { 0 };
	int r = unlock_prepare(op, place, NULL, NULL, 0, &plan);

	if (!r) {
		start(ret, &plan.header);
		r = open_all(op, &plan, all);
	}
	if (!r)
		r = rewrite_all(op, place, &plan, all, want, ret);
	for (size_t i = 0; i < KMSC_MAX_BINDINGS; i++)
		unlocked_free(&all[i]);
	return r;
}
