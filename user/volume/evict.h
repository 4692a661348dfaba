/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What memory holds of a volume's plain data beside its key: the page caches
 * of its devices and of the files on it.
 */
#ifndef _VOLUME_EVICT_H
#define _VOLUME_EVICT_H

#include <stdbool.h>

struct mounts;
struct op;
struct stack;

/**
 * evict_flush() - while it is active: write everything out, drop what is clean
 *
 * The kernel drops the pages and names of files for all file systems at once
 * or not at all, so this costs the whole machine its caches when something of
 * the volume is mounted. Return: 0, -errno.
 */
int evict_flush(struct op *op, const struct stack *s, const struct mounts *m);

/**
 * evict_drop() - once it is locked: drop what was read since
 *
 * Does no I/O. What a program has mapped or locked in memory stays.
 * @mounted:	are there file systems on it?
 * Return: 0, -errno.
 */
int evict_drop(struct op *op, const struct stack *s, bool mounted);

/** evict_freed_is_wiped() - does the kernel clear memory that is freed? */
bool evict_freed_is_wiped(void);

#endif
