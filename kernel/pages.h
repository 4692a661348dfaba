/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages that a write goes down with: from the pools (pool.h) or the
 * allocator, and when there is no memory from the reserve of its table, so
 * that a write always gets them in the end.
 */
#ifndef _KMSC_PAGES_H
#define _KMSC_PAGES_H

#include <linux/atomic.h>
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/mempool.h>
#include <linux/mutex.h>

struct kmsc_pool;

/* A write carries at most so many, which is also the reserve. */
#define KMSC_PAGES_MAX BIO_MAX_VECS
#define KMSC_WRITE_SECTORS (KMSC_PAGES_MAX << PAGE_SECTORS_SHIFT)
/* So many need no table of their own. */
#define KMSC_PAGES_FEW 2

/**
 * struct kmsc_pages - the pages of one write
 * @vecs:	they are here; all but the last one are whole
 * @pool:	where they came from; NULL: the reserve
 * @count:	how many
 * @few:	@vecs, if they are few
 */
struct kmsc_pages {
	struct bio_vec *vecs;
	struct kmsc_pool *pool;
	unsigned short count;
	struct bio_vec few[KMSC_PAGES_FEW];
};

/**
 * struct kmsc_reserve - what one write at least needs
 * @pages:	so many
 * @lock:	held while waiting for them, so that two writers never wait for
 *		each other's part
 * @writes:	that have been here, for the status
 */
struct kmsc_reserve {
	mempool_t pages;
	struct mutex lock; /* those who wait */
	atomic_t writes;
};

int kmsc_reserve_init(struct kmsc_reserve *reserve);
void kmsc_reserve_exit(struct kmsc_reserve *reserve);
void kmsc_reserve_count(const struct kmsc_reserve *reserve,
			unsigned int *ret_free, unsigned int *ret_writes);

void kmsc_pages_get(struct kmsc_pages *pages, unsigned int size,
		    struct kmsc_reserve *reserve);
void kmsc_pages_put(struct kmsc_pages *pages, struct kmsc_reserve *reserve);

#endif /* _KMSC_PAGES_H */
