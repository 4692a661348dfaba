/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mapping volumes: one, or all that the registry knows. Of many, as many are
 * opened at a time as the kernel asks the KMS for at a time.
 */
#ifndef _VOLUME_OPENING_H
#define _VOLUME_OPENING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

#include "base/op.h"
#include "volume/mapping.h"
#include "volume/registry.h"

struct luks_place;

enum opening_fate {
	OPENING_FAILED,
	OPENING_OPENED, /* by us, now */
	OPENING_OPEN, /* it was open already */
	OPENING_ABSENT, /* no device of this host has it */
};

/* What became of one volume. */
struct opening_result {
	size_t index; /* in the registry's order */
	enum opening_fate fate;
	int err; /* OPENING_FAILED, OPENING_ABSENT: why */
	char uuid[KMSC_UUID_STR_LEN + 1];
	char device[REGISTRY_PATH_MAX];
	char name[MAPPING_NAME_MAX]; /* of its mapping */
	char why[OP_TEXT_MAX]; /* "": the table of errors knows */
	char next[OP_TEXT_MAX];
};

struct opening {
	bool read_only;
	bool allow_discards;
	int64_t timeout_ms; /* to wait for others that open the same */
	/* called for each, as they come; may be NULL */
	void (*report)(const struct opening *o, const struct opening_result *r);
	void *arg;
	/* results: counts by fate, all volumes, how many have been reported */
	size_t count[OPENING_ABSENT + 1];
	size_t total, done;
	struct opening_result first; /* that failed, if any did */
};

/**
 * opening_table() - read the header at @place, fill @ret
 * Return: 0; -ENODATA: no binding there; -EOPNOTSUPP: integrity tags that
 * kmscrypt has not, or discards with them; -errno.
 */
int opening_table(struct op *op, const struct luks_place *place,
		  bool allow_discards, struct mapping_table *ret);

/**
 * opening_map() - mapping_create(), alone of all that open this volume
 *
 * What a killed one left half-made under @name is taken away first.
 * Return: as mapping_create(); -EBUSY: another one is at it for too long.
 */
int opening_map(struct op *op, const char *name, const struct mapping_table *t,
		bool read_only);

/**
 * opening_all() - open every volume of the registry that is there and closed
 *
 * Its name is the label that the registry has of it, where that can be a
 * mapping's name and no other volume of the registry has the same; else its
 * UUID. Never the label on the disk: whoever writes the disk writes that.
 * A volume that is not at its place is looked for on all block devices.
 * Return: 0, also when some failed; -errno when none could be tried.
 */
int opening_all(struct op *op, struct opening *o);

#endif
