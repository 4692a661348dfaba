// SPDX-License-Identifier: GPL-2.0-or-later
/* See scan.h. */
#include "volume/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "kms/config.h"
#include "volume/luks.h"

#define SYS_BLOCK "/sys/class/block"
#define LUKS_MAGIC_BYTES 8

void scan_item_free(struct scan_item *item)
{
	free(item->device);
	free(item->header);
}

void scan_free(struct scan *s)
{
	for (size_t i = 0; i < s->n; i++)
		scan_item_free(&s->items[i]);
	free(s->items);
	s->items = NULL;
	s->n = 0;
}

/* A zeroed item at the end; the pointer holds until the next call. */
static struct scan_item *item_new(struct scan *s)
{
	struct scan_item *items;

	items = reallocarray(s->items, s->n + 1, sizeof(*items));
	if (!items)
		return NULL;
	s->items = items;
	memset(&items[s->n], 0, sizeof(*items));
	return &items[s->n++];
}

static void item_drop(struct scan *s)
{
	scan_item_free(&s->items[--s->n]);
}

static bool has_id(const struct scan_item *item, const char *id)
{
	for (size_t i = 0; i < item->nids; i++)
		if (!strcmp(item->ids[i], id))
			return true;
	return false;
}

bool scan_refers(const struct scan_item *item, const char *id)
{
	/* Nothing is known about it, so it may be anything's. */
	if (item->err && !item->nids)
		return true;
	return has_id(item, id);
}

bool scan_depends(const struct scan_item *item, const struct entry *e)
{
	for (size_t i = 0; i < e->ngenerations; i++)
		if (scan_refers(item, e->generations[i].id))
			return true;
	return false;
}

const struct scan_item *scan_neediest(const struct scan *s,
				      const struct entry *e)
{
	const struct scan_item *found = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct scan_item *item = &s->items[i];

		if (!item->err && scan_depends(item, e) &&
		    (!found || item->nids < found->nids))
			found = item;
	}
	return found;
}

struct luks_place scan_place(const struct scan_item *item)
{
	return (struct luks_place){ item->device, item->header };
}

static void add_id(struct scan_item *item, const char *id)
{
	if (has_id(item, id) || item->nids == REGISTRY_BINDINGS_MAX)
		return;
	memcpy(item->ids[item->nids++], id, sizeof(item->ids[0]));
}

/* Which place is it? The same device has many names. */
static void identify(struct scan_item *item)
{
	struct stat st;

	if (stat(item->header ? item->header : item->device, &st))
		return;
	if (S_ISBLK(st.st_mode)) {
		item->dev = st.st_rdev;
		item->ino = 0;
	} else {
		item->dev = st.st_dev;
		item->ino = st.st_ino;
	}
}

static bool seen_before(const struct scan *s, const struct scan_item *item)
{
	if (!item->dev)
		return false;
	for (const struct scan_item *i = s->items; i < item; i++)
		if (!i->err && i->dev == item->dev && i->ino == item->ino)
			return true;
	return false;
}

/* What @h, read at the place of @item, says of it. */
static int take_header(struct op *op, struct scan_item *item,
		       const struct header *h)
{
	if (!h->nbindings && strcmp(h->subsystem, LUKS_SUBSYSTEM))
		return op_fail(op, -ENODATA, "%s is not a kmscrypt volume",
			       item->device);
	if (item->registered && strcmp(item->uuid, h->uuid))
		return op_fail(op, -ENODEV, "%s holds another volume now",
			       item->device);
	memcpy(item->uuid, h->uuid, sizeof(item->uuid));
	memcpy(item->label, h->label, sizeof(item->label));
	item->nids = 0;
	for (size_t i = 0; i < h->nbindings; i++)
		if (*h->bindings[i].wrapped.entry)
			add_id(item, h->bindings[i].wrapped.entry);
	return 0;
}

/* Is there a volume of ours at item->device? Fills the rest of @item. */
static int look(struct op *op, struct scan_item *item)
{
	struct luks_place place = scan_place(item);
	_cleanup_header_ struct header h = { 0 };
	int r = luks_read(op, &place, &h);

	identify(item);
	return r ? r : take_header(op, item, &h);
}

static void fail_item(struct op *op, struct scan_item *item, int err)
{
	item->err = err;
	memcpy(item->why, op->detail, sizeof(item->why));
	op_clear(op);
}

int scan_header(struct op *op, struct scan_item *item, const struct header *h,
		int err)
{
	if (!err)
		err = take_header(op, item, h);
	if (err)
		fail_item(op, item, err);
	return err;
}

int scan_record(struct op *op, const char *uuid, struct scan_item *item)
{
	struct registry_volume v = { 0 };
	int r;

	memset(item, 0, sizeof(*item));
	item->registered = true;
	snprintf(item->uuid, sizeof(item->uuid), "%s", uuid);
	r = registry_load(op, uuid, &v);
	item->device = strdup(r ? "" : v.device);
	if (!item->device)
		return -ENOMEM;
	if (r) {
		fail_item(op, item, r);
		return 0;
	}
	memcpy(item->label, v.label, sizeof(item->label));
	/* Until its header is read, what was last seen decides. */
	for (size_t i = 0; i < v.nbindings; i++)
		add_id(item, v.bindings[i].generation);
	if (*v.header) {
		item->header = strdup(v.header);
		if (!item->header)
			return -ENOMEM;
	}
	if (!*v.device)
		fail_item(op, item, -ENODEV);
	return 0;
}

static int add_registered(struct op *op, struct scan *s, const char *uuid)
{
	struct scan_item *item = item_new(s);
	int r;

	if (!item)
		return -ENOMEM;
	r = scan_record(op, uuid, item);
	if (r || item->err)
		return r;
	r = look(op, item);
	if (r)
		fail_item(op, item, r);
	return 0;
}

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

