/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the device number in a key description to a node in /dev. */
#ifndef _UPCALL_DEVICE_H
#define _UPCALL_DEVICE_H

#include <stdint.h>

struct op;

#define DEVICE_PATH_MAX 256

/**
 * device_find() - the node of block device @major:@minor
 *
 * Asks /sys/dev/block (udev's /dev/block may be absent) for the name and takes
 * /dev/<name> if that is a block device of this number. devtmpfs has such a
 * node for every device; where /dev is something else and has none, the open
 * fails with words rather than on a node made by us (/run is nodev).
 * Return: 0; -ENODEV: no such device; -ENXIO: no node or another device's.
 */
int device_find(struct op *op, uint32_t major, uint32_t minor,
		char ret[DEVICE_PATH_MAX]);

#endif
