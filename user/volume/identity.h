/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An identity of its own for a copy of a volume (a clone, a restored snapshot):
 * a new UUID, and every binding sealed for it. The volume key stays: who has
 * had the original's key reads the copy, too.
 *
 * The UUID stands in the header and in each capsule, and no write changes both.
 * In this order, so that a kill at any instant leaves a binding that opens and
 * the same call finishes: seal for the new UUID, all bindings but one, or one
 * beside the only one; write the UUID; open through the new ones; pin; seal or
 * remove what is left. Which half was reached is told by the epochs: what is
 * sealed later has the higher one.
 */
#ifndef _VOLUME_IDENTITY_H
#define _VOLUME_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include <uapi/kmscrypt.h>

struct luks_place;
struct op;

struct identity {
	/* in */
	bool accept; /* --accept-header */
	bool force; /* not a copy; bindings that do not open are dropped */
	/* out */
	char before[KMSC_UUID_STR_LEN + 1]; /* UUID that it had */
	char uuid[KMSC_UUID_STR_LEN + 1];
	size_t bindings; /* that are there now */
	size_t dropped; /* by force */
};

/**
 * identity_renew() - a new UUID for the volume at @place
 *
 * The caller has checked that nobody uses it. Return: 0; -EEXIST: it is where
 * the registry has the volume, so no copy; -EBUSY: a binding's generation is
 * retiring; -ENODATA or -errno of the KMS: a binding cannot be sealed anew;
 * -EKEYREJECTED: one does not fit, or the pins say otherwise.
 */
int identity_renew(struct op *op, const struct luks_place *place,
		   struct identity *id);

#endif
