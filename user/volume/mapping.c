// SPDX-License-Identifier: GPL-2.0-or-later
/* See mapping.h. */
#include "volume/mapping.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libdevmapper.h>

#include "base/error.h"
#include "base/file.h"
#include "base/op.h"

#define UDEV_CONTROL "/run/udev/control"
#define LOG_LEVEL_ERR 3 /* syslog's, as the library counts */

/* The library's last error; it has one log function for the process. */
static char said[256];

static void listen(int level, const char *file, int line, int dm_errno,
		   const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void listen(int level, const char *file, int line, int dm_errno,
		   const char *fmt, ...)
{
	va_list ap;

	(void)file;
	(void)line;
	(void)dm_errno;
	/* the high bits are flags */
	if ((level & 7) > LOG_LEVEL_ERR)
		return;
	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
}

static void task_destroyp(struct dm_task **t)
{
	if (*t)
		dm_task_destroy(*t);
	*t = NULL;
}

#define _cleanup_task_ __attribute__((cleanup(task_destroyp)))

static int fail(struct op *op, const char *name, int err)
{
	if (err == -EOPNOTSUPP) {
		op_next(op, "Run 'modprobe dm_mod'; a container needs the "
			    "host's /dev/mapper/control.");
		return op_fail(op, err, "%s: there is no device-mapper here",
			       name);
	}
	if (!said[0])
		return op_fail(op, err, "%s: %s", name, strerror(-err));
	return op_fail(op, err, "%s: %s", name, said);
}

static int task_new(int type, const char *name, struct dm_task **ret)
{
	struct dm_task *t;

	dm_log_with_errno_init(listen);
	said[0] = '\0';
	/* without a daemon nobody would answer the cookie or make the node */
	if (access(UDEV_CONTROL, F_OK) < 0)
		dm_udev_set_sync_support(0);
	t = dm_task_create(type);
	/* It asks the driver for its version first: that is what it lacks. */
	if (!t)
		return -EOPNOTSUPP;
	if (name && !dm_task_set_name(t, name)) {
		dm_task_destroy(t);
		return -EINVAL;
	}
	*ret = t;
	return 0;
}

/* Return: 0, or the ioctl's errno, unchanged. */
static int task_run(struct dm_task *t)
{
	int err;

	if (dm_task_run(t))
		return 0;
	err = dm_task_get_errno(t);
	return err ? -err : -EIO;
}

/* For what makes or removes a node: waits until udev has done its part. */
static int task_run_udev(struct dm_task *t)
{
	uint32_t cookie = 0;
	int r;

	if (!dm_task_set_cookie(t, &cookie, 0))
		return -EIO;
	r = task_run(t);
	/* also after a failure, or the semaphore stays behind */
	dm_udev_wait(cookie);
	return r;
}

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

/*
 * Create, load and resume are three calls here: the library's create with a
 * table does the same in one, but its clean-up overwrites the errno.
 */
static int create_empty(struct op *op, const char *name, const char *dm_uuid)
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r;

	r = task_new(DM_DEVICE_CREATE, name, &t);
	if (r < 0)
		return fail(op, name, r);
	if (!dm_task_set_uuid(t, dm_uuid) ||
	    !dm_task_set_add_node(t, DM_ADD_NODE_ON_RESUME))
		return -ENOMEM;
	r = task_run(t);
	if (r == -EBUSY)
		return op_fail(op, -EEXIST, "there is a mapping '%s' already",
			       name);
	return r < 0 ? fail(op, name, r) : 0;
}

/* Does the kernel know the target? An absent one gives a bare -EINVAL. */
static bool target_missing(void)
{
	_cleanup_task_ struct dm_task *t = NULL;
	struct dm_versions *v, *last;

	if (task_new(DM_DEVICE_LIST_VERSIONS, NULL, &t) < 0 || task_run(t) < 0)
		return false;
	v = dm_task_get_versions(t);
	do {
		if (!strcmp(v->name, KMSC_TARGET_NAME))
			return false;
		last = v;
		v = (struct dm_versions *)(void *)((char *)v + v->next);
	} while (last->next);
	return true;
}

static int load(struct op *op, const char *name, uint64_t len,
		const char *params, bool read_only)
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r;

	r = task_new(DM_DEVICE_RELOAD, name, &t);
	if (r < 0)
		return r;
	if (!dm_task_add_target(t, 0, len, KMSC_TARGET_NAME, params) ||
	    (read_only && !dm_task_set_ro(t)))
		return -ENOMEM;
	r = task_run(t);
	if (r == -EINVAL && target_missing()) {
		op_next(op, "Run 'modprobe kmscrypt'.");
		return op_fail(
			op, -EOPNOTSUPP,
			"the kernel has no target %s (module not loaded)",
			KMSC_TARGET_NAME);
	}
	if (r == -EINVAL)
		op_next(op, "The kernel log says what (dmesg).");
	return r < 0 ? op_fail(op, r, "the kernel does not open '%s': %s", name,
			       error_info(r)->message) :
		       0;
}

