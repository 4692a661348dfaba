// SPDX-License-Identifier: GPL-2.0-or-later
/* See fleet.h. */
#include "volume/fleet.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "kms/kms.h"
#include "volume/change.h"
#include "volume/crew.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/places.h"
#include "volume/rebind.h"
#include "volume/scan.h"

/* A worker that moves volumes asks for each several times. */
#define CHUNK_MOVING 4
#define CHUNK_MIN 16

static_assert(CONFIG_GENERATIONS_MAX <= 64, "a bit for each generation");

/* What a worker says of one place. */
struct result {
	size_t index; /* in places */
	bool ours; /* it has to do with the entry, or may have */
	bool copy; /* of a volume that is elsewhere */
	bool lost; /* its header was not read */
	int err;
	enum rebind_outcome outcome;
	uint32_t oldest; /* version of the master key */
	uint64_t refs; /* generations that it refers to */
	char uuid[KMSC_UUID_STR_LEN + 1];
	char device[REGISTRY_PATH_MAX];
	char why[OP_TEXT_MAX];
	char next[OP_TEXT_MAX];
};

static_assert(sizeof(struct result) <= CREW_RESULT_MAX, "one write");

struct fleet {
	struct change *change;
	const struct entry *entry;
	const struct generation *target;
	struct kms *kms;
	struct places places;
	/* a worker's */
	struct rebind rebind;
	/* the caller's */
	bool *seen;
	char (*found)[KMSC_UUID_STR_LEN + 1]; /* outside the registry */
	size_t nfound;
	struct result *lost; /* the registry's that were not reached */
	size_t nlost;
	uint64_t refs;
	size_t oldest; /* generation that was reached, counted from 1 */
	int err;
};

/* One place while a worker is at it. */
struct job {
	struct scan_item item;
	struct header header;
	struct rebind_step *step;
	bool copy;
	uint64_t pinned; /* generations that the registry has it bound to */
};

static uint64_t refs_of(const struct entry *e, const struct scan_item *item)
{
	uint64_t refs = 0;

	for (size_t i = 0; i < e->ngenerations; i++)
		if (scan_refers(item, e->generations[i].id))
			refs |= UINT64_C(1) << i;
	return refs;
}

/* The same of what the registry has pinned for the volume. */
static uint64_t refs_pinned(const struct entry *e, const char *uuid)
{
	struct scan_item item;
	uint64_t refs = ~UINT64_C(0);
	struct op op;

	op_init(&op, 0);
	if (!scan_record(&op, uuid, &item))
		refs = refs_of(e, &item);
	scan_item_free(&item);
	return refs;
}

/* Of these generations, those that are to end. */
static uint64_t retiring(const struct entry *e, uint64_t refs)
{
	for (size_t i = 0; i < e->ngenerations; i++)
		if (e->generations[i].state == GENERATION_CURRENT)
			refs &= ~(UINT64_C(1) << i);
	return refs;
}

/*
 * A header that says nothing of a generation that the registry has pinned may
 * be an old copy that was put back: the newer one, wherever it is, needs that.
 */
static void job_doubt(struct fleet *f, struct job *j)
{
	struct rebind_step *step = j->step;

	if (!j->item.registered || (!step->err && step->outcome))
		return;
	j->pinned = retiring(f->entry, refs_pinned(f->entry, j->item.uuid));
	if (step->err || !j->pinned)
		return;
	op_next(&step->op,
		"If the header is the right one: 'kmscrypt unbind %s --name "
		"%s'. If not, put the newer one back.",
		j->item.device, f->change->name);
	step->err = op_fail(&step->op, -EKEYREJECTED,
			    "the registry knows the volume as bound to entry "
			    "'%s', and its header does not (it may be an old "
			    "copy)",
			    f->change->name);
}

static void job_close(struct job *j)
{
	luks_edit_close(j->step->edit);
	j->step->edit = NULL;
	header_free(&j->header);
}

/* Read the header, and keep what read it. */
static void job_read(struct job *j)
{
	struct luks_place place = scan_place(&j->item);
	struct rebind_step *step = j->step;
	int r;

	job_close(j);
	r = luks_edit_open(&step->op, &place, &j->header, &step->edit);
	step->err = scan_header(&step->op, &j->item, &j->header, r);
}

static void job_start(struct fleet *f, const struct places_item *p,
		      struct job *j)
{
	struct rebind_step *step = j->step;
	struct luks_place place;

