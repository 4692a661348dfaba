// SPDX-License-Identifier: GPL-2.0-or-later
/* See stack.h. */
#include "volume/stack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/device.h"
#include "volume/mapping.h"

#define SYSFS_PATH_MAX 512

bool stack_has(const struct stack *s, dev_t dev)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->devs[i] == dev)
			return true;
	return false;
}

static int add(struct op *op, struct stack *s, dev_t dev)
{
	if (stack_has(s, dev))
		return 0;
	if (s->n == STACK_MAX)
		return op_fail(op, -ENOSPC,
			       "more than %d devices stand on volume %s",
			       STACK_MAX, s->uuid);
	s->devs[s->n++] = dev;
	return 0;
}

/* What stands on @dev right away. One that goes meanwhile is none. */
static int add_holders(struct op *op, struct stack *s, dev_t dev)
{
	char holders[SYSFS_PATH_MAX], folder[SYSFS_PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	snprintf(holders, sizeof(holders), "/sys/dev/block/%u:%u/holders",
		 major(dev), minor(dev));
	dir = opendir(holders);
	if (!dir)
		return 0;
	while (!r && (entry = readdir(dir))) {
		dev_t holder;

		if (*entry->d_name == '.' ||
		    snprintf(folder, sizeof(folder), "%s/%s", holders,
			     entry->d_name) >= SYSFS_PATH_MAX)
			continue;
		if (!device_number(folder, &holder))
			r = add(op, s, holder);
	}
	closedir(dir);
	return r;
}

int stack_find(struct op *op, const char *name, struct stack *ret)
{
	char device[MAPPING_DEVICE_MAX];
	struct mapping m, *all = NULL;
	struct stack s = { 0 };
	size_t n = 0;
	int r;

	r = mapping_info(op, name, &m);
	if (!r)
		r = mapping_device(op, name, device);
	if (!r)
		/* others of the same volume, and not of a clone */
		r = mapping_find(op, m.uuid, device, false, &all, &n);
	if (r)
		return r;
	snprintf(s.uuid, sizeof(s.uuid), "%s", m.uuid);
	for (size_t i = 0; !r && i < n; i++)
		if (all[i].live)
			r = add(op, &s, makedev(all[i].major, all[i].minor));
	free(all);
	/* it grows while we go through it */
	for (size_t i = 0; !r && i < s.n; i++)
		r = add_holders(op, &s, s.devs[i]);
	if (!r)
		*ret = s;
	return r;
}

bool stack_carries(const struct stack *s, const char *path)
{
	struct stat st;

	return !stat(path, &st) && stack_has(s, st.st_dev);
}

int stack_open(struct op *op, const struct stack *s, size_t i)
{
	char link[SYSFS_PATH_MAX], path[SYSFS_PATH_MAX];
	_cleanup_free_ char *found = NULL;
	int fd;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(s->devs[i]),
		 minor(s->devs[i]));
	found = realpath(link, NULL);
	if (!found)
		return op_fail(op, -ENODEV, "device %u:%u is gone",
			       major(s->devs[i]), minor(s->devs[i]));
	snprintf(path, sizeof(path), "/dev%s", strrchr(found, '/'));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return op_fail(op, -errno, "%s: %s", path, strerror(errno));
	return fd;
}
