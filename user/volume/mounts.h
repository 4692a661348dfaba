/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file systems on a volume, where this mount namespace sees them.
 *
 * Which ones we have frozen is kept in /run/kmscrypt/frozen/UUID until they are
 * thawed, for the unlock may be another process's.
 */
#ifndef _VOLUME_MOUNTS_H
#define _VOLUME_MOUNTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uapi/kmscrypt.h>

struct op;
struct stack;

struct mounts_item {
	char *path; /* mount point */
	uint64_t id; /* of the mount */
	dev_t fs; /* the kernel's number of the file system */
};

struct mounts {
	char uuid[KMSC_UUID_STR_LEN + 1]; /* of the volume */
	size_t n;
	struct mounts_item *list; /* in the order of mounting */
};

/** mounts_find() - those on @s; mounts_free() them. 0, -errno. */
int mounts_find(struct op *op, const struct stack *s, struct mounts *ret);

void mounts_free(struct mounts *m);
#define _cleanup_mounts_ __attribute__((cleanup(mounts_free)))

/** mounts_sync() - write out what each file system holds back. 0, -errno. */
int mounts_sync(struct op *op, const struct mounts *m);

/**
 * mounts_freeze() - freeze each file system, once
 *
 * One that is frozen already is left as it is. After a failure what we have
 * frozen is thawed. Waits for writers, and cannot be interrupted.
 * @ret:	how many are frozen now by us
 * Return: 0, -EBUSY: no way to it, -EOPNOTSUPP, -errno.
 */
int mounts_freeze(struct op *op, const struct mounts *m, size_t *ret);

/**
 * mounts_thaw() - thaw those that mounts_freeze() has frozen
 * @ret:	how many
 * Return: 0, -errno of the first that could not be thawed; it stays noted.
 */
int mounts_thaw(struct op *op, const struct mounts *m, size_t *ret);

/** mounts_unmount() - all, the last one first. 0, -EBUSY: in use, -errno. */
int mounts_unmount(struct op *op, const struct mounts *m);

#endif
