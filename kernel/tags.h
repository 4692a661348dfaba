/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data path of a table whose sectors are authenticated: what comes before
 * and after that of any table (crypt.h). Sectors have tags, which the device
 * beneath, a dm-integrity target, keeps and delivers beside them.
 *
 * What ti->error can say because of that device:
 *
 *   Device keeps no tags: authentication needs a dm-integrity device
 *   Tag size differs from what the dm-integrity device keeps
 *   Sector size differs from the dm-integrity device's
 */
#ifndef _KMSC_TAGS_H
#define _KMSC_TAGS_H

#include <linux/bio.h>
#include <linux/mempool.h>
#include <linux/types.h>

#include "pages.h"

struct block_device;
struct kmsc_crypt;
struct kmsc_io;
struct kmsc_params;

/**
 * struct kmsc_tags - what a table with tags has besides its struct kmsc_crypt
 * @bytes:	of a sector's tag, with all that is kept in it
 * @mac_bytes:	of the volume key, what is a MAC's; for status only
 * @max:	512-byte sectors that one bio may carry
 * @pages:	with the tags of a bio
 * @passes:	what it takes to use the cipher
 * @pass_bytes:	of one of them
 * @reads:	of pages for what reads carry. Not the one of writes: a held
 *		read keeps its pages until it is tried again, which may be
 *		behind a write that waits for some.
 */
struct kmsc_tags {
	unsigned int bytes;
	unsigned int mac_bytes;
	unsigned int max;
	mempool_t pages;
	mempool_t passes;
	unsigned int pass_bytes;
	struct kmsc_reserve reads;
};

int kmsc_tags_check(struct block_device *bdev, const struct kmsc_params *params,
		    char **ret_error);
int kmsc_tags_init(struct kmsc_tags *tags, struct kmsc_crypt *crypt,
		   const struct kmsc_params *params, unsigned int reqsize);
void kmsc_tags_exit(struct kmsc_tags *tags);

int kmsc_tags_map(struct kmsc_crypt *crypt, struct bio *bio);
int kmsc_tags_end_io(struct kmsc_crypt *crypt, struct bio *bio,
		     blk_status_t *status);
int kmsc_tags_convert(struct kmsc_io *io);

#endif /* _KMSC_TAGS_H */