	op_init(&step->op, f->change->timeout_ms);
	step->header = &j->header;
	step->err = places_load(&step->op, p, &j->item);
	if (step->err)
		j->item.err = step->err;
	else
		step->err = j->item.err;
	if (!step->err)
		job_read(j);
	if (step->err || !p->path)
		return;
	place = scan_place(&j->item);
	j->copy = rebind_is_copy(&step->op, &j->header, &place);
}

/* From another generation; the header is another one afterwards. */
static void job_move(struct fleet *f, struct job *j)
{
	struct luks_place place = scan_place(&j->item);
	struct rebind_step *step = j->step;

	if (step->err)
		return;
	if (!rebind_moves(&f->rebind, &j->header)) {
		step->outcome = rebind_look(&f->rebind, &j->header, 0, false);
		return;
	}
	job_close(j);
	step->err =
		rebind_volume(&step->op, &f->rebind, &place, &step->outcome);
	if (!step->err)
		job_read(j);
}

static void jobs_do(struct fleet *f, struct job *jobs,
		    struct rebind_step *steps, size_t n)
{
	const struct change *c = f->change;
	struct op op;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (!c->dry_run)
			job_move(f, &jobs[i]);
		else if (!steps[i].err)
			steps[i].outcome = rebind_look(
				&f->rebind, &jobs[i].header, c->newest, c->all);
	}
	if (c->dry_run || !c->newest)
		return;
	op_init(&op, c->timeout_ms);
	r = rebind_rewrap(&op, &f->rebind, steps, n, c->newest, c->all);
	for (size_t i = 0; r && i < n; i++)
		steps[i].err = steps[i].err ?: r;
}

static void post(struct fleet *f, struct crew_post *to, size_t index,
		 const struct job *j)
{
	const struct places_item *p = &f->places.list[index];
	const struct scan_item *item = &j->item;
	struct result r = { .index = index, .copy = j->copy };

	r.lost = item->err;
	r.err = j->step->err;
	r.outcome = j->step->outcome;
	r.refs = refs_of(f->entry, item) | j->pinned;
	/* A device may be anybody's; what was named has to be a volume. */
	r.ours = p->named || (r.refs && !(item->err && p->path));
	r.oldest = rebind_oldest(&f->rebind, &j->header);
	snprintf(r.uuid, sizeof(r.uuid), "%s", item->uuid);
	snprintf(r.device, sizeof(r.device), "%s",
		 item->device ? item->device : "");
	snprintf(r.why, sizeof(r.why), "%s",
		 item->err ? item->why : j->step->op.detail);
	snprintf(r.next, sizeof(r.next), "%s", j->step->op.next);
	crew_post(to, &r);
}

/* A worker's sessions and credentials are its own (crew.h). */
static int start_rebind(struct op *op, struct fleet *f, bool alone)
{
	struct rebind *b = &f->rebind;

	if (b->target)
		return 0;
	snprintf(b->entry, sizeof(b->entry), "%s", f->change->name);
	b->target = f->target;
	b->kms = alone ? f->kms : NULL;
	return rebind_sources(op, f->entry, b);
}

static void work(struct crew_post *to, size_t from, size_t end, bool alone,
		 void *arg)
{
	struct fleet *f = arg;
	size_t n = end - from;
	struct job *jobs = calloc(n, sizeof(*jobs));
	struct rebind_step *steps = calloc(n, sizeof(*steps));
	struct op op;

	op_init(&op, f->change->timeout_ms);
	/* Without a result they count as not done. */
	if (jobs && steps && !start_rebind(&op, f, alone)) {
		for (size_t i = 0; i < n; i++) {
			jobs[i].step = &steps[i];
			job_start(f, &f->places.list[from + i], &jobs[i]);
		}
		jobs_do(f, jobs, steps, n);
		for (size_t i = 0; i < n; i++) {
			job_doubt(f, &jobs[i]);
			post(f, to, from + i, &jobs[i]);
			job_close(&jobs[i]);
			scan_item_free(&jobs[i].item);
		}
	}
	free(steps);
	free(jobs);
}

/* --- the caller's process ------------------------------------------------ */

