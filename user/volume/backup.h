/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Header backups: files as 'cryptsetup luksHeaderBackup' makes and takes them,
 * with the proof that a KMS still opens what is in them.
 */
#ifndef _VOLUME_BACKUP_H
#define _VOLUME_BACKUP_H

#include <stdbool.h>

#include "volume/header.h"

struct luks_place;
struct op;

/**
 * backup_make() - save the header of the volume at @place to @path
 * @ret:	header_free() it, also after a failure
 *
 * The new file appears whole and proven, mode 0600, or not at all; what a
 * killed run leaves beside it (.NAME.kmscrypt-new) goes with the next one.
 * Return: 0; -EEXIST: @path is there; -ENODATA: the header has no binding;
 * -errno of unlock_run() with the backup.
 */
int backup_make(struct op *op, const struct luks_place *place, const char *path,
		struct header *ret);

struct backup_restore {
	/* in */
	bool accept; /* --accept-header: an older one, whatever is pinned */
	bool force; /* another volume, or something else, is there now */
	/* out */
	bool changed; /* false: it was there already */
	struct header header; /* of the backup; header_free() it */
};

/**
 * backup_restore() - put the header in @path back on @place
 *
 * A KMS has to open the backup before anything is written. Killed while
 * writing, one of the header's two copies is whole, the old or the new one, and
 * the same call finishes. The caller has checked that nobody uses the device.
 * Return: 0; -EKEYREJECTED: another volume's header is there, or the backup is
 * older than what is there or was seen; -EEXIST: something else is there;
 * -ENODATA: no LUKS2 header in @path, or none with a binding; -errno.
 */
int backup_restore(struct op *op, const struct luks_place *place,
		   const char *path, struct backup_restore *b);

#endif
