// SPDX-License-Identifier: GPL-2.0-or-later
/* See opening.h. */
#include "volume/opening.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "volume/crew.h"
#include "volume/dif.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/scan.h"

#define LOCK_MAX_MS 3600000

/* A volume of the registry */
struct known {
	struct scan_item item;
	char name[MAPPING_NAME_MAX]; /* that it is to have */
	bool is_open;
	bool image; /* it is there, in a file */
	size_t places; /* devices that have it, when the registry's has not */
};

struct set {
	struct opening *o;
	struct known *list;
	size_t n;
	struct mapping *mappings;
	size_t nmappings;
	size_t *todo; /* indices in list, of this round */
	size_t ntodo;
	bool *seen; /* by index in list: a worker has said what became of it */
	struct opening_result *lost; /* to be looked for elsewhere */
	size_t nlost;
	bool last; /* round: what is lost now is lost */
};

/* What a worker says */
struct said {
	struct opening_result r;
	bool lost; /* not at its place, or only as an image file */
	bool image;
};

static_assert(sizeof(struct said) <= CREW_RESULT_MAX, "one write");

/* --- one --------------------------------------------------------------- */

/* The first that can be read; they all have to say the same. */
static const struct binding *pick(const struct header *h)
{
	for (size_t i = 0; i < h->nbindings; i++)
		if (!h->bindings[i].err)
			return &h->bindings[i];
	return NULL;
}

static int fill(struct op *op, const struct luks_place *place,
		const struct header *h, bool allow_discards,
		struct mapping_table *ret)
{
	const struct binding *b = pick(h);
	uint64_t len;
	int r;

	if (!b && h->nbindings)
		return op_fail(op, -EBADMSG, "%s: %s", place->device,
			       h->bindings[0].why);
	if (!b)
		return op_fail(op, -ENODATA,
			       "%s has a LUKS2 header without a kmscrypt "
			       "binding",
			       place->device);
	if (*h->segment.integrity && allow_discards)
		return op_fail(op, -EOPNOTSUPP,
			       "%s has integrity tags, so no discards can be "
			       "passed on",
			       place->device);
	r = luks_data_sectors(op, place, h, &len);
	if (!r)
		r = mapping_fill(op, h, place->device, b->key_bytes,
				 binding_flags(b), len, ret);
	if (!r)
		ret->allow_discards = allow_discards;
	return r;
}

int opening_table(struct op *op, const struct luks_place *place,
		  bool allow_discards, struct mapping_table *ret)
{
	_cleanup_header_ struct header h = { 0 };
	int r = luks_read(op, place, &h);

	return r ? r : fill(op, place, &h, allow_discards, ret);
}

/*
 * A file of its own for each volume: it is held while the KMS is asked, and
 * nobody who wants the registry may have to wait for that.
 */
static int lock(struct op *op, const char *uuid, int *ret)
{
	_cleanup_free_ char *path = file_path(PLACE_RUN, "opening", uuid, NULL);
	int r;

	if (!path)
		return -ENOMEM;
	r = file_mkdirs(path);
	if (!r)
		r = file_lock(path, (int)op_left_ms(op, LOCK_MAX_MS));
	if (r == -EBUSY)
		return op_fail(op, r, "another process is opening volume %s",
			       uuid);
	if (r < 0)
		return op_fail(op, r, "%s: %s", path, strerror(-r));
	*ret = r;
	return 0;
}

/*
 * Under the lock. @ret_was: it is open already as @name. A device of that name
 * and volume without a table is what a killed process had begun: with the
 * lock in our hands nobody is at it any more.
 */
static int clear(struct op *op, const char *name, const char *uuid,
		 bool *ret_was)
{
	struct mapping m = { 0 };
	int r = mapping_info(op, name, &m);

	*ret_was = false;
	if (r == -ENXIO || (!r && strcmp(m.uuid, uuid))) {
		/* nothing, or another's: creating it tells */
		op_clear(op);
		return 0;
	}
	if (r)
		return r;
	*ret_was = m.live;
	return m.live ? 0 : mapping_remove(op, name, false);
}

static int map(struct op *op, const char *name, const struct mapping_table *t,
	       bool read_only, bool *ret_was)
{
	_cleanup_close_ int fd = -1;
	int r;

	*ret_was = false;
	if (!mapping_name_ok(name))
		return op_fail(op, -EINVAL, "'%s' is not a name for a mapping",
			       name);
	r = lock(op, t->uuid, &fd);
	if (!r)
		r = clear(op, name, t->uuid, ret_was);
	if (!r && *t->beneath)
		r = dif_clear(op, t->uuid);
	return r || *ret_was ? r : mapping_create(op, name, t, read_only);
}

