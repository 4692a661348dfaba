// SPDX-License-Identifier: GPL-2.0-or-later
/* See device.h. */
#include "upcall/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/op.h"

#define UEVENT_MAX 4096

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

int device_find(struct op *op, uint32_t major, uint32_t minor,
		char ret[DEVICE_PATH_MAX])
{
	_cleanup_free_ char *uevent = NULL;
	char path[DEVICE_PATH_MAX], name[DEVICE_PATH_MAX - 8];
	struct stat st;
	size_t len;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent", major,
		 minor);
	if (file_read(path, UEVENT_MAX, &uevent, &len) < 0 ||
	    node_name(uevent, name, sizeof(name)) < 0)
		return op_fail(op, -ENODEV, "there is no block device %u:%u",
			       major, minor);
	snprintf(path, sizeof(path), "/dev/%s", name);
	/* dm holds the device, so its number cannot pass to another one */
	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode) ||
	    st.st_rdev != makedev(major, minor))
		return op_fail(op, -ENXIO, "%s is not block device %u:%u", path,
			       major, minor);
	snprintf(ret, DEVICE_PATH_MAX, "%s", path);
	return 0;
}
