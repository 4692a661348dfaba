/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on a device, and does anybody use it? Asked before it is erased. */
#ifndef _VOLUME_PROBE_H
#define _VOLUME_PROBE_H

struct op;

/**
 * probe_empty() - is @path free to be overwritten?
 *
 * Return: 0; -EBUSY: mounted, mapped or otherwise held; -EEXIST: it carries a
 * known signature (the words name it); -ENODEV: not a device or image file;
 * -errno.
 */
int probe_empty(struct op *op, const char *path);

/** probe_unused() - the same without looking for signatures (--force). */
int probe_unused(struct op *op, const char *path);

#endif
