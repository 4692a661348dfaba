// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many volumes on small image files, for kms.sh and for tests that kill:
 *
 *	volumes make DIR N ENTRY	DIR/0.img to DIR/<N-1>.img, registered and
 *					bound to ENTRY
 *	volumes write DIR N		writes each header once, as it is: what
 *					that costs is the measure for the rest
 *	volumes open DIR N		unwraps each and compares with the pins
 *
 * All with as many workers as kms rewrap has. Prints what was done and the
 * time that it took: "N done, W s wall, C s cpu, M kB".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "volume/crew.h"
#include "volume/luks.h"
#include "volume/unlock.h"

#define WORKERS 8
#define CHUNK 100
#define DATA_OFFSET (1024 * 1024) /* less keyslot area: quicker to make */
#define IMAGE_BYTES (16 * 1024 * 1024)

static const char *dir, *entry;
static size_t done;
static struct generation g;
static struct kms *kms;

struct outcome {
	int err;
	char words[OP_TEXT_MAX];
};

/* One volume that is being made. */
struct volume {
	char path[512];
	struct header h;
	struct capsule capsule;
	struct secret plain;
};

static void image(size_t i, char path[512])
{
	snprintf(path, 512, "%s/%zu.img", dir, i);
}

static int format(struct op *op, struct volume *v)
{
	const struct luks_place place = { v->path, NULL };
	const struct luks_format f = { .offset = DATA_OFFSET,
				       .sector_size = 4096 };
	int fd = open(v->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), r;

	if (fd < 0 || ftruncate(fd, IMAGE_BYTES))
		return op_fail(op, -errno, "%s", v->path);
	close(fd);
	v->capsule.epoch = 1;
	r = secret_random(&v->capsule.key, 64);
	if (!r)
		r = luks_format(op, &place, &f, &v->capsule.key, &v->h);
	if (!r)
		r = capsule_bind(&v->capsule, &v->h, 0);
	return r ? r : capsule_encode(&v->capsule, &v->plain);
}

static int finish(struct op *op, struct volume *v, const struct wrapped *w)
{
	const struct luks_place place = { v->path, NULL };
	struct binding b = { .token = -1, .key_bytes = 64, .wrapped = *w };
	struct registry_volume record = { 0 };
	int r = luks_add(op, &place, v->h.uuid, &b);

	free(b.json);
	memcpy(record.uuid, v->h.uuid, sizeof(record.uuid));
	snprintf(record.device, sizeof(record.device), "%s", v->path);
	if (!r)
		r = registry_pin(&record, g.id, entry, &v->capsule, true);
	return r ? r : registry_save(op, &record);
}

static int session(struct op *op)
{
	int r = kms ? 0 : config_current(op, entry, &g);

	return r || kms ? r : kms_open(op, &g, &kms);
}

static void say(struct crew_post *to, int err, const struct op *op)
{
	struct outcome o = { .err = err };

	snprintf(o.words, sizeof(o.words), "%s", op->detail);
	crew_post(to, &o);
}

static void make(struct crew_post *to, size_t from, size_t end, bool alone,
		 void *arg)
{
	struct volume *v = calloc(end - from, sizeof(*v));
	struct kms_item *items = calloc(end - from, sizeof(*items));
	struct op op;
	int r;

	(void)alone;
	(void)arg;
	op_init(&op, 0);
	r = v && items ? session(&op) : -ENOMEM;
	for (size_t i = 0; !r && i < end - from; i++) {
		image(from + i, v[i].path);
		r = format(&op, &v[i]);
		items[i].plain = &v[i].plain;
	}
	if (!r)
		r = kms_many(&op, kms, KMS_WRAP, items, end - from);
	for (size_t i = 0; i < end - from; i++) {
		int s = r ? r : items[i].err;

		if (items[i].err)
			op = items[i].op;
		if (!s)
			s = finish(&op, &v[i], &items[i].wrapped);
		say(to, s, &op);
		header_free(&v[i].h);
		capsule_free(&v[i].capsule);
		secret_free(&v[i].plain);
	}
	free(v);
	free(items);
}

static int write_one(struct op *op, const struct luks_place *place)
{
	struct luks_edit *edit = NULL;
	struct header h;
	int r = luks_edit_open(op, place, &h, &edit);

	for (size_t i = 0; !r && i < h.nbindings; i++) {
		struct binding b = h.bindings[i];

		b.json = NULL;
		r = luks_edit_replace(op, edit, &h.bindings[i], &b);
		free(b.json);
	}
	luks_edit_close(edit);
	header_free(&h);
	return r;
}

static int open_one(struct op *op, const struct luks_place *place)
{
	_cleanup_unlocked_ struct unlocked u = { 0 };
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	int r = unlock_prepare(op, place, NULL, NULL, 0, &plan);

	if (!r && !plan.known)
		return op_fail(op, -ENOENT, "%s is not in the registry",
			       place->device);
	return r ? r : unlock_run(op, &plan, &u);
}

/* What is done with each volume. */
struct step {
	int (*one)(struct op *op, const struct luks_place *place);
};

static void each(struct crew_post *to, size_t from, size_t end, bool alone,
		 void *arg)
{
	const struct step *step = arg;

	(void)alone;
	for (size_t i = from; i < end; i++) {
		char path[512];
		struct luks_place place = { path, NULL };
		struct op op;

		image(i, path);
		op_init(&op, 20000);
		say(to, step->one(&op, &place), &op);
	}
}

static void result(const void *data, void *arg)
{
	const struct outcome *o = data;

	(void)arg;
	if (o->err)
		fprintf(stderr, "volumes: %s (%s)\n", strerror(-o->err),
			o->words);
	else
		done++;
}

static double seconds(const struct timeval *tv)
{
	return (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
}

static double cpu(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return seconds(&u.ru_utime) + seconds(&u.ru_stime);
}

static double wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct step step = { .one = open_one };
	struct crew crew = { .workers = WORKERS,
			     .chunk = CHUNK,
			     .result_size = sizeof(struct outcome),
			     .work = each,
			     .result = result,
			     .arg = &step };
	double start;
	int r;

	if (argc < 4 || secret_init())
		return 2;
	file_allow_root();
	dir = argv[2];
	crew.n = strtoul(argv[3], NULL, 10);
	entry = argc > 4 ? argv[4] : CONFIG_DEFAULT_ENTRY;
	if (crew.n < WORKERS * CHUNK)
		crew.chunk = crew.n / WORKERS + 1;
	if (!strcmp(argv[1], "make"))
		crew.work = make;
	else if (!strcmp(argv[1], "write"))
		step.one = write_one;
	else if (strcmp(argv[1], "open"))
		return 2;
	start = wall();
	r = crew_run(&crew);
	printf("%zu done, %.3f s wall, %.3f s cpu\n", done, wall() - start,
	       cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN));
	return r || done != crew.n;
}
