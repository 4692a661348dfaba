// SPDX-License-Identifier: GPL-2.0-or-later
/* See probe.h. */
#include "volume/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include <blkid/blkid.h>

#include "base/file.h"
#include "base/op.h"

static void free_probep(blkid_probe *p)
{
	blkid_free_probe(*p);
	*p = NULL;
}

#define _cleanup_probe_ __attribute__((cleanup(free_probep)))

/* Returns a descriptor. */
static int open_unused(struct op *op, const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st))
		return op_fail(op, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return op_fail(op, -ENODEV,
			       "%s is neither a block device nor an image file",
			       path);
	/* For a block device O_EXCL means: nobody mounted or mapped it. */
	fd = open(path,
		  O_RDWR | O_CLOEXEC | (S_ISBLK(st.st_mode) ? O_EXCL : 0));
	if (fd >= 0)
		return fd;
	if (errno != EBUSY)
		return op_fail(op, -errno, "%s: %s", path, strerror(errno));
	op_fail(op, -EBUSY,
		"%s is in use (mounted, mapped or part of another "
		"device)",
		path);
	op_next(op,
		"See 'lsblk %s'; unmount or close what uses it. --force "
		"does not help here.",
		path);
	return -EBUSY;
}

int probe_unused(struct op *op, const char *path)
{
	_cleanup_close_ int fd = open_unused(op, path);

	return fd < 0 ? fd : 0;
}

static const char *value(blkid_probe p, const char *name)
{
	const char *v = NULL;

	return blkid_probe_lookup_value(p, name, &v, NULL) ? NULL : v;
}

static int refuse(struct op *op, const char *path, const char *what,
		  const char *label)
{
	op_fail(op, -EEXIST, "%s carries a signature of %s%s%s%s", path, what,
		label ? " (label '" : "", label ? label : "",
		label ? "')" : "");
	op_next(op, "If all that is on it may be destroyed, repeat with "
		    "--force.");
	return -EEXIST;
}

int probe_empty(struct op *op, const char *path)
{
	_cleanup_close_ int fd = open_unused(op, path);
	_cleanup_probe_ blkid_probe p = NULL;
	const char *type;
	int r;

	if (fd < 0)
		return fd;
	p = blkid_new_probe();
	if (!p)
		return -ENOMEM;
	if (blkid_probe_set_device(p, fd, 0, 0))
		return op_fail(op, -EIO, "%s cannot be examined", path);
	blkid_probe_enable_superblocks(p, 1);
	blkid_probe_set_superblocks_flags(p, BLKID_SUBLKS_TYPE |
						     BLKID_SUBLKS_LABEL |
						     BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(p, 1);
	r = blkid_do_safeprobe(p);
	if (r == 1)
		return 0;
	if (r == -2)
		return refuse(op, path, "several formats at once", NULL);
	if (r < 0)
		return op_fail(op, -EIO, "%s cannot be examined", path);
	type = value(p, "TYPE");
	if (type)
		return refuse(op, path, type, value(p, "LABEL"));
	type = value(p, "PTTYPE");
	return refuse(op, path, type ? type : "an unknown kind", NULL);
}