int scan_registry(struct op *op, struct scan *s)
{
	char **uuids = NULL;
	size_t n = 0;
	int r = registry_list(op, &uuids, &n);

	for (size_t i = 0; !r && i < n; i++)
		r = add_registered(op, s, uuids[i]);
	free_names(uuids, n);
	return r;
}

static struct scan_item *find_unreached(struct scan *s, const char *uuid)
{
	for (size_t i = 0; i + 1 < s->n; i++)
		if (s->items[i].registered && s->items[i].err &&
		    !strcmp(s->items[i].uuid, uuid))
			return &s->items[i];
	return NULL;
}

static bool is_registered(const struct scan *s, const char *uuid)
{
	for (size_t i = 0; i + 1 < s->n; i++)
		if (s->items[i].registered && !strcmp(s->items[i].uuid, uuid))
			return true;
	return false;
}

int scan_path(struct op *op, struct scan *s, const char *path)
{
	struct scan_item *item = item_new(s), *lost;
	int r;

	if (!item)
		return -ENOMEM;
	item->device = realpath(path, NULL);
	if (!item->device) {
		r = errno == ENOMEM ? -ENOMEM : -errno;
		item_drop(s);
		return op_fail(op, r, "%s: %s", path, strerror(-r));
	}
	r = look(op, item);
	if (r || seen_before(s, item)) {
		item_drop(s);
		return r;
	}
	item->registered = is_registered(s, item->uuid);
	lost = find_unreached(s, item->uuid);
	if (lost) {
		/* The registry's volume has moved here. */
		scan_item_free(lost);
		*lost = *item;
		s->n--;
	}
	return 0;
}

/* A cheap look before libcryptsetup's: either copy of a LUKS2 header. */
static bool has_magic(const char *path)
{
	static const char first[] = "LUKS\xba\xbe\x00\x02";
	static const char second[] = "SKUL\xba\xbe\x00\x02";
	char buf[LUKS_MAGIC_BYTES];
	_cleanup_close_ int fd = -1;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (pread(fd, buf, sizeof(buf), 0) == (ssize_t)sizeof(buf) &&
	    !memcmp(buf, first, sizeof(buf)))
		return true;
	/* Where the second copy can be, by the size of the first. */
	for (off_t at = 0x4000; at <= 0x400000; at *= 2)
		if (pread(fd, buf, sizeof(buf), at) == (ssize_t)sizeof(buf) &&
		    !memcmp(buf, second, sizeof(buf)))
			return true;
	return false;
}

static int block_device(const char *name, int (*fn)(const char *, void *),
			void *arg)
{
	_cleanup_free_ char *path = NULL;

	/* Drives without a medium answer slowly and hold no volume. */
	if (!strncmp(name, "fd", 2) || !strncmp(name, "sr", 2))
		return 0;
	if (asprintf(&path, "/dev/%s", name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	/* sysfs writes '!' for the '/' in names such as cciss/c0d0. */
	for (char *p = path + strlen("/dev/"); *p; p++)
		if (*p == '!')
			*p = '/';
	return has_magic(path) ? fn(path, arg) : 0;
}

int scan_block(int (*fn)(const char *path, void *arg), void *arg)
{
	DIR *dir = opendir(SYS_BLOCK);
	struct dirent *d;
	int r = 0;

	/* No sysfs, no devices: a container. */
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!r && (errno = 0, d = readdir(dir)))
		if (*d->d_name != '.')
			r = block_device(d->d_name, fn, arg);
	/* Half a list would pass for all that there is. */
	if (!r)
		r = -errno;
	closedir(dir);
	return r;
}

struct found {
	struct op *op;
	struct scan *s;
};

static int add_device(const char *path, void *arg)
{
	struct found *f = arg;
	int r = scan_path(f->op, f->s, path);

	/* Somebody else's, or damaged: not ours to report here. */
	if (r == -ENOMEM)
		return r;
	op_clear(f->op);
	return 0;
}

int scan_devices(struct op *op, struct scan *s)
{
	struct found f = { op, s };

	return scan_block(add_device, &f);
}

int scan_known(struct op *op, const char *const *paths, size_t npaths,
	       struct scan *s)
{
	int r = scan_registry(op, s);

	if (!r)
		r = scan_devices(op, s);
	for (size_t i = 0; !r && i < npaths; i++)
		r = scan_path(op, s, paths[i]);
	return r;
}

static void set_text(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%s", src ? src : "");
}

int scan_register(struct op *op, const struct scan_item *item)
{
	struct registry_volume v = { 0 };
	_cleanup_close_ int lock = -1;
	int r;

	r = registry_lock(op, &lock);
	if (r)
		return r;
	r = registry_load(op, item->uuid, &v);
	if (r && r != -ENOENT)
		return r;
	if (r) {
		op_clear(op);
		memset(&v, 0, sizeof(v));
		set_text(v.uuid, sizeof(v.uuid), item->uuid);
	}
	set_text(v.device, sizeof(v.device), item->device);
	set_text(v.header, sizeof(v.header), item->header);
	set_text(v.label, sizeof(v.label), item->label);
	v.updated = (uint64_t)time(NULL);
	/* Pins stay. Without any, note who wraps it, with nothing pinned. */
	if (!v.nbindings) {
		for (size_t i = 0; i < item->nids; i++) {
			struct generation g = { 0 };
			struct registry_binding *b = &v.bindings[v.nbindings++];

			set_text(b->generation, sizeof(b->generation),
				 item->ids[i]);
			if (!config_find(op, item->ids[i], &g, b->entry))
				generation_free(&g);
			else
				set_text(b->entry, sizeof(b->entry), "");
		}
		op_clear(op);
	}
	return registry_save(op, &v);
}
