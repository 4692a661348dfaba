// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of a write, see pages.h
 */
#include "pages.h"

#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "pool.h"

/* If the pages are many, one page more has the table of them. */
static bool has_table(const struct kmsc_pages *pages)
{
	return pages->count > KMSC_PAGES_FEW;
}

/* Pages that are used again and again, or else new ones */
static bool pool_get(struct kmsc_pages *pages)
{
	struct kmsc_pool *home = NULL;
	struct bio_vec table;

	if (has_table(pages)) {
		home = kmsc_pool_get(&table, 1);
		pages->pool = NULL;
		if (!home)
			return false;
		pages->vecs = page_address(table.bv_page);
	}
	pages->pool = kmsc_pool_get(pages->vecs, pages->count);
	if (unlikely(!pages->pool && home))
		kmsc_pool_put(home, &table, 1);
	return pages->pool;
}

static void pool_put(struct kmsc_pages *pages)
{
	struct bio_vec table;

	kmsc_pool_put(pages->pool, pages->vecs, pages->count);
	if (has_table(pages)) {
		table.bv_page = virt_to_page(pages->vecs);
		kmsc_pool_put(pages->pool, &table, 1);
	}
}

static void reserve_get(struct kmsc_pages *pages, struct kmsc_reserve *reserve)
{
	unsigned int i;

	atomic_inc(&reserve->writes);
	/*
	 * Only one may wait with a part of the reserve in its hands, and the
	 * reserve is as large as a write can be: the rest of it comes back
	 * from writes that are already below.
	 */
	mutex_lock(&reserve->lock);
	if (has_table(pages))
		pages->vecs =
			page_address(mempool_alloc(&reserve->pages, GFP_NOIO));
	for (i = 0; i < pages->count; i++)
		pages->vecs[i].bv_page =
			mempool_alloc(&reserve->pages, GFP_NOIO);
	mutex_unlock(&reserve->lock);
}

static void reserve_put(struct kmsc_pages *pages, struct kmsc_reserve *reserve)
{
	unsigned int i;

	for (i = 0; i < pages->count; i++)
		mempool_free(pages->vecs[i].bv_page, &reserve->pages);
	if (has_table(pages))
		mempool_free(virt_to_page(pages->vecs), &reserve->pages);
}

/**
 * kmsc_pages_get - take the pages of a write
 * @pages:	gets them
 * @size:	bytes that they are to hold, at most KMSC_PAGES_MAX pages
 * @reserve:	waited for, if there is no memory
 *
 * Process context.
 */
void kmsc_pages_get(struct kmsc_pages *pages, unsigned int size,
		    struct kmsc_reserve *reserve)
{
	unsigned int i;

	BUILD_BUG_ON(KMSC_PAGES_MAX * sizeof(struct bio_vec) > PAGE_SIZE);
	pages->count = DIV_ROUND_UP(size, PAGE_SIZE);
	pages->vecs = pages->few;
	if (unlikely(!pool_get(pages)))
		reserve_get(pages, reserve);
	for (i = 0; i < pages->count; i++) {
		pages->vecs[i].bv_len = min_t(unsigned int, size, PAGE_SIZE);
		pages->vecs[i].bv_offset = 0;
		size -= pages->vecs[i].bv_len;
	}
}

/* kmsc_pages_put - give them back, any context */
void kmsc_pages_put(struct kmsc_pages *pages, struct kmsc_reserve *reserve)
{
	if (likely(pages->pool))
		pool_put(pages);
	else
		reserve_put(pages, reserve);
}

void kmsc_reserve_count(const struct kmsc_reserve *reserve,
			unsigned int *ret_free, unsigned int *ret_writes)
{
	*ret_free = READ_ONCE(reserve->pages.curr_nr);
	*ret_writes = atomic_read(&reserve->writes);
}

int kmsc_reserve_init(struct kmsc_reserve *reserve)
{
	mutex_init(&reserve->lock);
	atomic_set(&reserve->writes, 0);
	/* with the table of a large write */
	return mempool_init_page_pool(&reserve->pages, KMSC_PAGES_MAX + 1, 0);
}

/* A zeroed one too: mempools take that. */
void kmsc_reserve_exit(struct kmsc_reserve *reserve)
{
	mempool_exit(&reserve->pages);
}
