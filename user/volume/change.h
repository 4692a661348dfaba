/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changing a KMS entry together with every volume that depends on it: what is
 * behind kms set, kms rewrap and kms unset.
 *
 * Nothing is saved before the new KMS has proven that it works. Then the
 * entry is saved with the new generation as the current one, and the volumes
 * follow one by one (rebind.h). What was not reached keeps the old generation
 * alive as a retiring one; running the same command again goes on there.
 */
#ifndef _VOLUME_CHANGE_H
#define _VOLUME_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/op.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "volume/rebind.h"
#include "volume/scan.h"

enum change_kind {
	CHANGE_NEW_ENTRY, /* the first generation of this entry */
	CHANGE_UPDATED, /* the same key: addresses and credentials */
	CHANGE_GENERATION, /* another key: the volumes were re-wrapped */
};

/* One volume that depends on the entry. */
struct change_item {
	char uuid[KMSC_UUID_STR_LEN + 1];
	char *device; /* "" when not known */
	enum rebind_outcome outcome;
	int err; /* 0, or why it was not done */
	char *why; /* "" or NULL: the errno says all */
	char *next;
};

struct change {
	/* in */
	const char *name; /* entry */
	const char *const *paths; /* further devices and images */
	size_t npaths;
	int64_t timeout_ms; /* for each volume; 0: no limit */
	uint32_t connections; /* to the KMS at once; 0: FLEET_WORKERS */
	bool dry_run;
	bool all; /* rewrap: also what is not stale */
	/* called for each volume once it is done or has failed, or NULL */
	void (*report)(struct change *c, const struct change_item *item);
	/* called when @looked has grown, or NULL */
	void (*tick)(const struct change *c);
	void *arg; /* theirs */
	/* out */
	enum change_kind kind;
	struct kms_health health;
	uint32_t newest; /* version of the master key, or 0 */
	size_t looked, total; /* places */
	size_t n;
	struct change_item *items;
	size_t done, current, failed;
	size_t retiring; /* old generations that had to stay */
	bool local; /* unset: the entry has keys that are nowhere else */
	size_t adopted; /* open only: generations of other hosts, proven */
	/* Master key, and its version, that what was reached still refers to */
	char oldest_key[WRAPPED_NAME_MAX];
	uint32_t oldest_version; /* 0: there are none */
};

/** change_item_new() - add one. NULL when out of memory; not for long. */
struct change_item *change_item_new(struct change *c, const char *uuid,
				    const char *device);

/** change_item_fail() - @err and its words, which may be "". 0, -ENOMEM. */
int change_item_fail(struct change_item *item, int err, const char *why,
		     const char *next);

void change_free(struct change *c);
#define _cleanup_change_ __attribute__((cleanup(change_free)))

/**
 * change_set() - make @g the entry's current generation and move the volumes
 * @g:	without id, created and state; local: without its key too
 *
 * One that only opens moves nothing. Volumes that it opens name generations
 * that other hosts have made: those become generations of this entry, too.
 *
 * Return: 0 also when volumes failed (c->failed); -errno: nothing was changed,
 * or as far as c->items says.
 */
int change_set(struct op *op, struct change *c, struct generation *g);

/**
 * change_rewrap() - newer master key for every volume
 * @new_key_uid:	kmip: the new key; must be NULL for the others
 * Return: as change_set(); -EINVAL for a UID too many or too few.
 */
int change_rewrap(struct op *op, struct change *c, const char *new_key_uid);

/**
 * change_downgrade() - move the volumes of an entry to a key file here
 *
 * Proves first that the present KMS still unwraps what has to be moved, so
 * that a dead one leaves everything as it is. Return: as change_set(); -EBUSY:
 * it is a local one already.
 */
int change_downgrade(struct op *op, struct change *c);

/**
 * change_unset() - remove the entry
 * @forget:	even if volumes depend on it
 * Return: 0; -EBUSY: c->items depend on it; -ENODATA: no such entry; -errno.
 */
int change_unset(struct op *op, struct change *c, bool forget);

#endif
