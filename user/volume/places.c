// SPDX-License-Identifier: GPL-2.0-or-later
/* See places.h. */
#include "volume/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/op.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/registry.h"
#include "volume/scan.h"

void places_free(struct places *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->list[i].path);
	free(p->list);
	p->list = NULL;
	p->n = 0;
}

int places_load(struct op *op, const struct places_item *p,
		struct scan_item *ret)
{
	if (!p->path)
		return scan_record(op, p->uuid, ret);
	memset(ret, 0, sizeof(*ret));
	ret->device = strdup(p->path);
	return ret->device ? 0 : -ENOMEM;
}

/* The same device or file has many names. */
static int identify(const char *path, dev_t *dev, ino_t *ino)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	*dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	*ino = S_ISBLK(st.st_mode) ? 0 : st.st_ino;
	return 0;
}

static int grow(struct places *p, size_t n)
{
	struct places_item *list =
		reallocarray(p->list, p->n + n, sizeof(*list));

	if (!list)
		return -ENOMEM;
	p->list = list;
	memset(list + p->n, 0, n * sizeof(*list));
	return 0;
}

static int add_path(struct places *p, const char *path, bool named)
{
	struct places_item *new;
	char *real = realpath(path, NULL);
	int r = real ? 0 : -errno;

	if (!r)
		r = grow(p, 1);
	if (!r) {
		new = &p->list[p->n];
		new->named = named;
		r = identify(real, &new->dev, &new->ino);
	}
	if (r) {
		free(real);
		return r;
	}
	new->path = real;
	p->n++;
	return 0;
}

static int add_device(const char *path, void *arg)
{
	int r = add_path(arg, path, false);

	/* It may have gone meanwhile. */
	return r == -ENOMEM ? r : 0;
}

static int by_identity(const void *a, const void *b)
{
	const struct places_item *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return 0;
}

/* Of the same, one that was named comes first. */
static int named_first(const void *a, const void *b)
{
	const struct places_item *x = a, *y = b;
	int r = by_identity(a, b);

	return r ? r : y->named - x->named;
}

static void keep_unless(struct places *p,
			bool (*drop)(const struct places_item *last,
				     const struct places_item *next))
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (drop(kept ? &p->list[kept - 1] : NULL, &p->list[i]))
			free(p->list[i].path);
		else
			p->list[kept++] = p->list[i];
	}
	p->n = kept;
}

static bool is_double(const struct places_item *last,
		      const struct places_item *next)
{
	return last && !by_identity(last, next);
}

static bool is_gone(const struct places_item *last,
		    const struct places_item *next)
{
	(void)last;
	return !next->path;
}

/* What is where the registry has the volume @uuid loses its path. */
static int drop_registered(struct op *op, struct places *p, const char *uuid)
{
	struct places_item key = { 0 }, *hit = NULL;
	struct scan_item item;
	int r = scan_record(op, uuid, &item);

	if (!r && !item.err &&
	    !identify(item.header ? item.header : item.device, &key.dev,
		      &key.ino))
		hit = bsearch(&key, p->list, p->n, sizeof(key), by_identity);
	if (hit) {
		free(hit->path);
		hit->path = NULL;
	}
	scan_item_free(&item);
	return r;
}

static int add_registered(struct op *op, struct places *p, char **uuids,
			  size_t n)
{
	size_t others;
	int r = 0;

	/* Records have to be read only if something may be in two lists. */
	for (size_t i = 0; !r && p->n && i < n; i++)
		r = drop_registered(op, p, uuids[i]);
	keep_unless(p, is_gone);
	others = p->n;
	if (!r)
		r = n ? grow(p, n) : 0;
	if (r)
		return r;
	memmove(p->list + n, p->list, others * sizeof(*p->list));
	memset(p->list, 0, n * sizeof(*p->list));
	for (size_t i = 0; i < n; i++)
		memcpy(p->list[i].uuid, uuids[i], sizeof(p->list[i].uuid));
	p->n += n;
	return 0;
}

int places_find(struct op *op, const char *const *paths, size_t npaths,
		struct places *ret)
{
	char **uuids = NULL;
	size_t n = 0;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; !r && i < npaths; i++) {
		r = add_path(ret, paths[i], true);
		if (r)
			op_fail(op, r, "%s: %s", paths[i], strerror(-r));
	}
	if (!r)
		r = scan_block(add_device, ret);
	if (!r)
		r = registry_list(op, &uuids, &n);
	if (!r && ret->n) {
		qsort(ret->list, ret->n, sizeof(*ret->list), named_first);
		keep_unless(ret, is_double);
	}
	if (!r)
		r = add_registered(op, ret, uuids, n);
	for (size_t i = 0; i < n; i++)
		free(uuids[i]);
	free(uuids);
	return r;
}

/* Of two places: 1: they are the same, 0: not, -errno: one is not there. */
static int same_place(const struct luks_place *place,
		      const struct registry_volume *v)
{
	struct places_item here = { 0 }, known = { 0 };
	int r = identify(place->header ?: place->device, &here.dev, &here.ino);

	if (!r)
		r = identify(*v->header ? v->header : v->device, &known.dev,
			     &known.ino);
	return r ? r : by_identity(&here, &known) == 0;
}

bool places_is_known(const struct luks_place *place,
		     const struct registry_volume *v)
{
	return same_place(place, v) == 1;
}

bool places_is_copy(const struct luks_place *place, const struct header *h,
		    const struct registry_volume *v)
{
	struct stat st;

	if (!place->header && !stat(place->device, &st) &&
	    S_ISREG(st.st_mode) && (uint64_t)st.st_size <= h->segment.offset)
		return true;
	return same_place(place, v) == 0;
}
