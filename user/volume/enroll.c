// SPDX-License-Identifier: GPL-2.0-or-later
/* See enroll.h. */
#include "volume/enroll.h"

#include <errno.h>
#include <string.h>

#include "base/op.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "volume/binding.h"
#include "volume/capsule.h"
#include "volume/integrity.h"
#include "volume/luks.h"
#include "volume/pins.h"
#include "volume/registry.h"
#include "volume/unlock.h"

/* While it works. */
struct work {
	struct op *op;
	const struct luks_place *place;
	struct enroll *e;
	bool known;
	struct registry_volume volume;
	struct capsule capsule; /* what is or comes on the disk */
	const struct binding *good; /* the binding that works, or NULL */
	bool stale[KMSC_MAX_BINDINGS];
};

static void work_free(struct work *w)
{
	capsule_free(&w->capsule);
}

#define _cleanup_work_ __attribute__((cleanup(work_free)))

static int check_key(struct work *w)
{
	const struct header *h = &w->e->header;
	uint8_t vkid[CAPSULE_VKID_BYTES];
	int r = registry_load(w->op, h->uuid, &w->volume);

	w->known = !r;
	if (r == -ENOENT)
		op_clear(w->op);
	else if (r)
		return r;
	r = capsule_vkid(w->e->key, h->uuid_bytes, vkid);
	if (r || !w->known || !w->volume.has_vkid)
		return r;
	if (!memcmp(vkid, w->volume.vkid, sizeof(vkid)) || w->e->accept)
		return 0;
	op_next(w->op, "After a 'cryptsetup reencrypt' that is as it should "
		       "be: repeat with --accept-header. Otherwise somebody "
		       "changed the header.");
	return op_fail(w->op, -EKEYREJECTED,
		       "the registry of this host knows volume %s with "
		       "another volume key",
		       h->uuid);
}

/*
 * Through @kms and without the registry. 0: it gives the key; -ESTALE: it does,
 * and was made for another description than the header has.
 */
static int unwrap(struct work *w, struct kms *kms, const struct header *h,
		  const struct binding *b, struct capsule *ret)
{
	int r = unlock_unwrap(w->op, kms, NULL, b, ret);

	if (!r && !secret_equal(&ret->key, w->e->key))
		r = op_fail(w->op, -EKEYREJECTED, CAPSULE_REJECTED);
	if (!r && capsule_verify(w->op, ret, h, b->key_bytes, binding_flags(b)))
		r = -ESTALE;
	return r;
}

/* A binding of another entry is not ours to judge: -ENODATA. */
static int judge(struct work *w, const struct binding *b, struct capsule *ret)
{
	_cleanup_generation_ struct generation g = { 0 };
	_cleanup_kms_ struct kms *kms = NULL;
	char name[CONFIG_ENTRY_NAME_MAX];
	int r;

	if (b->err)
		return -ENODATA;
	if (!strcmp(b->wrapped.entry, w->e->generation->id))
		return unwrap(w, w->e->kms, &w->e->header, b, ret);
	r = config_find(w->op, b->wrapped.entry, &g, name);
	if (r || strcmp(name, w->e->entry))
		return -ENODATA;
	r = kms_open(w->op, &g, &kms);
	return r ? r : unwrap(w, kms, &w->e->header, b, ret);
}

/* A re-encryption gives another key: this is not what one leaves behind. */
static int changed(struct work *w)
{
	op_next(w->op, "Compare it with a header backup; if the change is "
		       "wanted, repeat with --accept-header.");
	return op_fail(w->op, -EKEYREJECTED,
		       "the header of %s says something else than when this "
		       "volume key was bound (UUID, cipher, sector size, "
		       "offset, size or digest)",
		       w->place->device);
}

