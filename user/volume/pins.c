// SPDX-License-Identifier: GPL-2.0-or-later
/* See pins.h. */
#include "volume/pins.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/capsule.h"
#include "volume/header.h"
#include "volume/rebind.h"
#include "volume/registry.h"
#include "volume/unlock.h"

/* Pins of another key can only be in the way: no binding has it any more. */
static int drop_other_key(struct registry_volume *v, const struct capsule *c)
{
	uint8_t vkid[CAPSULE_VKID_BYTES];
	int r = capsule_vkid(&c->key, c->uuid, vkid);

	if (!r && v->has_vkid && memcmp(v->vkid, vkid, sizeof(vkid)))
		v->nbindings = 0;
	return r;
}

int pins_record(struct op *op, const struct luks_place *place,
		const struct header *h, const char *generation,
		const char *entry, const struct capsule *c, bool accept)
{
	struct registry_volume v = { 0 };
	_cleanup_close_ int lock = -1;
	int r = registry_lock(op, &lock);

	if (!r)
		r = rebind_record(op, h, place, &v);
	if (!r)
		r = accept ? drop_other_key(&v, c) :
			     registry_check(op, &v, generation, c);
	if (!r)
		r = registry_pin(&v, generation, entry, c, accept);
	if (r)
		return r;
	v.updated = (uint64_t)time(NULL);
	return registry_save(op, &v);
}

static bool in_header(const struct header *h, const char *generation)
{
	for (size_t i = 0; i < h->nbindings; i++)
		if (!h->bindings[i].err &&
		    !strcmp(h->bindings[i].wrapped.entry, generation))
			return true;
	return false;
}

/*
 * What was seen of the other bindings does not hold any more. Their
 * generations stay listed, at epoch 0: one that is not listed would have to be
 * newer than those that are.
 */
static int lower(struct op *op, const struct header *h)
{
	struct registry_volume v = { 0 };
	_cleanup_close_ int lock = -1;
	int r = registry_lock(op, &lock);

	if (!r)
		r = registry_load(op, h->uuid, &v);
	if (r == -ENOENT) {
		op_clear(op);
		return 0;
	}
	if (r)
		return r;
	for (size_t i = v.nbindings; i-- > 0;) {
		struct registry_binding *b = &v.bindings[i];

		b->epoch = 0;
		if (!in_header(h, b->generation))
			registry_unpin(&v, b->generation);
	}
	return registry_save(op, &v);
}

/* Another binding than the one that gave the key, if its KMS answers, too. */
static int accept_other(struct op *op, const struct luks_place *place,
			const struct unlock_plan *plan, size_t i,
			const struct unlocked *u)
{
	const struct unlock_candidate *c = &plan->candidates[i];
	const struct binding *b = &plan->header.bindings[c->binding];
	_cleanup_unlocked_ struct unlocked other = { 0 };
	struct op sub = *op;

	if (c->err || unlock_candidate(&sub, plan, i, &other) ||
	    !secret_equal(&other.capsule.key, &u->capsule.key))
		return 0;
	return pins_record(op, place, &plan->header, b->wrapped.entry,
			   other.entry, &other.capsule, true);
}

static int accept_all(struct op *op, const struct luks_place *place,
		      const struct unlock_plan *plan, const struct unlocked *u)
{
	const struct binding *b = &plan->header.bindings[u->binding];
	int r = lower(op, &plan->header);

	if (!r)
		r = pins_record(op, place, &plan->header, b->wrapped.entry,
				u->entry, &u->capsule, true);
	for (size_t i = 0; !r && i < plan->n; i++)
		if (plan->candidates[i].binding != u->binding)
			r = accept_other(op, place, plan, i, u);
	return r;
}

int pins_unlock(struct op *op, const struct luks_place *place, bool accept,
		struct unlock_plan *plan, struct unlocked *ret)
{
	int r = unlock_prepare(op, place, NULL, NULL,
			       accept ? UNLOCK_ACCEPT_HEADER : 0, plan);

	memset(ret, 0, sizeof(*ret));
	if (!r)
		r = unlock_run(op, plan, ret);
	return r || !accept ? r : accept_all(op, place, plan, ret);
}
