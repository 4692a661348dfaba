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

int pins_unlock(struct op *op, const struct luks_place *place, bool accept,
		struct unlock_plan *plan, struct unlocked *ret)
{
	int r = unlock_prepare(op, place, NULL, NULL,
			       accept ? UNLOCK_ACCEPT_HEADER : 0, plan);
	const struct binding *b;

	memset(ret, 0, sizeof(*ret));
	if (!r)
		r = unlock_run(op, plan, ret);
	if (r || !accept)
		return r;
	b = &plan->header.bindings[ret->binding];
	return pins_record(op, place, &plan->header, b->wrapped.entry,
			   ret->entry, &ret->capsule, true);
}
