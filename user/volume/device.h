/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block devices by number, as /sys/dev/block tells of them. */
#ifndef _VOLUME_DEVICE_H
#define _VOLUME_DEVICE_H

#include <sys/types.h>

struct op;

#define DEVICE_PATH_MAX 256

/**
 * device_find() - the node of block device @dev
 *
 * Asks /sys/dev/block (udev's /dev/block may be absent) for the name and takes
 * /dev/<name> if that is a block device of this number. devtmpfs has such a
 * node for every device; where /dev is something else and has none, the open
 * fails with words rather than on a node made by us (/run is nodev).
 * Return: 0; -ENODEV: no such device; -ENXIO: no node or another device's.
 */
int device_find(struct op *op, dev_t dev, char ret[DEVICE_PATH_MAX]);

/**
 * device_beneath() - the one device that @dev stands on
 *
 * A volume with integrity tags is mapped over a dm-integrity device, its header
 * is on the device beneath. Whoever asks knows that from the table: here no
 * kind of device is looked at. Return: 0; -ENODEV: it stands on none, on
 * several, or is gone.
 */
int device_beneath(struct op *op, dev_t dev, dev_t *ret);

/**
 * device_number() - of the device whose folder in sysfs is @folder
 * Return: 0, -EBADMSG, -errno.
 */
int device_number(const char *folder, dev_t *ret);

#endif
