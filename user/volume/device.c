// SPDX-License-Identifier: GPL-2.0-or-later
/* See device.h. */
#include "volume/device.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/op.h"

#define UEVENT_MAX 4096
#define SYSFS_PATH_MAX 512

static int node_name(const char *uevent, char *ret, size_t size)
{
	static const char key[] = "DEVNAME=";
	const char *p = uevent;
	size_t len;

	while (strncmp(p, key, strlen(key))) {
		p = strchr(p, '\n');
		if (!p)
			return -ENODEV;
		p++;
	}
	p += strlen(key);
	len = strcspn(p, "\n");
	if (!len || len >= size)
		return -ENODEV;
	memcpy(ret, p, len);
	ret[len] = '\0';
	return 0;
}

int device_find(struct op *op, dev_t dev, char ret[DEVICE_PATH_MAX])
{
	_cleanup_free_ char *uevent = NULL;
	char path[DEVICE_PATH_MAX], name[DEVICE_PATH_MAX - 8];
	struct stat st;
	size_t len;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent", major(dev),
		 minor(dev));
	if (file_read(path, UEVENT_MAX, &uevent, &len) < 0 ||
	    node_name(uevent, name, sizeof(name)) < 0)
		return op_fail(op, -ENODEV, "there is no block device %u:%u",
			       major(dev), minor(dev));
	snprintf(path, sizeof(path), "/dev/%s", name);
	/* dm holds the device, so its number cannot pass to another one */
	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != dev)
		return op_fail(op, -ENXIO, "%s is not block device %u:%u", path,
			       major(dev), minor(dev));
	snprintf(ret, DEVICE_PATH_MAX, "%s", path);
	return 0;
}

int device_number(const char *folder, dev_t *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[SYSFS_PATH_MAX];
	unsigned int major, minor;
	size_t len;
	int r;

	if (snprintf(path, sizeof(path), "%s/dev", folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = file_read(path, 64, &text, &len);
	if (r < 0)
		return r;
	if (sscanf(text, "%u:%u", &major, &minor) != 2)
		return -EBADMSG;
	*ret = makedev(major, minor);
	return 0;
}

/* How many devices are listed in folder @slaves; @ret: the last of them */
static int count_slaves(const char *slaves, dev_t *ret)
{
	char folder[SYSFS_PATH_MAX];
	DIR *dir = opendir(slaves);
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		n++;
		if (snprintf(folder, sizeof(folder), "%s/%s", slaves,
			     entry->d_name) >= (int)sizeof(folder) ||
		    device_number(folder, ret) < 0)
			n = INT_MIN;
	}
	if (dir)
		closedir(dir);
	return n;
}

int device_beneath(struct op *op, dev_t dev, dev_t *ret)
{
	char slaves[64];

	snprintf(slaves, sizeof(slaves), "/sys/dev/block/%u:%u/slaves",
		 major(dev), minor(dev));
	if (count_slaves(slaves, ret) == 1)
		return 0;
	return op_fail(
		op, -ENODEV,
		"device %u:%u does not stand on exactly one device, as a "
		"dm-integrity device does",
		major(dev), minor(dev));
}