int opening_map(struct op *op, const char *name, const struct mapping_table *t,
		bool read_only)
{
	bool was;
	int r = map(op, name, t, read_only, &was);

	if (!r && was)
		return op_fail(op, -EEXIST, "there is a mapping '%s' already",
			       name);
	return r;
}

/* --- a worker ---------------------------------------------------------- */

/* An unused loop device, a drive without a medium: there is nothing to read. */
static bool is_empty(const char *device)
{
	_cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint64_t bytes;

	return fd >= 0 && !ioctl(fd, BLKGETSIZE64, &bytes) && !bytes;
}

static int open_known(struct op *op, const struct set *s, struct known *k,
		      struct said *said)
{
	struct luks_place place = scan_place(&k->item);
	_cleanup_header_ struct header h = { 0 };
	struct mapping_table table;
	struct stat st;
	bool was;
	int r;

	if (is_empty(place.device))
		r = op_fail(op, -ENXIO, "%s is empty", place.device);
	else
		r = luks_read(op, &place, &h);
	r = scan_header(op, &k->item, &h, r);
	if (r) {
		snprintf(op->detail, sizeof(op->detail), "%s", k->item.why);
		said->lost = r == -ENOENT || r == -ENXIO || r == -ENODEV ||
			     r == -ENODATA;
		return r;
	}
	if (stat(place.device, &st))
		return -errno;
	if (!S_ISBLK(st.st_mode)) {
		said->lost = true;
		said->image = true;
		op_next(op, "Attach it first: losetup --find --show %s",
			place.device);
		return op_fail(op, -ENODEV, "%s is not a block device",
			       place.device);
	}
	r = fill(op, &place, &h, s->o->allow_discards && !*h.segment.integrity,
		 &table);
	if (!r)
		r = map(op, k->name, &table, s->o->read_only, &was);
	if (!r)
		said->r.fate = was ? OPENING_OPEN : OPENING_OPENED;
	return r;
}

static void describe(const struct known *k, struct opening_result *r)
{
	snprintf(r->uuid, sizeof(r->uuid), "%s", k->item.uuid);
	snprintf(r->device, sizeof(r->device), "%s", k->item.device);
	snprintf(r->name, sizeof(r->name), "%s", k->name);
}

static void work(struct crew_post *to, size_t from, size_t end, bool alone,
		 void *arg)
{
	struct set *s = arg;

	(void)alone;
	for (size_t i = from; i < end; i++) {
		struct known *k = &s->list[s->todo[i]];
		struct said said = { .r.index = s->todo[i] };
		struct op op;

		op_init(&op, s->o->timeout_ms);
		said.r.err = open_known(&op, s, k, &said);
		describe(k, &said.r);
		memcpy(said.r.why, op.detail, sizeof(said.r.why));
		memcpy(said.r.next, op.next, sizeof(said.r.next));
		crew_post(to, &said);
	}
}

/* --- the caller's process ---------------------------------------------- */

static void report(struct opening *o, const struct opening_result *r)
{
	if (r->fate == OPENING_FAILED && !o->count[OPENING_FAILED])
		o->first = *r;
	o->count[r->fate]++;
	o->done++;
	if (o->report)
		o->report(o, r);
}

/* Is it nowhere, or there and unfit? */
static void give_up(struct set *s, struct opening_result *r)
{
	const struct known *k = &s->list[r->index];

	if (k->places > 1) {
		r->err = -EEXIST;
		snprintf(r->why, sizeof(r->why),
			 "%zu devices have this volume, and none of them is "
			 "the one that the registry knows",
			 k->places);
		snprintf(r->next, sizeof(r->next),
			 "Open the right one with 'kmscrypt open DEV NAME', or "
			 "make the copies volumes of their own ('kmscrypt "
			 "reidentify').");
	} else if (!k->image && r->err != -ENODATA) {
		r->fate = OPENING_ABSENT;
	}
	report(s->o, r);
}

static void take(const void *result, void *arg)
{
	const struct said *said = result;
	struct set *s = arg;
	struct opening_result r = said->r;
	struct known *k = &s->list[r.index];

	s->seen[r.index] = true;
	if (!said->lost) {
		report(s->o, &r);
	} else if (s->last) {
		give_up(s, &r);
	} else {
		k->image = said->image;
		s->lost[s->nlost++] = r;
	}
}

