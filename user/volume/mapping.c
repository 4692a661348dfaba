// SPDX-License-Identifier: GPL-2.0-or-later
/* See mapping.h. */
#include "volume/mapping.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/device.h"
#include "volume/dif.h"
#include "volume/mapper.h"

static_assert(sizeof(((struct mapping *)0)->dm_uuid) == MAPPER_UUID_MAX,
	      "device-mapper's limit");

/* What device-mapper and udev take as it is; others would be mangled. */
bool mapping_name_ok(const char *name)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789#+-.:=@_";
	size_t len = strlen(name);

	return len && len < MAPPING_NAME_MAX && strspn(name, chars) == len &&
	       strcmp(name, ".") && strcmp(name, "..") &&
	       strcmp(name, "control");
}

int mapping_dm_uuid(const char *uuid, const char *name,
		    char ret[MAPPING_UUID_MAX])
{
	int len;

	len = snprintf(ret, MAPPING_UUID_MAX, "%s%s-%s", KMSC_DM_UUID_PREFIX,
		       uuid, name);
	return len < 0 || len >= MAPPING_UUID_MAX ? -EINVAL : 0;
}

static int create(struct op *op, const char *name, const char *dm_uuid,
		  const struct mapping_table *t, bool read_only)
{
	_cleanup_free_ char *params = NULL;
	int r = mapping_params(t, &params);
	const struct mapper_device d = {
		.name = name,
		.dm_uuid = dm_uuid,
		.target = KMSC_TARGET_NAME,
		.module = MAPPING_MODULE,
		.len = t->len,
		.params = params,
		.read_only = read_only,
	};

	return r < 0 ? r : mapper_create(op, &d);
}

int mapping_create(struct op *op, const char *name,
		   const struct mapping_table *t, bool read_only)
{
	struct mapping_table own = *t;
	char dm_uuid[MAPPING_UUID_MAX];
	struct op unused;
	int r;

	if (!mapping_name_ok(name))
		return op_fail(op, -EINVAL, "'%s' is not a name for a mapping",
			       name);
	r = mapping_dm_uuid(t->uuid, name, dm_uuid);
	if (r < 0)
		return op_fail(op, r, "the name '%s' is too long", name);
	if (*t->beneath)
		r = dif_create(op, name, &own, read_only);
	if (r < 0)
		return r;
	r = create(op, name, dm_uuid, &own, read_only);
	op_init(&unused, 0);
	if (r < 0 && *t->beneath)
		(void)dif_remove(&unused, name, false);
	return r;
}

static int absent(struct op *op, const char *name)
{
	return op_fail(op, -ENXIO, "there is no kmscrypt mapping '%s'", name);
}

/* Is @dm_uuid one of ours? Then which volume's? */
static bool parse_dm_uuid(const char *dm_uuid, char *ret)
{
	const size_t prefix = strlen(KMSC_DM_UUID_PREFIX);
	uint8_t bytes[KMSC_UUID_BYTES];

	if (strncmp(dm_uuid, KMSC_DM_UUID_PREFIX, prefix) ||
	    strlen(dm_uuid) <= prefix + KMSC_UUID_STR_LEN ||
	    dm_uuid[prefix + KMSC_UUID_STR_LEN] != '-')
		return false;
	memcpy(ret, dm_uuid + prefix, KMSC_UUID_STR_LEN);
	ret[KMSC_UUID_STR_LEN] = '\0';
	return uuid_parse(ret, bytes) == 0;
}

/*
 * Parameters of the first target, which must be ours; @type says which text.
 * @ret_len: its length in sectors, or NULL
 */
static int target_params(struct op *op, int type, const char *name, char **ret,
			 uint64_t *ret_len)
{
	_cleanup_task_ struct dm_task *t = NULL;
	char *target = NULL, *params = NULL;
	uint64_t start, len;
	int r;

	r = mapper_task(type, name, &t);
	if (r == 0)
		r = mapper_run(t);
	if (r < 0)
		return mapper_fail(op, name, r);
	dm_get_next_target(t, NULL, &start, &len, &target, &params);
	if (!target || strcmp(target, KMSC_TARGET_NAME) || !params)
		return absent(op, name);
	if (ret_len)
		*ret_len = len;
	*ret = strdup(params);
	return *ret ? 0 : -ENOMEM;
}

