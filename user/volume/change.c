// SPDX-License-Identifier: GPL-2.0-or-later
/* See change.h. */
#include "volume/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "volume/adopt.h"
#include "volume/capsule.h"
#include "volume/fleet.h"
#include "volume/header.h"
#include "volume/luks.h"

#define LOCAL_KEY_BYTES 32

/* What all of them hold while they work. */
struct work {
	int lock;
	bool fresh; /* there was no such entry */
	struct entry entry;
	struct scan scan;
	struct kms *kms;
};

static void work_free(struct work *w)
{
	kms_close(w->kms);
	scan_free(&w->scan);
	entry_free(&w->entry);
	file_close_fd(&w->lock);
}

#define _cleanup_work_ __attribute__((cleanup(work_free)))

/* Does the registry have a volume that is bound to generation @id, or may be? */
static bool is_needed(const char *id)
{
	char **uuids = NULL;
	size_t n = 0;
	struct op op;
	bool needed;

	op_init(&op, 0);
	needed = registry_list(&op, &uuids, &n) != 0;
	for (size_t i = 0; i < n; i++) {
		struct scan_item item = { 0 };

		needed = needed || scan_record(&op, uuids[i], &item) ||
			 scan_refers(&item, id);
		scan_item_free(&item);
		free(uuids[i]);
	}
	free(uuids);
	return needed;
}

/* Lock and entry. */
static int begin(struct op *op, struct change *c, struct work *w,
		 bool may_be_new)
{
	int r = config_lock(op, &w->lock);

	if (r)
		return r;
	/* What an earlier run was killed over. It stands in nobody's way. */
	if (!c->dry_run && config_sweep(op, is_needed))
		op_clear(op);
	r = config_load(op, c->name, &w->entry);
	if (r == -ENODATA && may_be_new) {
		op_clear(op);
		w->fresh = true;
		snprintf(w->entry.name, sizeof(w->entry.name), "%s", c->name);
		r = 0;
	}
	return r;
}

/* Also the volumes, where what they carry decides what is done. */
static int begin_scan(struct op *op, struct change *c, struct work *w,
		      bool may_be_new)
{
	int r = begin(op, c, w, may_be_new);

	return r ? r : scan_known(op, c->paths, c->npaths, &w->scan);
}

static struct generation *current_of(struct entry *e)
{
	for (size_t i = 0; i < e->ngenerations; i++)
		if (e->generations[i].state == GENERATION_CURRENT)
			return &e->generations[i];
	return NULL;
}

/*
 * The credentials of @g, and where it finds its KMS, for each generation of
 * @taken: a new set, which counts once the entry is saved.
 */
static int take_over(struct op *op, struct entry *e, uint64_t taken,
		     const struct generation *g)
{
	int r = 0;

	for (size_t i = 0; !r && i < e->ngenerations; i++) {
		struct generation *old = &e->generations[i];
		struct generation p = *g; /* borrows the secrets */

		if (!(taken & UINT64_C(1) << i))
			continue;
		memcpy(p.id, old->id, sizeof(p.id));
		p.created = old->created;
		p.state = old->state;
		p.set = old->set + 1;
		r = config_save_credentials(op, &p);
		*old = generation_public(&p);
	}
	return r;
}

/* Until then the old sets hold, from then on the new ones of @taken do. */
static int save_entry(struct op *op, const struct entry *e, uint64_t taken)
{
	int r = config_save(op, e);

	for (size_t i = 0; !r && i < e->ngenerations; i++) {
		struct generation old = e->generations[i];

		old.set--;
		if (taken & UINT64_C(1) << i)
			r = config_drop_credentials(op, &old);
	}
	return r;
}

/*
 * Those of the same key at the same server go along, so that none is left with
 * a credential that ends: what a host that only opens has adopted.
 */
static int save_updated(struct op *op, struct entry *e,
			const struct generation *g, uint64_t same)
{
	const struct generation *was = current_of(e);
	int r;

	for (size_t i = 0; i < e->ngenerations; i++)
		if (generation_same_server(&e->generations[i], was) ||
		    generation_same_server(&e->generations[i], g))
			same |= UINT64_C(1) << i;
	r = take_over(op, e, same, g);
	return r ? r : save_entry(op, e, same);
}

