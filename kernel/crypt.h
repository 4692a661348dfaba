/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data path of one table: bios to sectors to the cipher. Knows no keyring
 * and no volume; what it uses of one is its gate.
 */
#ifndef _KMSC_CRYPT_H
#define _KMSC_CRYPT_H

#include <linux/bio.h>
#include <linux/mempool.h>
#include <linux/types.h>

#include "hold.h"
#include "pages.h"

struct dm_dev;
struct dm_target;
struct kmsc_gate;
struct kmsc_params;
struct kmsc_tags;

/**
 * struct kmsc_crypt - data path of one table
 * @ti:		the dm target
 * @dev:	the lower device
 * @gate:	leads to the cipher
 * @start:	where the data starts on @dev, in 512-byte sectors
 * @iv_offset:	added to a sector's number, in 512-byte sectors
 * @sector_size: bytes of an encryption sector
 * @iv_shift:	from 512-byte sectors to what the IV counts
 * @tags:	if its sectors have tags: see tags.h
 * @passes:	what it takes to wait for the cipher
 * @reserve:	of pages for what writes carry
 * @hold:	what waits for the gate
 */
struct kmsc_crypt {
	struct dm_target *ti;
	struct dm_dev *dev;
	struct kmsc_gate *gate;
	sector_t start;
	u64 iv_offset;
	unsigned int sector_size;
	unsigned int iv_shift;
	struct kmsc_tags *tags;
	mempool_t passes;
	struct kmsc_reserve reserve;
	struct kmsc_hold hold;
};

int kmsc_crypt_setup(void);
void kmsc_crypt_cleanup(void);

int kmsc_crypt_init(struct kmsc_crypt *crypt, struct dm_target *ti,
		    struct dm_dev *dev, struct kmsc_gate *gate,
		    const struct kmsc_params *params, unsigned int reqsize);
void kmsc_crypt_exit(struct kmsc_crypt *crypt);
int kmsc_crypt_map(struct kmsc_crypt *crypt, struct bio *bio);
int kmsc_crypt_end_io(struct kmsc_crypt *crypt, struct bio *bio,
		      blk_status_t *status);

#endif /* _KMSC_CRYPT_H */
