/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libdevmapper, a call at a time. What a device is for is not known here: see
 * mapping.h and dif.h.
 *
 * The library's messages are never printed: the last one goes into op. The
 * errno of the kernel's ioctl is passed on unchanged.
 *
 * udev: waits for the cookie when udev runs; without it (no control socket,
 * or DM_DISABLE_UDEV set) libdevmapper makes the nodes.
 */
#ifndef _VOLUME_MAPPER_H
#define _VOLUME_MAPPER_H

#include <stdbool.h>
#include <stdint.h>

#include <libdevmapper.h>

struct op;

#define MAPPER_NAME_MAX 128 /* DM_NAME_LEN, with the NUL */
#define MAPPER_UUID_MAX 129 /* DM_UUID_LEN */

struct mapper_device {
	const char *name;
	const char *dm_uuid;
	const char *target; /* its name */
	const char *module; /* that has the target */
	uint64_t len; /* 512-byte sectors */
	const char *params;
	bool read_only;
	bool hidden; /* udev is to leave what is on it alone */
};

/**
 * mapper_create() - create, load, resume
 *
 * Nothing is left behind on failure. Return: 0; -EEXIST: name or DM UUID is in
 * use; -EOPNOTSUPP: no device-mapper, or the kernel has no such target; -errno
 * of the target's constructor.
 */
int mapper_create(struct op *op, const struct mapper_device *d);

/** mapper_reload() - another table: load, resume. Return: as mapper_create() */
int mapper_reload(struct op *op, const struct mapper_device *d);

/**
 * mapper_remove() - take a device away, without words
 * @deferred: when in use, remove it at the last close instead of failing
 */
int mapper_remove(const char *name, bool deferred);

/**
 * mapper_target() - can the kernel load tables of @target?
 * Loads its module, if need be. Return: 0, -EOPNOTSUPP with words.
 */
int mapper_target(struct op *op, const char *target, const char *module);

/**
 * mapper_each() - call @each with the name of every device of device-mapper
 * Ends when it does not return 0. Return: what it returned, -EOPNOTSUPP, -errno.
 */
int mapper_each(struct op *op,
		int (*each)(struct op *op, const char *name, void *arg),
		void *arg);

/** mapper_info() - what there is of @name. 0; -ENXIO without words: nothing. */
int mapper_info(struct op *op, const char *name, struct dm_info *ret,
		char ret_uuid[MAPPER_UUID_MAX]);

/** mapper_task() - a task of type DM_DEVICE_*; 0, -EOPNOTSUPP, -EINVAL. */
int mapper_task(int type, const char *name, struct dm_task **ret);

/** mapper_run() - Return: 0, or the ioctl's errno, unchanged. */
int mapper_run(struct dm_task *t);

void mapper_task_free(struct dm_task **t);
#define _cleanup_task_ __attribute__((cleanup(mapper_task_free)))

/** mapper_fail() - @err with the library's words in @op */
int mapper_fail(struct op *op, const char *name, int err);

#endif
