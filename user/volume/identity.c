// SPDX-License-Identifier: GPL-2.0-or-later
/* See identity.h. */
#include "volume/identity.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <string.h>

#include "base/file.h"
#include "base/op.h"
#include "base/uuid.h"
#include "kms/kms.h"
#include "volume/binding.h"
#include "volume/luks-session.h"
#include "volume/luks.h"
#include "volume/pins.h"
#include "volume/places.h"
#include "volume/registry.h"
#include "volume/unlock.h"

/* A binding, and what is in it; in the order of the plan. */
struct part {
	const struct binding *binding;
	struct kms *kms;
	struct capsule capsule; /* empty key: it does not open */
	bool ready; /* sealed for the target */
};

/* While it works. */
struct work {
	struct op *op;
	const struct luks_place *place;
	struct identity *id;
	struct unlock_plan plan;
	struct header target; /* the header as it will be; borrows all */
	size_t n;
	struct part parts[KMSC_MAX_BINDINGS];
	uint64_t epoch; /* of the next one that is sealed */
	bool begun; /* by a run that was killed */
	bool copy;
};

static void work_free(struct work *w)
{
	for (size_t i = 0; i < KMSC_MAX_BINDINGS; i++) {
		capsule_free(&w->parts[i].capsule);
		kms_close(w->parts[i].kms);
	}
	unlock_plan_free(&w->plan);
}

#define _cleanup_work_ __attribute__((cleanup(work_free)))

static bool opens(const struct part *p)
{
	return p->capsule.key.len;
}

/* Is it sealed for the UUID of @h? */
static bool is_for(const struct capsule *c, const struct header *h)
{
	return !memcmp(c->uuid, h->uuid_bytes, KMSC_UUID_BYTES);
}

static void set_uuid(struct header *h, const uint8_t b[KMSC_UUID_BYTES])
{
	memcpy(h->uuid_bytes, b, KMSC_UUID_BYTES);
	uuid_text(b, h->uuid);
}

/* Opened without regard to which of the two UUIDs it is sealed for. */
static int unwrap(struct work *w, const struct unlock_candidate *c,
		  struct part *p, struct capsule *ret)
{
	struct header h = w->plan.header; /* borrows all */
	int r = kms_open(w->op, &c->generation, &p->kms);

	if (!r)
		r = unlock_unwrap(w->op, p->kms, NULL, p->binding, ret);
	if (r)
		return r;
	set_uuid(&h, ret->uuid);
	return capsule_verify(w->op, ret, &h, p->binding->key_bytes,
			      binding_flags(p->binding));
}

static int no_entry(struct work *w, const struct part *p)
{
	return op_fail(w->op, -ENODATA,
		       "this host has no KMS entry for one of the volume's "
		       "bindings (generation %s)",
		       p->binding->wrapped.entry);
}

/* A capsule for the header's own UUID has pins; a copy's new one has none. */
static int check_pins(struct work *w, const struct part *p,
		      const struct capsule *got)
{
	if (!w->plan.known || !is_for(got, &w->plan.header))
		return 0;
	return registry_check(w->op, &w->plan.volume, p->binding->wrapped.entry,
			      got);
}

static int open_part(struct work *w, const struct unlock_candidate *c,
		     struct part *p)
{
	_cleanup_capsule_ struct capsule got = { 0 };
	int r = c->err;

	if (r == -ENODATA)
		return no_entry(w, p);
	if (r)
		return op_fail(w->op, r, "%s", p->binding->why);
	if (c->generation.state != GENERATION_CURRENT)
		return op_fail(w->op, -EBUSY,
			       "the volume is bound to an older generation of "
			       "entry '%s'; 'kmscrypt kms rewrap %s' moves it",
			       c->entry, w->place->device);
	r = unwrap(w, c, p, &got);
	if (!r)
		r = check_pins(w, p, &got);
	if (r)
		return r;
	p->capsule = got;
	got.key = SECRET_EMPTY; /* moved */
	return 0;
}

