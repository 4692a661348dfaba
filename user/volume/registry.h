/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's index of known volumes and its pins: one file a volume,
 * /var/lib/kmscrypt/volumes/<uuid>.json. The header on the disk decides which
 * key opens a volume; this says where volumes are, who wraps them, and what
 * was seen last, so that an old header, another key under a known UUID or a
 * lowered epoch is noticed.
 *
 * Epochs are pinned for each generation: a volume bound to two KMSs has one
 * capsule at each, and re-wrapping one of them raises only that one's epoch.
 * A generation that is not listed has to be newer than all that are (another
 * host moved the volume). Only the command line writes the registry.
 */
#ifndef _VOLUME_REGISTRY_H
#define _VOLUME_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

#include "kms/config.h"
#include "kms/wrapped.h"
#include "volume/capsule.h"

struct op;

#define REGISTRY_PATH_MAX 1024 /* with the NUL */
#define REGISTRY_LABEL_MAX 48
#define REGISTRY_BINDINGS_MAX 16 /* pins kept; > KMSC_MAX_BINDINGS */

struct registry_binding {
	char generation[WRAPPED_ENTRY_LEN + 1];
	char entry[CONFIG_ENTRY_NAME_MAX]; /* its name when last seen */
	uint64_t epoch; /* highest one seen */
	/* what the capsule of that epoch said */
	uint32_t policy;
	uint32_t lease_s;
	uint32_t queue_cap_s;
};

struct registry_volume {
	char uuid[KMSC_UUID_STR_LEN + 1];
	bool has_vkid;
	uint8_t vkid[CAPSULE_VKID_BYTES];
	char device[REGISTRY_PATH_MAX]; /* last known path or "" */
	char header[REGISTRY_PATH_MAX]; /* detached header or "" */
	char label[REGISTRY_LABEL_MAX];
	uint64_t updated; /* seconds since 1970 */
	size_t nbindings;
	struct registry_binding bindings[REGISTRY_BINDINGS_MAX];
};

/**
 * registry_load() - read the record of @uuid
 * Return: 0; -ENOENT: not known here; -EBADMSG: damaged file, -errno.
 */
int registry_load(struct op *op, const char *uuid, struct registry_volume *ret);

/** registry_save() - write it atomically. Return: 0, -errno. */
int registry_save(struct op *op, const struct registry_volume *v);

/** registry_remove() - forget @uuid; an unknown one is fine. 0, -errno. */
int registry_remove(struct op *op, const char *uuid);

/**
 * registry_list() - UUIDs of all records, sorted; the caller frees each and
 * the array. Files with other names are ignored.
 */
int registry_list(struct op *op, char ***ret, size_t *ret_n);

/** registry_lock() - serialise writers; close the descriptor. 0, -EBUSY. */
int registry_lock(struct op *op, int *ret_fd);

/** registry_lock_volume() - the same for @uuid's record alone. */
int registry_lock_volume(struct op *op, const char *uuid, int *ret_fd);

/**
 * registry_check() - does @c, which came with @generation, agree with the pins?
 *
 * Rejected: another volume key; an epoch below the pinned one; an equal epoch
 * with another policy, lease or cap; an unlisted generation that is not newer
 * than every listed one. Return: 0, -EKEYREJECTED with words that name
 * --accept-header.
 */
int registry_check(struct op *op, const struct registry_volume *v,
		   const char *generation, const struct capsule *c);

/**
 * registry_pin() - record that @c with @generation of @entry is what is there
 *
 * Only raises the epoch of a known generation unless @reset (--accept-header).
 * Return: 0, -ENOSPC (too many generations), -ENOMEM.
 */
int registry_pin(struct registry_volume *v, const char *generation,
		 const char *entry, const struct capsule *c, bool reset);

/** registry_newest() - the pin with the highest epoch; NULL: there is none. */
const struct registry_binding *registry_newest(const struct registry_volume *v);

/** registry_unpin() - drop @generation (its binding was removed). */
void registry_unpin(struct registry_volume *v, const char *generation);

/**
 * registry_next_epoch() - for the next client-side wrap: above everything
 * that is pinned (@v may be NULL) and above @current
 */
uint64_t registry_next_epoch(const struct registry_volume *v, uint64_t current);

#endif