/* What is there already: one that works, and ones that never will again. */
static int look(struct work *w)
{
	const struct header *h = &w->e->header;

	for (size_t i = 0; i < h->nbindings; i++) {
		_cleanup_capsule_ struct capsule c = { 0 };
		int r = judge(w, &h->bindings[i], &c);

		if (r == -ESTALE && !w->e->accept)
			return changed(w);
		/* A KMS that does not answer has said nothing about it. */
		w->stale[i] = r == -EKEYREJECTED || r == -ESTALE;
		if (r || w->good)
			continue;
		w->good = &h->bindings[i];
		w->capsule = c;
		c.key = SECRET_EMPTY; /* moved */
	}
	op_clear(w->op);
	return 0;
}

/* Re-encryption does not change how the volume is used. */
static void keep_policy(struct work *w)
{
	const struct registry_binding *last = NULL;

	for (size_t i = 0; w->known && i < w->volume.nbindings; i++)
		if (!last || w->volume.bindings[i].epoch > last->epoch)
			last = &w->volume.bindings[i];
	w->capsule.queue_cap_s = last ? last->queue_cap_s :
					KMSC_QUEUE_CAP_DEFAULT_S;
	if (!last)
		return;
	w->capsule.policy = last->policy;
	w->capsule.lease_s = last->lease_s;
}

static uint32_t flags_of(const struct header *h)
{
	for (size_t i = 0; i < h->nbindings; i++)
		if (!h->bindings[i].err)
			return binding_flags(&h->bindings[i]);
	return 0;
}

/* What is on the disk now has to give the key. */
static int read_back(struct work *w, int token)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_capsule_ struct capsule got = { 0 };
	int r = luks_read(w->op, w->place, &h);

	for (size_t i = 0; !r && i < h.nbindings; i++)
		if (h.bindings[i].token == token && !h.bindings[i].err)
			return unwrap(w, w->e->kms, &h, &h.bindings[i], &got);
	return r ? r :
		   op_fail(w->op, -EIO, "%s does not hold what was written",
			   w->place->device);
}

static int bind(struct work *w)
{
	const struct header *h = &w->e->header;
	_cleanup_binding_ struct binding b = { .token = -1 };
	int r = secret_copy(&w->capsule.key, w->e->key->data, w->e->key->len);

	if (r)
		return r;
	keep_policy(w);
	w->capsule.epoch = registry_next_epoch(w->known ? &w->volume : NULL, 0);
	r = unlock_wrap(w->op, w->e->kms, h, &w->capsule, flags_of(h), NULL,
			&b);
	if (!r)
		r = luks_add(w->op, w->place, h->uuid, &b);
	return r ? r : read_back(w, b.token);
}

static int pin(struct work *w)
{
	const struct enroll *e = w->e;

	return pins_record(w->op, w->place, &e->header,
			   w->good ? w->good->wrapped.entry : e->generation->id,
			   e->entry, &w->capsule, e->accept);
}

static int remove_stale(struct work *w)
{
	const struct header *h = &w->e->header;

	for (size_t i = 0; i < h->nbindings; i++) {
		int r;

		if (!w->stale[i])
			continue;
		r = luks_remove(w->op, w->place, h->uuid, &h->bindings[i]);
		if (r)
			return r;
		w->e->stale++;
	}
	return 0;
}

int enroll_volume(struct op *op, const struct luks_place *place,
		  struct enroll *e)
{
	_cleanup_work_ struct work w = { .op = op, .place = place, .e = e };
	struct segment view;
	int r = luks_read(op, place, &e->header);

	/* No binding for what could not be opened. */
	if (!r)
		r = integrity_view(op, &e->header.segment, &view);
	if (!r)
		r = check_key(&w);
	if (r)
		return r;
	r = look(&w);
	e->had = w.good;
	if (!r && !w.good)
		r = bind(&w);
	if (!r)
		r = pin(&w);
	if (!r)
		r = remove_stale(&w);
	if (r)
		return r;
	header_free(&e->header);
	return luks_read(op, place, &e->header);
}
