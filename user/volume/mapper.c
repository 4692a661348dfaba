// SPDX-License-Identifier: GPL-2.0-or-later
/* See mapper.h. */
#include "volume/mapper.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/op.h"

#define UDEV_CONTROL "/run/udev/control"
/* What cryptsetup says to udev of such a device */
#define HIDDEN                                  \
	(DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | \
	 DM_UDEV_DISABLE_DISK_RULES_FLAG | DM_UDEV_DISABLE_OTHER_RULES_FLAG)
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

void mapper_task_free(struct dm_task **t)
{
	if (*t)
		dm_task_destroy(*t);
	*t = NULL;
}

int mapper_fail(struct op *op, const char *name, int err)
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

int mapper_task(int type, const char *name, struct dm_task **ret)
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

int mapper_run(struct dm_task *t)
{
	int err;

	if (dm_task_run(t))
		return 0;
	err = dm_task_get_errno(t);
	return err ? -err : -EIO;
}

/* For what makes or removes a node: waits until udev has done its part. */
static int run_udev(struct dm_task *t, uint16_t flags)
{
	uint32_t cookie = 0;
	int r;

	if (!dm_task_set_cookie(t, &cookie, flags))
		return -EIO;
	r = mapper_run(t);
	/* also after a failure, or the semaphore stays behind */
	dm_udev_wait(cookie);
	return r;
}

/*
 * Create, load and resume are three calls here: the library's create with a
 * table does the same in one, but its clean-up overwrites the errno.
 */
static int create_empty(struct op *op, const char *name, const char *dm_uuid)
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r;

	r = mapper_task(DM_DEVICE_CREATE, name, &t);
	if (r < 0)
		return mapper_fail(op, name, r);
	if (!dm_task_set_uuid(t, dm_uuid) ||
	    !dm_task_set_add_node(t, DM_ADD_NODE_ON_RESUME))
		return -ENOMEM;
	r = mapper_run(t);
	if (r == -EBUSY)
		return op_fail(op, -EEXIST, "there is a mapping '%s' already",
			       name);
	return r < 0 ? mapper_fail(op, name, r) : 0;
}

int mapper_target(struct op *op, const char *target, const char *module)
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r = mapper_task(DM_DEVICE_GET_TARGET_VERSION, target, &t);

	if (r == 0)
		r = mapper_run(t);
	if (r == -EINVAL) {
		op_next(op, "Run 'modprobe %s'.", module);
		return op_fail(
			op, -EOPNOTSUPP,
			"the kernel has no target %s (module not loaded)",
			target);
	}
	return r < 0 ? mapper_fail(op, target, r) : 0;
}

static int load(struct op *op, const struct mapper_device *d)
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r;

	r = mapper_task(DM_DEVICE_RELOAD, d->name, &t);
	if (r < 0)
		return r;
	if (!dm_task_add_target(t, 0, d->len, d->target, d->params) ||
	    (d->read_only && !dm_task_set_ro(t)))
		return -ENOMEM;
	r = mapper_run(t);
	/* The kernel's word for an absent target is the same. */
	if (r == -EINVAL &&
	    mapper_target(op, d->target, d->module) == -EOPNOTSUPP)
		return -EOPNOTSUPP;
	if (r == -EINVAL)
		op_next(op, "The kernel log says what (dmesg).");
	return r < 0 ? op_fail(op, r, "the kernel does not open '%s': %s",
			       d->name, error_info(r)->message) :
		       0;
}

static int resume(struct op *op, const struct mapper_device *d)
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r;

	r = mapper_task(DM_DEVICE_RESUME, d->name, &t);
	if (r < 0)
		return r;
	if (!dm_task_set_add_node(t, DM_ADD_NODE_ON_RESUME))
		return -ENOMEM;
	r = run_udev(t, d->hidden ? HIDDEN : 0);
	return r < 0 ? mapper_fail(op, d->name, r) : 0;
}

int mapper_remove(const char *name, bool deferred)
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r;

	r = mapper_task(DM_DEVICE_REMOVE, name, &t);
	if (r < 0)
		return r;
	/* udev may hold it open for a moment; then it is tried again */
	if (deferred ? !dm_task_deferred_remove(t) : !dm_task_retry_remove(t))
		return -ENOMEM;
	return run_udev(t, 0);
}

int mapper_reload(struct op *op, const struct mapper_device *d)
{
	int r = load(op, d);

	return r < 0 ? r : resume(op, d);
}

int mapper_create(struct op *op, const struct mapper_device *d)
{
	int r = create_empty(op, d->name, d->dm_uuid);

	if (r < 0)
		return r;
	r = mapper_reload(op, d);
	if (r < 0)
		(void)mapper_remove(d->name, false);
	return r;
}

int mapper_each(struct op *op,
		int (*each)(struct op *op, const char *name, void *arg),
		void *arg)
{
	_cleanup_task_ struct dm_task *t = NULL;
	struct dm_names *d;
	int r;

	r = mapper_task(DM_DEVICE_LIST, NULL, &t);
	if (r == 0)
		r = mapper_run(t);
	if (r < 0)
		return mapper_fail(op, "device-mapper", r);
	d = dm_task_get_names(t);
	while (r == 0 && d && d->dev) {
		r = each(op, d->name, arg);
		if (!d->next)
			break;
		d = (struct dm_names *)(void *)((char *)d + d->next);
	}
	return r;
}

int mapper_info(struct op *op, const char *name, struct dm_info *ret,
		char ret_uuid[MAPPER_UUID_MAX])
{
	_cleanup_task_ struct dm_task *t = NULL;
	int r = mapper_task(DM_DEVICE_INFO, name, &t);

	if (r == 0)
		r = mapper_run(t);
	if (r < 0 && r != -ENXIO)
		return mapper_fail(op, name, r);
	if (r < 0 || !dm_task_get_info(t, ret) || !ret->exists)
		return -ENXIO;
	snprintf(ret_uuid, MAPPER_UUID_MAX, "%s", dm_task_get_uuid(t) ?: "");
	return 0;
}