/*
 * A mapping that a plain `dmsetup create` made has no DM UUID, or one of its
 * maker's choice: what it is stands in its table.
 */
static int uuid_from_table(struct op *op, const char *name, char *ret)
{
	static const char mark[] = ":" KMSC_TABLE_KEY_TYPE ":";
	_cleanup_free_ char *params = NULL;
	uint8_t bytes[KMSC_UUID_BYTES];
	const char *uuid;
	int r;

	r = target_params(op, DM_DEVICE_TABLE, name, &params, NULL);
	if (r < 0)
		return r;
	uuid = strstr(params, mark);
	if (!uuid)
		return absent(op, name);
	snprintf(ret, KMSC_UUID_STR_LEN + 1, "%s", uuid + strlen(mark));
	return uuid_parse(ret, bytes) < 0 ? absent(op, name) : 0;
}

int mapping_info(struct op *op, const char *name, struct mapping *ret)
{
	struct mapping m = { 0 };
	struct dm_info info;
	int r;

	if (!mapping_name_ok(name))
		return absent(op, name);
	r = mapper_info(op, name, &info, m.dm_uuid);
	if (r < 0)
		return r == -ENXIO ? absent(op, name) : r;
	snprintf(m.name, sizeof(m.name), "%s", name);
	if (!parse_dm_uuid(m.dm_uuid, m.uuid)) {
		r = uuid_from_table(op, name, m.uuid);
		if (r < 0)
			return r;
	}
	m.major = info.major;
	m.minor = info.minor;
	m.open_count = info.open_count;
	m.suspended = info.suspended;
	m.read_only = info.read_only;
	m.live = info.live_table;
	*ret = m;
	return 0;
}

int mapping_remove(struct op *op, const char *name, bool deferred)
{
	struct mapping m;
	int r = mapping_info(op, name, &m);

	if (r == -ENXIO) {
		/* what a killed one left is the same to who closes it */
		struct op words = *op;

		r = dif_remove(op, name, deferred);
		if (!r)
			*op = words;
		return r > 0 ? 0 : r ?: -ENXIO;
	}
	if (r < 0)
		return r;
	r = mapper_remove(name, deferred);
	if (r == -EBUSY)
		return op_fail(op, r, "'%s' is in use", name);
	if (r < 0)
		return mapper_fail(op, name, r);
	r = dif_remove(op, name, deferred);
	return r < 0 ? r : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct mapping *)a)->name,
		      ((const struct mapping *)b)->name);
}

struct list {
	struct mapping *items;
	size_t n;
};

static int append(struct op *op, const char *name, void *arg)
{
	struct list *list = arg;
	struct mapping *bigger, m;
	int r = mapping_info(op, name, &m);

	op_clear(op);
	/* not ours, or removed in the meantime */
	if (r)
		return 0;
	bigger = reallocarray(list->items, list->n + 1, sizeof(m));
	if (!bigger)
		return -ENOMEM;
	list->items = bigger;
	list->items[list->n++] = m;
	return 0;
}

int mapping_list(struct op *op, struct mapping **ret, size_t *ret_n)
{
	struct list list = { 0 };
	int r = mapper_each(op, append, &list);

	if (r < 0) {
		free(list.items);
		return r;
	}
	if (list.n)
		qsort(list.items, list.n, sizeof(*list.items), compare);
	*ret = list.items;
	*ret_n = list.n;
	return 0;
}

enum nearness { PLACE_OTHER, PLACE_UNKNOWN, PLACE_SAME };

/* Is mapping @name on @device? An image may be below any loop device. */
static enum nearness place_of(const char *name, const char *device)
{
	char below[MAPPING_DEVICE_MAX];
	struct stat a, b;
	struct op op;

	op_init(&op, 0);
	if (mapping_device(&op, name, below))
		return PLACE_UNKNOWN;
	/* One device has many names, and may have no node. */
	if (!strcmp(below, device))
		return PLACE_SAME;
	if (stat(device, &a))
		return PLACE_UNKNOWN;
	if (S_ISREG(a.st_mode))
		return strncmp(below, "/dev/loop", strlen("/dev/loop")) ?
			       PLACE_OTHER :
			       PLACE_UNKNOWN;
	if (stat(below, &b))
		return PLACE_UNKNOWN;
	return S_ISBLK(a.st_mode) && a.st_rdev == b.st_rdev ? PLACE_SAME :
							      PLACE_OTHER;
}