/* All of them, or with force those that open. */
static int open_parts(struct work *w)
{
	size_t opened = 0;
	int first = 0;

	w->n = w->plan.n;
	for (size_t i = 0; i < w->n; i++) {
		const struct unlock_candidate *c = &w->plan.candidates[i];
		struct part *p = &w->parts[i];
		int r;

		p->binding = &w->plan.header.bindings[c->binding];
		r = open_part(w, c, p);
		if (r && (!w->id->force || r == -EBUSY)) {
			if (!*w->op->next)
				op_next(w->op,
					"Unbind it first, or drop with --force "
					"what does not open.");
			return r;
		}
		opened += !r;
		first = first ? first : r;
	}
	return opened ? 0 : first;
}

static int mixed(struct work *w)
{
	return op_fail(w->op, -EKEYREJECTED,
		       "the bindings of %s are not of one volume",
		       w->place->device);
}

/*
 * Where a killed run was: @ret_other is a part that is sealed for another UUID
 * than the header has, or NULL. All of these have to agree, and on the key.
 */
static int examine(struct work *w, const struct part **ret_other,
		   const struct part **ret_own)
{
	const struct part *first = NULL, *other = NULL, *own = NULL;

	for (size_t i = 0; i < w->n; i++) {
		const struct part *p = &w->parts[i];
		bool mine = is_for(&p->capsule, &w->plan.header);

		if (!opens(p))
			continue;
		first = first ? first : p;
		if (!secret_equal(&p->capsule.key, &first->capsule.key))
			return mixed(w);
		if (!mine && other &&
		    memcmp(p->capsule.uuid, other->capsule.uuid,
			   KMSC_UUID_BYTES))
			return mixed(w);
		if (mine && (!own || p->capsule.epoch > own->capsule.epoch))
			own = p;
		if (!mine &&
		    (!other || p->capsule.epoch > other->capsule.epoch))
			other = p;
		if (p->capsule.epoch >= w->epoch)
			w->epoch = p->capsule.epoch;
	}
	*ret_other = other;
	*ret_own = own;
	return 0;
}

/* Which UUID it is to have: a new one, or the one that was begun with. */
static int choose(struct work *w)
{
	const struct part *other = NULL, *own = NULL;
	uint8_t fresh[KMSC_UUID_BYTES];
	int r = examine(w, &other, &own);

	if (r)
		return r;
	w->epoch = registry_next_epoch(w->plan.known ? &w->plan.volume : NULL,
				       w->epoch);
	w->target = w->plan.header;
	w->begun = other;
	if (!own && !w->id->accept) {
		op_next(w->op, "If somebody gave it this UUID on purpose, "
			       "repeat with --accept-header: its bindings are "
			       "sealed for it.");
		return op_fail(w->op, -EKEYREJECTED,
			       "no binding of %s is sealed for the UUID of its "
			       "header",
			       w->place->device);
	}
	if (!other) {
		r = uuid_random(fresh);
		if (!r)
			set_uuid(&w->target, fresh);
	} else if (own && other->capsule.epoch > own->capsule.epoch) {
		set_uuid(&w->target, other->capsule.uuid);
	}
	for (size_t i = 0; i < w->n; i++)
		w->parts[i].ready = opens(&w->parts[i]) &&
				    is_for(&w->parts[i].capsule, &w->target);
	return r;
}

/* Where the registry has the volume it is the original. */
static int check_copy(struct work *w)
{
	struct registry_volume v = { 0 };
	int r = registry_load(w->op, w->plan.header.uuid, &v);

	if (r == -ENOENT) {
		op_clear(w->op);
		return 0;
	}
	if (r)
		return r;
	w->copy = places_is_copy(w->place, &w->plan.header, &v);
	if (w->copy || w->begun || w->id->force)
		return 0;
	op_next(w->op, "Name the copy instead; or, if this is to be another "
		       "volume from now on, repeat with --force.");
	return op_fail(w->op, -EEXIST,
		       "%s is no copy: it is where the registry has volume %s",
		       w->place->device, v.uuid);
}

/* @p anew, for the target; beside it, or in its place. */
static int seal(struct work *w, struct part *p, bool beside)
{
	_cleanup_binding_ struct binding fresh = { .token = -1 };
	const char *uuid = w->plan.header.uuid;
	int r;

	p->capsule.epoch = w->epoch++;
	r = unlock_wrap_proven(w->op, p->kms, &w->target, &p->capsule,
			       binding_flags(p->binding), p->binding, &fresh);
	if (r)
		return r;
	return beside ? luks_add(w->op, w->place, uuid, &fresh) :
			luks_replace(w->op, w->place, uuid, p->binding, &fresh);
}