static int save_new(struct op *op, struct entry *e, const struct generation *g,
		    uint64_t same)
{
	struct generation *all;
	int r;

	if (e->ngenerations == CONFIG_GENERATIONS_MAX)
		return op_fail(op, -EBUSY,
			       "entry '%s' has %d generations that volumes "
			       "still refer to",
			       e->name, CONFIG_GENERATIONS_MAX);
	r = take_over(op, e, same, g);
	all = reallocarray(e->generations, e->ngenerations + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	memmove(&all[1], &all[0], e->ngenerations * sizeof(*all));
	e->generations = all;
	e->ngenerations++;
	all[0] = generation_public(g);
	all[0].state = GENERATION_CURRENT;
	for (size_t i = 1; i < e->ngenerations; i++)
		all[i].state = GENERATION_RETIRING;
	/* Credentials first: an entry never names what is not there. */
	r = r ?: config_save_credentials(op, g);
	return r ? r : save_entry(op, e, same << 1);
}

/* Generations that nothing refers to any more go, with their credentials. */
static int drop_unused(struct op *op, struct change *c, struct entry *e,
		       uint64_t refs)
{
	int r = 0;

	c->retiring = 0;
	for (size_t g = e->ngenerations; !r && g-- > 0;) {
		struct generation old = e->generations[g];
		bool current = old.state == GENERATION_CURRENT;

		if (current || refs & UINT64_C(1) << g) {
			c->retiring += !current;
			continue;
		}
		e->ngenerations--;
		memmove(&e->generations[g], &e->generations[g + 1],
			(e->ngenerations - g) * sizeof(e->generations[0]));
		/* The entry first: it must not name what is gone. */
		r = config_save(op, e);
		if (!r)
			r = config_drop_credentials(op, &old);
	}
	return r;
}

/* The volumes follow the entry, which is saved. */
static int follow(struct op *op, struct change *c, struct work *w,
		  const struct generation *g)
{
	uint64_t refs = ~UINT64_C(0);
	int r = fleet_follow(op, c, &w->entry, g, w->kms, &refs);

	if (r || c->dry_run)
		return r;
	op_init(op, c->timeout_ms);
	return drop_unused(op, c, &w->entry, refs);
}

/* How the KMS wraps, as it has just shown, is what the generation keeps. */
static int pin_mode(struct op *op, struct kms *kms, struct generation *g)
{
	_cleanup_secret_ struct secret probe = SECRET_EMPTY;
	struct wrapped w = { .mode = WRAP_MODE_NONE };
	int r;

	if (g->mode != WRAP_MODE_NONE || g->provider != KMS_KMIP)
		return 0;
	r = secret_random(&probe, KMSC_CAPSULE_SIZE);
	if (!r)
		r = kms_wrap(op, kms, &probe, &w);
	if (!r)
		g->mode = w.mode;
	return r;
}

static int prove(struct op *op, struct change *c, struct work *w,
		 struct generation *g)
{
	int r = kms_open(op, g, &w->kms);

	if (!r)
		r = kms_check(op, w->kms, &c->health);
	return r ? r : pin_mode(op, w->kms, g);
}

/* Do the bindings at @item that @id made open through the new session? */
static int opens(struct change *c, struct work *w, const struct scan_item *item,
		 const char *id, size_t *ret_tried)
{
	struct luks_place place = scan_place(item);
	_cleanup_header_ struct header h = { 0 };
	struct op op;
	int r;

	op_init(&op, c->timeout_ms);
	r = luks_read(&op, &place, &h);
	for (size_t i = 0; !r && i < h.nbindings; i++) {
		_cleanup_capsule_ struct capsule capsule = { 0 };

		if (h.bindings[i].err ||
		    strcmp(h.bindings[i].wrapped.entry, id))
			continue;
		++*ret_tried;
		r = rebind_unwrap(&op, w->kms, &h, &h.bindings[i], &capsule);
	}
	return r;
}

/*
 * Is the KMS that was proven the same one under another address (a replica, a
 * new name, a restored server)? What the volumes carry decides it.
 */
static bool is_replica(struct change *c, struct work *w,
		       const struct generation *cur)
{
	size_t tried = 0, unreached = 0;

	for (size_t i = 0; i < w->scan.n; i++) {
		const struct scan_item *item = &w->scan.items[i];

		if (!scan_refers(item, cur->id))
			continue;
		if (item->err)
			unreached++;
		else if (opens(c, w, item, cur->id, &tried))
			return false;
	}
	/* Volumes, and none to try it with: do not guess. */
	return tried || !unreached;
}

/*
 * Retiring ones whose KMS @g is as well, by the server or by what they made:
 * what was away when the entry was changed needs it still, and the credential
 * that they had may have ended.
 */
static uint64_t same_kms(struct change *c, struct work *w,
			 const struct generation *g)
{
	uint64_t same = 0;

	for (size_t i = 0; i < w->entry.ngenerations; i++) {
		const struct generation *old = &w->entry.generations[i];

		if (old->state == GENERATION_RETIRING && old->naddresses &&
		    generation_same_key(old, g) &&
		    (generation_same_server(old, g) || is_replica(c, w, old)))
			same |= UINT64_C(1) << i;
	}
	return same;
}

static void take_id(struct generation *g, const struct generation *cur)
{
	memcpy(g->id, cur->id, sizeof(g->id));
	g->set = cur->set + 1;
	g->created = cur->created;
	g->state = GENERATION_CURRENT;
}

static int fresh_id(struct generation *g)
{
	g->created = (uint64_t)time(NULL);
	g->state = GENERATION_CURRENT;
	return generation_new_id(g->id);
}

/* With @g proven: update the current generation, or start a new one. */
static int install(struct op *op, struct change *c, struct work *w,
		   struct generation *g, bool update, uint64_t same)
{
	int r = 0;

	if (update)
		c->kind = CHANGE_UPDATED;
	else
		c->kind = w->fresh ? CHANGE_NEW_ENTRY : CHANGE_GENERATION;
	if (c->dry_run)
		return 0;
	r = update ? save_updated(op, &w->entry, g, same) :
		     save_new(op, &w->entry, g, same);
	if (!r)
		kms_keep(w->kms);
	return r;
}

/* A local entry stays as it is, key and all; there is one key file a host. */
static int keep_local(struct op *op, struct change *c, struct work *w,
		      struct generation *g)
{
	int r;

	generation_free(g);
	r = config_current(op, c->name, g);
	if (!r)
		r = prove(op, c, w, g);
	c->kind = CHANGE_UPDATED;
	return r ? r : follow(op, c, w, g);
}

static int set_other(struct op *op, struct change *c, struct work *w,
		     struct generation *g)
{
	const struct generation *cur = current_of(&w->entry);
	bool update = false;
	uint64_t same;
	int r = 0;

	if (g->provider == KMS_LOCAL)
		r = secret_random(&g->local_key, LOCAL_KEY_BYTES);
	if (!r)
		r = fresh_id(g);
	if (!r)
		r = prove(op, c, w, g);
	if (r)
		return r;
	if (cur && generation_same_key(cur, g))
		update = generation_same_server(cur, g) ||
			 is_replica(c, w, cur);
	same = same_kms(c, w, g);
	if (update)
		take_id(g, cur);
	r = install(op, c, w, g, update, same);
	return r ? r : follow(op, c, w, g);
}

/*
 * A host that only opens. It cannot move volumes to another key, so there must
 * be none that has another, and those that are there must open.
 */
static int set_open_only(struct op *op, struct change *c, struct work *w,
			 struct generation *g)
{
	const struct generation *cur = current_of(&w->entry);
	struct adopted ids = { .n = 0 };
	bool update = cur;
	int r = fresh_id(g);

	if (!r && cur && !generation_same_key(cur, g)) {
		op_next(op, "Give the other key a --name of its own.");
		return op_fail(op, -EBUSY,
			       "entry '%s' has another key, and a host that "
			       "only opens moves no volumes",
			       c->name);
	}
	r = r ?: prove(op, c, w, g);
	if (!r && cur && !generation_same_server(cur, g) &&
	    !is_replica(c, w, cur))
		return op_fail(op, -EKEYREJECTED,
			       "the server does not open what the volumes of "
			       "entry '%s' carry",
			       c->name);
	r = r ?: adopt_find(op, &w->scan, w->kms, c->timeout_ms, &ids);
	if (r)
		return r;
	c->adopted = ids.n;
	if (update)
		take_id(g, cur);
	else if (ids.n)
		memcpy(g->id, ids.id[--ids.n], sizeof(g->id));
	r = install(op, c, w, g, update, 0);
	return r ? r : adopt_save(op, &w->entry, g, &ids);
}

/* Nobody gives up the KMS's veto without having said so. */
static int refuse_local(struct op *op, const struct change *c)
{
	op_next(op, "To give the KMS up: 'kmscrypt kms unset "
		    "--allow-downgrade'. For a key file beside it, name "
		    "another entry with --name.");
	return op_fail(op, -EBUSY, "entry '%s' has its key in a KMS", c->name);
}

int change_set(struct op *op, struct change *c, struct generation *g)
{
	_cleanup_work_ struct work w = { .lock = -1 };
	const struct generation *cur;
	int r = begin_scan(op, c, &w, true);

	if (r)
		return r;
	cur = current_of(&w.entry);
	if (cur && cur->provider == KMS_LOCAL && g->provider == KMS_LOCAL)
		return keep_local(op, c, &w, g);
	if (cur && g->provider == KMS_LOCAL)
		return refuse_local(op, c);
	return g->open_only ? set_open_only(op, c, &w, g) :
			      set_other(op, c, &w, g);
}

/* The same entry with another master key. */
static int rewrap_new_key(struct op *op, struct change *c, struct work *w,
			  struct generation *g, const char *new_key_uid)
{
	/* Repeated: the new one is current already, so only go on. */
	bool update = new_key_uid && !strcmp(g->key_id, new_key_uid);
	int r = 0;

	if (new_key_uid)
		snprintf(g->key_id, sizeof(g->key_id), "%s", new_key_uid);
	else
		secret_free(&g->local_key);
	if (!new_key_uid)
		r = secret_random(&g->local_key, LOCAL_KEY_BYTES);
	if (!r && !update)
		r = fresh_id(g);
	if (!r)
		r = prove(op, c, w, g);
	if (update)
		r = kms_key_gone(op, w->kms, r);
	if (!r)
		r = install(op, c, w, g, update, 0);
	return r ? r : follow(op, c, w, g);
}

static int check_uid(struct op *op, const struct generation *g, const char *uid)
{
	if (g->provider == KMS_KMIP && !uid) {
		op_next(op, "Make a key on the server and give its identifier "
			    "with --new-key-uid.");
		return op_fail(op, -EINVAL,
			       "a KMIP server does not rotate keys by itself: "
			       "--new-key-uid is needed");
	}
	if (g->provider != KMS_KMIP && uid) {
		op_next(op, "Run 'kmscrypt kms rewrap' without it.");
		return op_fail(op, -EINVAL,
			       "--new-key-uid is for KMIP, and the entry uses "
			       "%s",
			       wrapped_provider_name(g->provider));
	}
	if (uid && !wrapped_name_ok(uid, true))
		return op_fail(op, -EINVAL, "'%s' cannot be a key identifier",
			       uid);
	return 0;
}

int change_rewrap(struct op *op, struct change *c, const char *new_key_uid)
{
	_cleanup_work_ struct work w = { .lock = -1 };
	_cleanup_generation_ struct generation g = { 0 };
	int r = begin(op, c, &w, false);

	if (!r)
		r = config_current(op, c->name, &g);
	if (!r)
		r = check_uid(op, &g, new_key_uid);
	if (r)
		return r;
	r = kms_may_wrap(op, &g);
	if (r)
		return r;
	if (g.provider != KMS_VAULT)
		return rewrap_new_key(op, c, &w, &g, new_key_uid);
	r = kms_open(op, &g, &w.kms);
	if (!r)
		r = kms_newest_version(op, w.kms, &c->newest);
	r = kms_key_gone(op, w.kms, r);
	c->kind = CHANGE_UPDATED;
	return r ? r : follow(op, c, &w, &g);
}

/*
 * A volume that can be reached has to open, or nothing is begun: one that
 * nobody else opens, where there is one, so that the KMS itself is asked.
 */
static int prove_present(struct op *op, struct change *c, struct work *w)
{
	static const struct generation none;
	const struct scan_item *item = scan_neediest(&w->scan, &w->entry);
	_cleanup_rebind_ struct rebind b = { .target = &none };
	struct luks_place place;
	int r;

	if (!item)
		return 0;
	place = scan_place(item);
	r = rebind_sources(op, &w->entry, &b);
	if (!r)
		r = rebind_prove(op, &b, &place);
	if (!r)
		op_init(op, c->timeout_ms);
	return r;
}

int change_downgrade(struct op *op, struct change *c)
{
	_cleanup_work_ struct work w = { .lock = -1 };
	_cleanup_generation_ struct generation g = { .provider = KMS_LOCAL };
	const struct generation *cur;
	int r = begin_scan(op, c, &w, false);

	if (r)
		return r;
	cur = current_of(&w.entry);
	if (cur && cur->provider == KMS_LOCAL) {
		if (w.entry.ngenerations > 1)
			return keep_local(op, c, &w, &g);
		op_next(op, "There is nothing to give up; 'kmscrypt kms set' "
			    "moves its volumes to a KMS.");
		return op_fail(op, -EBUSY,
			       "entry '%s' uses a key file on this host "
			       "already",
			       c->name);
	}
	r = prove_present(op, c, &w);
	return r ? r : set_other(op, c, &w, &g);
}

int change_unset(struct op *op, struct change *c, bool forget)
{
	_cleanup_work_ struct work w = { .lock = -1 };
	int r = begin_scan(op, c, &w, false);

	for (size_t i = 0; !r && i < w.scan.n; i++) {
		const struct scan_item *from = &w.scan.items[i];
		struct change_item *item;

		if (!scan_depends(from, &w.entry))
			continue;
		item = change_item_new(c, from->uuid, from->device);
		if (!item)
			r = -ENOMEM;
	}
	for (size_t i = 0; i < w.entry.ngenerations; i++)
		c->local |= w.entry.generations[i].provider == KMS_LOCAL;
	if (r)
		return r;
	if (c->n && !forget)
		return op_fail(op, -EBUSY, "%zu volume%s on entry '%s'", c->n,
			       c->n == 1 ? " depends" : "s depend", c->name);
	return config_remove(op, &w.entry);
}
