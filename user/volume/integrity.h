/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Authenticated volumes: how a segment with integrity tags lies on dm-integrity,
 * as cryptsetup lays it out. Pure: no device, no library handle.
 *
 * dm-integrity has the segment's place on the disk, from its superblock on, and
 * keeps data and tags there. The encryption stands on what dm-integrity offers,
 * from its first sector on.
 */
#ifndef _VOLUME_INTEGRITY_H
#define _VOLUME_INTEGRITY_H

#include <stddef.h>
#include <stdint.h>

#include "volume/header.h"

struct op;

#define INTEGRITY_SUPER_BYTES 512

/* What dm-integrity's superblock says that concerns us. */
struct integrity_super {
	uint64_t sectors; /* 512-byte sectors that it offers */
	uint32_t tag_bytes;
	uint32_t sector_size; /* bytes */
};

/**
 * integrity_view() - the segment as a table has it
 * @ret: @s itself where it has no tags; else cipher (capi:...), integrity
 *	 (<tag bytes>:aead) and offset are those over dm-integrity
 *
 * Return: 0; -EOPNOTSUPP with words: tags of a kind that kmscrypt has not.
 */
int integrity_view(struct op *op, const struct segment *s, struct segment *ret);

/** integrity_tag_bytes() - of a view's integrity, <tag bytes>:aead */
uint32_t integrity_tag_bytes(const char *integrity);

/**
 * integrity_mac_bytes() - bytes of the volume key that are a MAC's
 * @type: as in a header, hmac(sha256). Return: 0: it has no key of its own.
 */
uint32_t integrity_mac_bytes(const char *type);

/**
 * integrity_type() - the header's word for an option's (hmac-sha256)
 * Return: it, or NULL: kmscrypt has no such tags.
 */
const char *integrity_type(const char *option);

/**
 * integrity_super() - read a superblock of dm-integrity
 * @bytes:	INTEGRITY_SUPER_BYTES of it
 * Return: 0, -EBADMSG.
 */
int integrity_super(const uint8_t *bytes, struct integrity_super *ret);

#endif
