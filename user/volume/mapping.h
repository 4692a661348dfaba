/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mapped volumes, and the table line of the contract (include/uapi/kmscrypt.h).
 * No key ever passes here. One with integrity tags stands on a dm-integrity
 * device of its own (dif.h), which comes and goes with it.
 *
 * The errno of the kernel's ioctl is passed on unchanged: for a table that was
 * refused it is the reason that the helper rejected the key with.
 *
 * All return -EOPNOTSUPP where there is no device-mapper.
 */
#ifndef _VOLUME_MAPPING_H
#define _VOLUME_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

#include "volume/mapping-table.h"

struct op;

#define MAPPING_MODULE "kmscrypt" /* that has the target */
#define MAPPING_NAME_MAX 128 /* DM_NAME_LEN, with the NUL */
#define MAPPING_UUID_MAX 129 /* DM_UUID_LEN */

struct mapping {
	char name[MAPPING_NAME_MAX];
	char dm_uuid[MAPPING_UUID_MAX];
	char uuid[KMSC_UUID_STR_LEN + 1]; /* of the volume */
	uint32_t major, minor;
	int32_t open_count;
	bool suspended, read_only;
	bool live; /* has a table */
};

/** mapping_name_ok() - may a mapping have this name? */
bool mapping_name_ok(const char *name);

/** mapping_dm_uuid() - "KMSCRYPT-<uuid>-<name>". 0, -EINVAL when too long. */
int mapping_dm_uuid(const char *uuid, const char *name,
		    char ret[MAPPING_UUID_MAX]);

/**
 * mapping_create() - create /dev/mapper/@name, which fetches the key
 *
 * Nothing is left behind on failure. Return: 0; -EEXIST: name or volume is in
 * use; -EOPNOTSUPP: the kernel has no kmscrypt target (module not loaded);
 * -errno of the target's constructor, e.g. -EKEYREVOKED.
 */
int mapping_create(struct op *op, const char *name,
		   const struct mapping_table *t, bool read_only);

/**
 * mapping_remove() - take it away; only ever one of ours
 * @deferred:	when in use, remove it at the last close instead of failing
 * Return: 0, -ENXIO: no such mapping or not ours, -EBUSY, -errno.
 */
int mapping_remove(struct op *op, const char *name, bool deferred);

/** mapping_info() - look at @name. 0; -ENXIO: no such one or not ours. */
int mapping_info(struct op *op, const char *name, struct mapping *ret);

/**
 * mapping_list() - all of ours, sorted by name; the caller frees *@ret
 * Return: 0; -EOPNOTSUPP: this kernel or container has no device-mapper, so
 * nothing is open here; -errno.
 */
int mapping_list(struct op *op, struct mapping **ret, size_t *ret_n);

/**
 * mapping_find() - the mappings of a volume, as mapping_list()
 * @uuid:	NULL: of all volumes
 * @device:	only those on this device or image; NULL: on any
 * @maybe:	also those of which that cannot be told: the device is gone, or
 *		an image and a loop device
 *
 * Return: 0, none as well, and where there is no device-mapper; -errno.
 */
int mapping_find(struct op *op, const char *uuid, const char *device,
		 bool maybe, struct mapping **ret, size_t *ret_n);

/**
 * mapping_status() - the target's status text
 * mapping_table_text() - its table, as loaded, after the target's name
 * The caller frees *@ret. Return: 0, -ENXIO, -errno.
 */
int mapping_status(struct op *op, const char *name, char **ret);
int mapping_table_text(struct op *op, const char *name, char **ret);

/**
 * mapping_device() - path of the device that has the data and, unless the
 * registry says otherwise, the header; by its kernel name
 * Return: 0, -ENXIO, -ENODEV: it is gone, -errno.
 */
int mapping_device(struct op *op, const char *name,
		   char ret[MAPPING_DEVICE_MAX]);

/**
 * mapping_resize() - the same table with another length, in 512-byte sectors
 * @ret_before:	the length that it had; equal: nothing is done
 * Return: 0, -ENXIO, -errno.
 */
int mapping_resize(struct op *op, const char *name, uint64_t len,
		   uint64_t *ret_before);

/**
 * mapping_message() - send a message to the target, e.g. "lock"
 * @ret:	the answer (caller frees) or NULL when there is none; may be NULL
 */
int mapping_message(struct op *op, const char *name, const char *message,
		    char **ret);

#endif