static int resume(struct op *op, const char *name)
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r;

	r = task_new(DM_DEVICE_RESUME, name, &t);
	if (r < 0)
		return r;
	if (!dm_task_set_add_node(t, DM_ADD_NODE_ON_RESUME))
		return -ENOMEM;
	r = task_run_udev(t);
	return r < 0 ? fail(op, name, r) : 0;
}

static int drop(const char *name, bool deferred)
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r;

	r = task_new(DM_DEVICE_REMOVE, name, &t);
	if (r < 0)
		return r;
	/* udev may hold it open for a moment; then it is tried again */
	if (deferred ? !dm_task_deferred_remove(t) : !dm_task_retry_remove(t))
		return -ENOMEM;
	return task_run_udev(t);
}

int mapping_create(struct op *op, const char *name,
		   const struct mapping_table *t, bool read_only)
{
	_cleanup_free_ char *params = NULL;
	char dm_uuid[MAPPING_UUID_MAX];
	int r;

	if (!mapping_name_ok(name))
		return op_fail(op, -EINVAL, "'%s' is not a name for a mapping",
			       name);
	r = mapping_dm_uuid(t->uuid, name, dm_uuid);
	if (r < 0)
		return op_fail(op, r, "the name '%s' is too long", name);
	r = mapping_params(t, &params);
	if (r == 0)
		r = create_empty(op, name, dm_uuid);
	if (r < 0)
		return r;
	r = load(op, name, t->len, params, read_only);
	if (r == 0)
		r = resume(op, name);
	if (r < 0)
		(void)drop(name, false);
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

	r = task_new(type, name, &t);
	if (r == 0)
		r = task_run(t);
	if (r < 0)
		return fail(op, name, r);
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
	_cleanup_task_ struct dm_task *t = NULL;
	struct mapping m = { 0 };
	struct dm_info info;
	int r;

	if (!mapping_name_ok(name))
		return absent(op, name);
	r = task_new(DM_DEVICE_INFO, name, &t);
	if (r == 0)
		r = task_run(t);
	if (r < 0 && r != -ENXIO)
		return fail(op, name, r);
	if (r < 0 || !dm_task_get_info(t, &info) || !info.exists)
		return absent(op, name);
	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.dm_uuid, sizeof(m.dm_uuid), "%s", dm_task_get_uuid(t) ?: "");
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
	int r;

	r = mapping_info(op, name, &m);
	if (r < 0)
		return r;
	r = drop(name, deferred);
	if (r == -EBUSY)
		return op_fail(op, r, "'%s' is in use", name);
	return r < 0 ? fail(op, name, r) : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct mapping *)a)->name,
		      ((const struct mapping *)b)->name);
}

static int append(struct mapping **list, size_t *n, const struct mapping *m)
{
	struct mapping *bigger;

	bigger = reallocarray(*list, *n + 1, sizeof(**list));
	if (!bigger)
		return -ENOMEM;
	bigger[*n] = *m;
	*list = bigger;
	++*n;
	return 0;
}

int mapping_list(struct op *op, struct mapping **ret, size_t *ret_n)
{
	_cleanup_task_ struct dm_task *t = NULL;
	struct mapping *list = NULL;
	struct mapping m;
	struct dm_names *d;
	size_t n = 0;
	int r;

	r = task_new(DM_DEVICE_LIST, NULL, &t);
	if (r == 0)
		r = task_run(t);
	if (r < 0)
		return fail(op, "device-mapper", r);
	d = dm_task_get_names(t);
	while (d && d->dev) {
		r = mapping_info(op, d->name, &m);
		op_clear(op);
		/* not ours, or removed in the meantime */
		if (r == 0)
			r = append(&list, &n, &m);
		if (r == -ENOMEM) {
			free(list);
			return r;
		}
		if (!d->next)
			break;
		d = (struct dm_names *)(void *)((char *)d + d->next);
	}
	if (n)
		qsort(list, n, sizeof(*list), compare);
	*ret = list;
	*ret_n = n;
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
	int r;

	r = target_text(op, DM_DEVICE_TABLE, name, &params);
	if (r < 0)
		return r;
	/* as the kernel writes it: cipher, key, iv_offset, device */
	if (sscanf(params, "%*s %*s %*s %u:%u ", &major, &minor) != 2)
		return op_fail(op, -EBADMSG, "%s has an odd table", name);
	if (asprintf(&link, "/sys/dev/block/%u:%u", major, minor) < 0) {
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
	struct mapping m;
	int r;

	r = mapping_info(op, name, &m);
	if (r == 0)
		r = target_params(op, DM_DEVICE_TABLE, name, &params,
				  ret_before);
	if (r < 0 || *ret_before == len)
		return r;
	/* The kernel has the key: the volume is open, so no KMS is asked. */
	r = load(op, name, len, params, m.read_only);
	return r < 0 ? r : resume(op, name);
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
		r = task_new(DM_DEVICE_TARGET_MSG, name, &t);
	if (r < 0)
		return r;
	if (!dm_task_set_sector(t, 0) || !dm_task_set_message(t, message))
		return -ENOMEM;
	r = task_run(t);
	if (r < 0)
		return fail(op, name, r);
	if (!ret)
		return 0;
	answer = dm_task_get_message_response(t);
	*ret = answer ? strdup(answer) : NULL;
	return answer && !*ret ? -ENOMEM : 0;
}
