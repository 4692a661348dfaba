/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages for what writes send down, used again and again: where the kernel
 * clears each page that it gives out, getting one costs half as much as
 * encrypting it. They only ever hold ciphertext, and addresses that do not
 * leave the kernel, so nothing is lost when they are not cleared.
 *
 * A cache, not a reserve: getting pages never waits, and may fail.
 */
#ifndef _KMSC_POOL_H
#define _KMSC_POOL_H

#include <linux/bvec.h>

struct kmsc_pool;

/**
 * struct kmsc_pool_info - numbers of pages, for the status
 * @used:	with writes
 * @pooled:	kept for the next
 * @max:	how many may be kept
 * @shrunk:	given back so far, as memory was short
 */
struct kmsc_pool_info {
	unsigned long used;
	unsigned long pooled;
	unsigned long max;
	unsigned long shrunk;
};

int kmsc_pool_setup(void);
void kmsc_pool_cleanup(void);

struct kmsc_pool *kmsc_pool_get(struct bio_vec *vecs, unsigned int count);
void kmsc_pool_put(struct kmsc_pool *pool, struct bio_vec *vecs,
		   unsigned int count);
void kmsc_pool_count(struct kmsc_pool_info *info);

#endif /* _KMSC_POOL_H */
