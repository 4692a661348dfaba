// SPDX-License-Identifier: GPL-2.0-or-later
/* See adopt.h. */
#include "volume/adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/op.h"
#include "kms/kms.h"
#include "volume/capsule.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/rebind.h"

static bool has(const struct adopted *a, const char *id)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->id[i], id))
			return true;
	return false;
}

/* Does an entry on this host have it? 0, 1, -errno. */
static int is_known(struct op *op, const char *id)
{
	_cleanup_generation_ struct generation g = { 0 };
	int r = config_find(op, id, &g, NULL);

	op_clear(op);
	if (r == -ENODATA)
		return 0;
	return r < 0 ? r : 1;
}

static int find_at(const struct scan_item *item, struct kms *kms,
		   int64_t timeout_ms, struct adopted *ret)
{
	struct luks_place place = scan_place(item);
	_cleanup_header_ struct header h = { 0 };
	struct op op;
	int r;

	op_init(&op, timeout_ms);
	/* unreadable ones are no generation's, and not reported here */
	if (luks_read(&op, &place, &h))
		return 0;
	for (size_t i = 0; i < h.nbindings; i++) {
		_cleanup_capsule_ struct capsule capsule = { 0 };
		const char *id = h.bindings[i].wrapped.entry;

		if (h.bindings[i].err || has(ret, id) ||
		    ret->n == CONFIG_GENERATIONS_MAX)
			continue;
		r = is_known(&op, id);
		if (r < 0)
			return r;
		/* kms_unwrap() compares the names, the capsule the volume */
		if (!r &&
		    !rebind_unwrap(&op, kms, &h, &h.bindings[i], &capsule))
			memcpy(ret->id[ret->n++], id, sizeof(ret->id[0]));
	}
	return 0;
}

int adopt_find(struct op *op, const struct scan *s, struct kms *kms,
	       int64_t timeout_ms, struct adopted *ret)
{
	int r = 0;

	ret->n = 0;
	for (size_t i = 0; !r && i < s->n; i++)
		if (!s->items[i].err)
			r = find_at(&s->items[i], kms, timeout_ms, ret);
	if (r)
		return op_fail(op, r, "an entry on this host cannot be read");
	return 0;
}

static int save_one(struct op *op, struct entry *e, const struct generation *g,
		    const char *id)
{
	struct generation copy = *g; /* borrows the secrets */
	struct generation *all;

	if (e->ngenerations == CONFIG_GENERATIONS_MAX)
		return op_fail(op, -EBUSY, "entry '%s' has %d generations",
			       e->name, CONFIG_GENERATIONS_MAX);
	all = reallocarray(e->generations, e->ngenerations + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	e->generations = all;
	memcpy(copy.id, id, sizeof(copy.id));
	copy.set = 0;
	copy.state = GENERATION_RETIRING;
	all[e->ngenerations++] = generation_public(&copy);
	/* Credentials first: an entry never names what is not there. */
	return config_save_credentials(op, &copy);
}

int adopt_save(struct op *op, struct entry *e, const struct generation *g,
	       const struct adopted *ids)
{
	int r = 0;

	for (size_t i = 0; !r && i < ids->n; i++)
		r = save_one(op, e, g, ids->id[i]);
	return r || !ids->n ? r : config_save(op, e);
}