static void count(struct fleet *f, const struct result *r)
{
	struct change *c = f->change;
	struct change_item *item;

	f->refs |= r->refs;
	item = change_item_new(c, r->uuid, r->device);
	if (!item ||
	    (r->err && change_item_fail(item, r->err, r->why, r->next))) {
		f->err = -ENOMEM;
		return;
	}
	item->outcome = r->outcome;
	if (r->err)
		c->failed++;
	else if (r->outcome == REBIND_DONE)
		c->done++;
	else
		c->current++;
	if (r->oldest && (!c->oldest_version || r->oldest < c->oldest_version))
		c->oldest_version = r->oldest;
	for (size_t i = 0; !r->err && i < f->entry->ngenerations; i++)
		if (r->refs & UINT64_C(1) << i)
			f->oldest = MAX(f->oldest, i + 1);
	if (c->report)
		c->report(c, item);
}

/* Keep it back: it may turn up elsewhere. */
static void lose(struct fleet *f, const struct result *r)
{
	struct result *lost;

	lost = reallocarray(f->lost, f->nlost + 1, sizeof(*lost));
	if (!lost) {
		f->err = -ENOMEM;
		return;
	}
	f->lost = lost;
	f->lost[f->nlost++] = *r;
}

static void take(const void *result, void *arg)
{
	const struct result *r = result;
	struct fleet *f = arg;
	const struct places_item *p = &f->places.list[r->index];

	f->seen[r->index] = true;
	/* One that has nothing of the entry is not what the registry means. */
	if (p->path && !r->err && !r->copy && r->outcome)
		memcpy(f->found[f->nfound++], r->uuid, sizeof(r->uuid));
	f->change->looked++;
	/* A device that cannot be read now, and was none of the registry's. */
	if (p->path && r->lost && r->err != -ENODATA && r->err != -EBADMSG)
		f->refs |= r->refs;
	if (!p->path && r->lost && r->refs)
		lose(f, r);
	else if (r->ours)
		count(f, r);
	if (f->change->tick)
		f->change->tick(f->change);
}

static int by_uuid(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The registry's that are nowhere, and what a worker took with it. */
static void count_rest(struct fleet *f)
{
	if (f->nfound)
		qsort(f->found, f->nfound, sizeof(*f->found), by_uuid);
	for (size_t i = 0; i < f->nlost; i++)
		if (!f->nfound || !bsearch(f->lost[i].uuid, f->found, f->nfound,
					   sizeof(*f->found), by_uuid))
			count(f, &f->lost[i]);
	for (size_t i = 0; i < f->places.n; i++) {
		const struct places_item *p = &f->places.list[i];
		struct result r = { .index = i, .err = -ECHILD };

		/* Also a device that nobody named: whose was it? */
		if (f->seen[i])
			continue;
		r.refs = ~UINT64_C(0);
		snprintf(r.uuid, sizeof(r.uuid), "%s", p->uuid);
		snprintf(r.device, sizeof(r.device), "%s",
			 p->path ? p->path : "");
		snprintf(r.why, sizeof(r.why),
			 "the process that had it to do ended early");
		count(f, &r);
	}
}

static int run(struct fleet *f)
{
	size_t n = f->places.n;
	struct crew crew = {
		.n = n,
		.workers = f->change->connections ?: FLEET_WORKERS,
		.result_size = sizeof(struct result),
		.work = work,
		.result = take,
		.arg = f,
	};
	int r;

	f->seen = calloc(n + 1, sizeof(*f->seen));
	f->found = calloc(n + 1, sizeof(*f->found));
	if (!f->seen || !f->found)
		return -ENOMEM;
	f->change->total = n;
	/* Small enough that all have some, large enough for a full request. */
	crew.chunk = MIN(MAX(n / crew.workers / 2, CHUNK_MIN), KMS_BATCH_MAX);
	if (f->entry->ngenerations > 1)
		crew.chunk = CHUNK_MOVING;
	r = crew_run(&crew);
	if (r && r != -ECHILD)
		return r;
	count_rest(f);
	return f->err;
}

int fleet_follow(struct op *op, struct change *c, const struct entry *e,
		 const struct generation *target, struct kms *kms,
		 uint64_t *ret_refs)
{
	struct fleet f = {
		.change = c, .entry = e, .target = target, .kms = kms
	};
	int r = places_find(op, c->paths, c->npaths, &f.places);

	if (!r)
		r = run(&f);
	if (!r && f.oldest)
		snprintf(c->oldest_key, sizeof(c->oldest_key), "%s",
			 e->generations[f.oldest - 1].key_id);
	*ret_refs = f.refs;
	rebind_free(&f.rebind);
	places_free(&f.places);
	free(f.seen);
	free(f.found);
	free(f.lost);
	return r;
}
