/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The volumes that this host knows: the registry joined with the block devices
 * that are there now and with paths that the user names. The same volume may
 * be there several times (a clone, a snapshot): each place is one item, and a
 * change has to be made at each. A volume of the registry that is nowhere is
 * an item too, with an error: it depends on its KMS as much as the others.
 */
#ifndef _VOLUME_SCAN_H
#define _VOLUME_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <uapi/kmscrypt.h>

#include "base/op.h"
#include "kms/wrapped.h"
#include "volume/registry.h"

struct entry;
struct header;
struct luks_place;

struct scan_item {
	char *device; /* device or image, "" when not known */
	char *header; /* detached header or NULL */
	char uuid[KMSC_UUID_STR_LEN + 1];
	char label[REGISTRY_LABEL_MAX];
	bool registered;
	int err; /* 0: reached, else why not */
	char why[OP_TEXT_MAX];
	/* generations that its bindings (unreached: its pins) refer to */
	size_t nids;
	char ids[REGISTRY_BINDINGS_MAX][WRAPPED_ENTRY_LEN + 1];
	dev_t dev; /* identity of the place, to see it once */
	ino_t ino;
};

struct scan {
	size_t n;
	struct scan_item *items;
};

void scan_free(struct scan *s);
#define _cleanup_scan_ __attribute__((cleanup(scan_free)))

/** scan_registry() - add what the registry knows, reached or not. 0, -errno. */
int scan_registry(struct op *op, struct scan *s);

/** scan_devices() - add volumes on block devices of this host. 0, -errno. */
int scan_devices(struct op *op, struct scan *s);

/**
 * scan_path() - add the volume at @path
 * Return: 0; -ENODATA: none of ours is there; -errno.
 */
int scan_path(struct op *op, struct scan *s, const char *path);

/** scan_known() - all three. 0, -errno. */
int scan_known(struct op *op, const char *const *paths, size_t npaths,
	       struct scan *s);

/**
 * scan_record() - @item from the registry's record of @uuid, without looking
 * at the volume
 * @item:	scan_item_free() it, also after a failure; item->err when the
 *		record is damaged or names no device
 * Return: 0, -ENOMEM.
 */
int scan_record(struct op *op, const char *uuid, struct scan_item *item);

/**
 * scan_header() - complete @item by the header that was read at its place
 * @err:	what reading it gave
 * Return: item->err, which is @err or says that it is not this volume's.
 */
int scan_header(struct op *op, struct scan_item *item, const struct header *h,
		int err);

void scan_item_free(struct scan_item *item);

/**
 * scan_block() - call @fn with the path of each block device of this host that
 * starts like a LUKS2 header
 * Return: 0, or what @fn returned, which ends it.
 */
int scan_block(int (*fn)(const char *path, void *arg), void *arg);

/**
 * scan_refers() - does @item refer to generation @id? One that is not reached
 * and of which nothing is known may do so.
 */
bool scan_refers(const struct scan_item *item, const char *id);

/** scan_depends() - does @item refer to any generation of @e? */
bool scan_depends(const struct scan_item *item, const struct entry *e);

/**
 * scan_neediest() - of those that were reached and depend on @e, one with the
 * fewest generations that could open it. NULL: there is none.
 */
const struct scan_item *scan_neediest(const struct scan *s,
				      const struct entry *e);

/** scan_place() - where @item is. */
struct luks_place scan_place(const struct scan_item *item);

/**
 * scan_register() - make (or bring up to date) the registry's record of @item
 *
 * Records the place and the bindings' generations; pins nothing, for that a
 * capsule is needed. Return: 0, -errno.
 */
int scan_register(struct op *op, const struct scan_item *item);

#endif