/* Before the UUID is written: something has to open on either side of it. */
static int prepare(struct work *w)
{
	struct part *old = NULL;
	bool any = false;

	for (size_t i = 0; i < w->n; i++) {
		struct part *p = &w->parts[i];
		int r;

		any |= p->ready;
		if (!opens(p) || p->ready)
			continue;
		if (!old) {
			old = p;
			continue;
		}
		r = seal(w, p, false);
		if (r)
			return r;
		p->ready = any = true;
	}
	return any || !old ? 0 : seal(w, old, true);
}

static int write_once(struct luks_session *s, void *arg)
{
	int r = crypt_set_uuid(s->cd, arg);

	return r < 0 ? luks_session_fail(s, r) : 0;
}

static int write_uuid(struct work *w)
{
	if (!strcmp(w->plan.header.uuid, w->target.uuid))
		return 0;
	return luks_session_write(w->op, w->place, w->plan.header.uuid,
				  write_once, w->target.uuid);
}

/* The disk, under its new UUID, has to open; then that is pinned. */
static int prove(struct work *w)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	int r = pins_unlock(w->op, w->place, true, &plan, &u);

	if (!r && strcmp(plan.header.uuid, w->target.uuid))
		r = op_fail(w->op, -EKEYREJECTED,
			    "%s does not hold what was written",
			    w->place->device);
	w->id->bindings = plan.header.nbindings;
	return r;
}

/* Is there one of the same generation that is sealed for the target? */
static bool replaced(const struct header *now, const struct work *w,
		     const struct part *p)
{
	for (size_t i = 0; i < now->nbindings; i++) {
		const struct binding *b = &now->bindings[i];
		bool old = false;

		for (size_t k = 0; k < w->n; k++)
			old |= w->parts[k].binding->token == b->token &&
			       !w->parts[k].ready;
		if (!old && !b->err &&
		    !strcmp(b->wrapped.entry, p->binding->wrapped.entry))
			return true;
	}
	return false;
}

/* After it: what is left is of no use under the new UUID. */
static int clear_up(struct work *w)
{
	_cleanup_header_ struct header now = { 0 };
	int r = luks_read(w->op, w->place, &now);

	/* from here on this is what the header says */
	memcpy(w->plan.header.uuid, w->target.uuid, sizeof(w->target.uuid));
	for (size_t i = 0; !r && i < w->n; i++) {
		struct part *p = &w->parts[i];

		if (p->ready)
			continue;
		if (opens(p) && !replaced(&now, w, p)) {
			r = seal(w, p, false);
			continue;
		}
		w->id->dropped += !opens(p);
		r = luks_remove(w->op, w->place, w->target.uuid, p->binding);
	}
	return r;
}

/* The original is here no more. */
static int forget_before(struct work *w)
{
	struct registry_volume v = { 0 };
	_cleanup_close_ int lock = -1;
	int r;

	if (!strcmp(w->id->before, w->target.uuid))
		return 0;
	r = registry_lock(w->op, &lock);
	if (!r)
		r = registry_load(w->op, w->id->before, &v);
	if (r == -ENOENT || (!r && strcmp(v.device, w->place->device))) {
		op_clear(w->op);
		return 0;
	}
	return r ? r : registry_remove(w->op, w->id->before);
}

int identity_renew(struct op *op, const struct luks_place *place,
		   struct identity *id)
{
	_cleanup_work_ struct work w = { .op = op, .place = place, .id = id };
	int r = unlock_prepare(op, place, NULL, NULL,
			       id->accept ? UNLOCK_ACCEPT_HEADER : 0, &w.plan);

	if (r)
		return r;
	memcpy(id->before, w.plan.header.uuid, sizeof(id->before));
	r = open_parts(&w);
	if (!r)
		r = choose(&w);
	if (!r)
		r = check_copy(&w);
	if (r)
		return r;
	memcpy(id->uuid, w.target.uuid, sizeof(id->uuid));
	r = prepare(&w);
	if (!r)
		r = write_uuid(&w);
	if (!r)
		r = prove(&w);
	if (!r)
		r = clear_up(&w);
	if (!r)
		r = prove(&w);
	return r ? r : forget_before(&w);
}