static int round_run(struct set *s)
{
	const struct crew crew = {
		.n = s->ntodo,
		.chunk = 1,
		.workers = KMSC_MAX_HELPERS,
		.result_size = sizeof(struct said),
		.work = work,
		.result = take,
		.arg = s,
	};
	int r = crew_run(&crew);

	if (r && r != -ECHILD)
		return r;
	for (size_t i = 0; i < s->ntodo; i++) {
		struct opening_result rest = { .index = s->todo[i],
					       .err = -ECHILD };

		if (s->seen[s->todo[i]])
			continue;
		describe(&s->list[s->todo[i]], &rest);
		snprintf(rest.why, sizeof(rest.why),
			 "the process that had it to do ended early");
		report(s->o, &rest);
	}
	return 0;
}

/* Where are those that are not where the registry says? */
static int find_lost(struct op *op, struct set *s)
{
	_cleanup_scan_ struct scan found = { 0 };
	int r = scan_devices(op, &found);

	s->ntodo = 0;
	for (size_t i = 0; !r && i < s->nlost; i++) {
		struct known *k = &s->list[s->lost[i].index];
		const char *device = NULL;

		for (size_t j = 0; j < found.n; j++)
			if (!strcmp(found.items[j].uuid, k->item.uuid)) {
				k->places++;
				device = found.items[j].device;
			}
		if (k->places != 1) {
			give_up(s, &s->lost[i]);
			continue;
		}
		free(k->item.device);
		k->item.device = strdup(device);
		k->item.err = 0;
		if (!k->item.device)
			return -ENOMEM;
		s->seen[s->lost[i].index] = false;
		s->todo[s->ntodo++] = s->lost[i].index;
	}
	s->last = true;
	return r;
}

/* --- what there is ------------------------------------------------------ */

static bool label_is_shared(const struct set *s, const struct known *k)
{
	for (size_t i = 0; i < s->n; i++)
		if (&s->list[i] != k &&
		    !strcmp(s->list[i].item.label, k->item.label))
			return true;
	return false;
}

static void name_one(const struct set *s, struct known *k)
{
	const char *name = k->item.label;

	if (!mapping_name_ok(name) || label_is_shared(s, k))
		name = k->item.uuid;
	snprintf(k->name, sizeof(k->name), "%s", name);
	for (size_t i = 0; i < s->nmappings; i++) {
		const struct mapping *m = &s->mappings[i];

		if (strcmp(m->uuid, k->item.uuid) || k->is_open)
			continue;
		/* What a killed one began is finished under its name. */
		snprintf(k->name, sizeof(k->name), "%s", m->name);
		k->is_open = m->live;
	}
}

static int load(struct op *op, struct set *s)
{
	struct opening *o = s->o;
	char **uuids = NULL;
	/* Without device-mapper there are none; opening says why not. */
	int r = mapping_find(op, NULL, NULL, true, &s->mappings, &s->nmappings);

	if (!r)
		r = registry_list(op, &uuids, &s->n);
	if (r)
		return r;
	s->list = calloc(s->n + 1, sizeof(*s->list));
	s->todo = calloc(s->n + 1, sizeof(*s->todo));
	s->seen = calloc(s->n + 1, sizeof(*s->seen));
	s->lost = calloc(s->n + 1, sizeof(*s->lost));
	if (!s->list || !s->todo || !s->seen || !s->lost)
		r = -ENOMEM;
	for (size_t i = 0; !r && i < s->n; i++)
		r = scan_record(op, uuids[i], &s->list[i].item);
	for (size_t i = 0; i < s->n; i++)
		free(uuids[i]);
	free(uuids);
	o->total = s->n;
	return r;
}

/* Those that need no worker are reported here. */
static void sort_out(struct set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct known *k = &s->list[i];
		struct opening_result r = { .index = i, .err = k->item.err };

		name_one(s, k);
		describe(k, &r);
		snprintf(r.why, sizeof(r.why), "%s", k->item.why);
		if (k->is_open) {
			r.fate = OPENING_OPEN;
			r.err = 0;
			report(s->o, &r);
		} else if (k->item.err == -ENODEV) {
			/* the registry has no device for it */
			s->lost[s->nlost++] = r;
		} else if (k->item.err) {
			report(s->o, &r);
		} else {
			s->todo[s->ntodo++] = i;
		}
	}
}

static void set_free(struct set *s)
{
	for (size_t i = 0; s->list && i < s->n; i++)
		scan_item_free(&s->list[i].item);
	free(s->list);
	free(s->mappings);
	free(s->todo);
	free(s->seen);
	free(s->lost);
}

int opening_all(struct op *op, struct opening *o)
{
	struct set s = { .o = o };
	int r = load(op, &s);

	if (!r) {
		sort_out(&s);
		r = round_run(&s);
	}
	if (!r && s.nlost)
		r = find_lost(op, &s);
	if (!r && s.last)
		r = round_run(&s);
	set_free(&s);
	return r;
}
