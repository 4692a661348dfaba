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

/* Not inline: small writes have no table, and would clear its stack in vain. */
static noinline void table_put(struct kmsc_pool *pool, struct kmsc_pages *pages)
{
	struct bio_vec table = { .bv_page = virt_to_page(pages->vecs) };

	kmsc_pool_put(pool, &table, 1);
}

static noinline void pool_get_many(struct kmsc_pages *pages)
{
	struct kmsc_pool *home;
	struct bio_vec table;

	home = kmsc_pool_get(&table, 1);
	if (unlikely(!home))
		return;
	pages->vecs = page_address(table.bv_page);
	pages->pool = kmsc_pool_get(pages->vecs, pages->count);
	if (unlikely(!pages->pool))
		table_put(home, pages);
}

/* Pages that are used again and again, or else new ones */
static bool pool_get(struct kmsc_pages *pages)
{
	pages->vecs = pages->few;
	pages->pool = NULL;
	if (has_table(pages))
		pool_get_many(pages);
	else
		pages->pool = kmsc_pool_get(pages->vecs, pages->count);
	return pages->pool;
}

static noinline void pool_put_many(struct kmsc_pages *pages)
{
	kmsc_pool_put(pages->pool, pages->vecs, pages->count);
	table_put(pages->pool, pages);
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
	struct bio_vec *vec;

	BUILD_BUG_ON(KMSC_PAGES_MAX * sizeof(struct bio_vec) > PAGE_SIZE);
	pages->count = DIV_ROUND_UP(size, PAGE_SIZE);
	if (unlikely(!pool_get(pages)))
		reserve_get(pages, reserve);
	for (vec = pages->vecs; size > PAGE_SIZE; vec++, size -= PAGE_SIZE)
		*vec = (struct bio_vec){ vec->bv_page, PAGE_SIZE, 0 };
	*vec = (struct bio_vec){ vec->bv_page, size, 0 };
}

/* kmsc_pages_put - give them back, any context */
void kmsc_pages_put(struct kmsc_pages *pages, struct kmsc_reserve *reserve)
{
	if (unlikely(!pages->pool))
		reserve_put(pages, reserve);
	else if (has_table(pages))
		pool_put_many(pages);
	else
		kmsc_pool_put(pages->pool, pages->vecs, pages->count);
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
