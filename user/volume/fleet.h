/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The volumes of an entry on their way to its current generation and newest
 * master key: ten thousand as well as two. Several workers (crew.h) take them
 * in chunks, read each header once, ask the KMS for many in one request where
 * it can, and write.
 */
#ifndef _VOLUME_FLEET_H
#define _VOLUME_FLEET_H

#include <stdint.h>

/* So many because they wait: for the KMS, and for the disk at each write. */
#define FLEET_WORKERS 8

struct change;
struct entry;
struct generation;
struct kms;
struct op;

/**
 * fleet_follow() - bring every volume of @e to @target
 * @c:		items, counts and oldest are filled, c->report is called
 * @e:		as it is saved, with all its generations
 * @kms:	session with @target
 * @ret_refs:	bit i: a volume may still refer to generation i of @e
 *
 * Return: 0, also when volumes failed (c->failed); -errno.
 */
int fleet_follow(struct op *op, struct change *c, const struct entry *e,
		 const struct generation *target, struct kms *kms,
		 uint64_t *ret_refs);

#endif
