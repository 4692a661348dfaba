/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a volume: header, key, binding, record in the registry. */
#ifndef _VOLUME_CREATE_H
#define _VOLUME_CREATE_H

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
	const char *label; /* or NULL */
	uint32_t key_bytes;
	uint32_t sector_size; /* 0: the default */
	uint32_t flags; /* KMSC_DESC_* */
	uint32_t policy; /* KMSC_POLICY_* */
	uint32_t lease_s; /* 0: none */
	uint32_t queue_cap_s;
};

/**
 * create_volume() - format @place, without asking
 *
 * Reads back and unwraps what it wrote, then registers and pins the volume. A
 * record of a volume that was at the same place before is removed. @ret:
 * header_free() it, also after a failure. Return: 0, -errno.
 */
int create_volume(struct op *op, const struct luks_place *place,
		  const struct create *c, struct header *ret);

#endif
