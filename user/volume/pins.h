/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registry's pins of a volume against what its header gives: checked,
 * raised, or, when the administrator says so (--accept-header), set anew.
 */
#ifndef _VOLUME_PINS_H
#define _VOLUME_PINS_H

#include <stdbool.h>

struct capsule;
struct header;
struct luks_place;
struct op;
struct unlock_plan;
struct unlocked;

/**
 * pins_record() - @c, which came with @generation, is what the volume has
 * @place:	only for a volume that the registry does not know
 * @accept:	whatever was pinned before; pins of another volume key go
 *
 * Return: 0; -EKEYREJECTED: it differs from the pins, nothing is changed;
 * -errno.
 */
int pins_record(struct op *op, const struct luks_place *place,
		const struct header *h, const char *generation,
		const char *entry, const struct capsule *c, bool accept);

/**
 * pins_unlock() - unlock_prepare() and unlock_run() for a command
 * @accept:	do not ask the pins, and pin what was found instead: each binding
 *		that opens; of one whose KMS does not answer nothing stays pinned
 * @plan, @ret:	unlock_plan_free(), unlocked_free() them, also after a failure
 */
int pins_unlock(struct op *op, const struct luks_place *place, bool accept,
		struct unlock_plan *plan, struct unlocked *ret);

#endif
