/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All block devices through which the data of an open volume can be reached:
 * its mappings, and what stands on them (logical volumes, partitions).
 */
#ifndef _VOLUME_STACK_H
#define _VOLUME_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <uapi/kmscrypt.h>

struct op;

#define STACK_MAX 128

struct stack {
	char uuid[KMSC_UUID_STR_LEN + 1];
	size_t n;
	dev_t devs[STACK_MAX]; /* a device before those on it */
};

/**
 * stack_find() - that of the volume that mapping @name is one of
 * Return: 0; -ENXIO: no such mapping; -ENOSPC: more than STACK_MAX; -errno.
 */
int stack_find(struct op *op, const char *name, struct stack *ret);

/** stack_has() - is @dev one of them? */
bool stack_has(const struct stack *s, dev_t dev);

/** stack_carries() - is the file @path, if there is one, on one of them? */
bool stack_carries(const struct stack *s, const char *path);

/** stack_open() - open device @i. Return: a descriptor to close, -errno. */
int stack_open(struct op *op, const struct stack *s, size_t i);

#endif