int mapping_find(struct op *op, const char *uuid, const char *device,
		 bool maybe, struct mapping **ret, size_t *ret_n)
{
	enum nearness least = maybe ? PLACE_UNKNOWN : PLACE_SAME;
	struct mapping *all = NULL;
	size_t n = 0, kept = 0;
	int r = mapping_list(op, &all, &n);

	*ret = NULL;
	*ret_n = 0;
	if (r == -EOPNOTSUPP) {
		op_clear(op);
		return 0;
	}
	if (r)
		return r;
	for (size_t i = 0; i < n; i++)
		if ((!uuid || !strcmp(all[i].uuid, uuid)) &&
		    (!device || place_of(all[i].name, device) >= least))
			all[kept++] = all[i];
	*ret = all;
	*ret_n = kept;
	return 0;
}

static int target_text(struct op *op, int type, const char *name, char **ret)
{
	struct mapping m;
	int r = mapping_info(op, name, &m);

	return r < 0 ? r : target_params(op, type, name, ret, NULL);
}

int mapping_status(struct op *op, const char *name, char **ret)
{
	return target_text(op, DM_DEVICE_STATUS, name, ret);
}

int mapping_table_text(struct op *op, const char *name, char **ret)
{
	return target_text(op, DM_DEVICE_TABLE, name, ret);
}

int mapping_device(struct op *op, const char *name,
		   char ret[MAPPING_DEVICE_MAX])
{
	_cleanup_free_ char *params = NULL, *link = NULL, *found = NULL;
	unsigned int major, minor;
	dev_t dev;
	int r;

	r = target_text(op, DM_DEVICE_TABLE, name, &params);
	if (r < 0)
		return r;
	/* as the kernel writes it: cipher, key, iv_offset, device */
	if (sscanf(params, "%*s %*s %*s %u:%u ", &major, &minor) != 2)
		return op_fail(op, -EBADMSG, "%s has an odd table", name);
	dev = makedev(major, minor);
	if (strstr(params, " integrity:"))
		r = device_beneath(op, dev, &dev);
	if (r < 0)
		return r;
	if (asprintf(&link, "/sys/dev/block/%u:%u", major(dev), minor(dev)) <
	    0) {
		link = NULL;
		return -ENOMEM;
	}
	found = realpath(link, NULL);
	if (!found)
		return op_fail(op, -ENODEV, "%s: its device is gone", name);
	snprintf(ret, MAPPING_DEVICE_MAX, "/dev%s", strrchr(found, '/'));
	/* sysfs writes '!' for the '/' in names such as cciss/c0d0 */
	for (char *p = ret + strlen("/dev/"); *p; p++)
		if (*p == '!')
			*p = '/';
	return 0;
}

int mapping_resize(struct op *op, const char *name, uint64_t len,
		   uint64_t *ret_before)
{
	_cleanup_free_ char *params = NULL;
	struct mapper_device d = {
		.name = name,
		.target = KMSC_TARGET_NAME,
		.module = MAPPING_MODULE,
		.len = len,
	};
	struct mapping m;
	int r;

	r = mapping_info(op, name, &m);
	if (r == 0)
		r = target_params(op, DM_DEVICE_TABLE, name, &params,
				  ret_before);
	if (r < 0 || *ret_before == len)
		return r;
	/* The kernel has the key: the volume is open, so no KMS is asked. */
	d.params = params;
	d.read_only = m.read_only;
	return mapper_reload(op, &d);
}

int mapping_message(struct op *op, const char *name, const char *message,
		    char **ret)
{
	_cleanup_task_ struct dm_task *t = NULL;
	const char *answer;
	struct mapping m;
	int r;

	r = mapping_info(op, name, &m);
	if (r == 0)
		r = mapper_task(DM_DEVICE_TARGET_MSG, name, &t);
	if (r < 0)
		return r;
	if (!dm_task_set_sector(t, 0) || !dm_task_set_message(t, message))
		return -ENOMEM;
	r = mapper_run(t);
	if (r < 0)
		return mapper_fail(op, name, r);
	if (!ret)
		return 0;
	answer = dm_task_get_message_response(t);
	*ret = answer ? strdup(answer) : NULL;
	return answer && !*ret ? -ENOMEM : 0;
}
