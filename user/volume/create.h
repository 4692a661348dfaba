/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a volume: header, key, binding, record in the registry. */
#ifndef _VOLUME_CREATE_H
#define _VOLUME_CREATE_H

#include <stdbool.h>
#include <stdint.h>

struct generation;
struct header;
struct kms;
struct luks_place;
struct op;

struct create {
	const char *entry; /* name of the KMS entry */
	const struct generation *generation;
	struct kms *kms; /* open session with it, proven */
	const char *cipher; /* NULL: the default */
	const char *integrity; /* as in a header, hmac(sha256); NULL: none */
	bool no_wipe; /* with it: leave the sectors without tags */
	/* called while they are written, in 512-byte sectors; may be NULL */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	const char *label; /* or NULL */
	uint32_t key_bytes;
	uint32_t sector_size; /* 0: the default */
	uint32_t flags; /* KMSC_DESC_* */
	uint32_t policy; /* KMSC_POLICY_* */
	uint32_t lease_s; /* 0: none */
	uint32_t queue_cap_s;
};

/**
 * create_check() - can this machine make such a volume at @place?
 *
 * Before anything is overwritten. What a killed create_volume() has left open
 * there is closed. Return: 0; -EOPNOTSUPP: the kernel has no dm-integrity, or
 * we no such tags; -ENODEV: those need a block device; -EINVAL; -errno.
 */
int create_check(struct op *op, const struct luks_place *place,
		 const struct create *c);

/**
 * create_volume() - format @place, without asking
 *
 * Reads back and unwraps what it wrote, then registers and pins the volume. A
 * record of a volume that was at the same place before is removed. @ret: header_free() it, also after a failure. Return: 0, -errno.
 */
int create_volume(struct op *op, const struct luks_place *place,
		  const struct create *c, struct header *ret);

/**
 * create_wipe() - write zeroes over the new volume, so that each sector has a tag
 *
 * Does nothing without c->integrity, or with c->no_wipe. No key is here
 * meanwhile. Return: as blank_volume().
 */
int create_wipe(struct op *op, const struct luks_place *place,
		const struct create *c);

#endif
