// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recycled pages: a pool for each processor, see pool.h
 *
 * Pages go back to the pool that they were taken from, wherever their write
 * completes: a device whose interrupts all come to one processor would
 * otherwise drain the pools of the others. That makes the locks shared, but
 * mostly they are not contended.
 */
#include "pool.h"

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat.h"

/* All pools together keep at most this part of the memory, ... */
#define MEMORY_SHARE 64
/* ... and one at most so many pages: what a few large writes carry. */
#define POOL_MAX 1024
#define NAME "kmscrypt-pages"

/**
 * struct kmsc_pool - the pages that are at home on one processor
 * @lock:	protects the others; taken in any context
 * @count:	how many there are
 * @pages:	pool_max of them at most; the last one in is the first out
 */
struct kmsc_pool {
	spinlock_t lock; /* the others, in any context */
	unsigned int count;
	struct page **pages;
};

static DEFINE_PER_CPU(struct kmsc_pool, pools);
static unsigned int pool_max;

/* All that we have from the allocator; changes only where it is asked. */
static atomic_long_t pages_owned;
/* How many it has asked back. */
static atomic_long_t pages_shrunk;

static struct page *page_new(void)
{
	/*
	 * Not what is left for those who free memory: who writes pages to swap
	 * is one of them, but has the reserve of its table, and the device
	 * below may have nothing else.
	 */
	gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC;
	struct page *page = alloc_page(gfp);

	if (likely(page))
		atomic_long_inc(&pages_owned);
	return page;
}

static void page_drop(struct page *page)
{
	__free_page(page);
	atomic_long_dec(&pages_owned);
}

/**
 * kmsc_pool_get - take pages, new ones if need be
 * @vecs:	gets them as bv_page
 * @count:	how many
 *
 * Process context.
 *
 * Return: where to put them in the end, or NULL: there is no memory.
 */
struct kmsc_pool *kmsc_pool_get(struct bio_vec *vecs, unsigned int count)
{
	/* We may be moved meanwhile: another processor's is as good. */
	struct kmsc_pool *pool = raw_cpu_ptr(&pools);
	unsigned long flags;
	unsigned int n = 0;

	spin_lock_irqsave(&pool->lock, flags);
	while (n < count && pool->count)
		vecs[n++].bv_page = pool->pages[--pool->count];
	spin_unlock_irqrestore(&pool->lock, flags);

	for (; unlikely(n < count); n++) {
		vecs[n].bv_page = page_new();
		if (!vecs[n].bv_page) {
			kmsc_pool_put(pool, vecs, n);
			return NULL;
		}
	}
	return pool;
}

/* May @page be used again? A network device below may hold on to it. */
static bool is_ours(struct page *page)
{
	return page_count(page) == 1;
}

/* kmsc_pool_put - give pages back, any context */
void kmsc_pool_put(struct kmsc_pool *pool, struct bio_vec *vecs,
		   unsigned int count)
{
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	while (count && pool->count < pool_max &&
	       is_ours(vecs[count - 1].bv_page))
		pool->pages[pool->count++] = vecs[--count].bv_page;
	spin_unlock_irqrestore(&pool->lock, flags);

	/* No room, or one that is not ours: the allocator sorts it out. */
	while (unlikely(count))
		page_drop(vecs[--count].bv_page);
}

static unsigned long shrink(struct kmsc_pool *pool, unsigned long most)
{
	struct page *page;
	unsigned long flags, n;

	for (n = 0; n < most; n++) {
		page = NULL;
		spin_lock_irqsave(&pool->lock, flags);
		if (pool->count)
			page = pool->pages[--pool->count];
		spin_unlock_irqrestore(&pool->lock, flags);
		if (!page)
			break;
		page_drop(page);
	}
	return n;
}

static unsigned long pooled(void)
{
	unsigned long count = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		count += READ_ONCE(per_cpu(pools, cpu).count);
	return count;
}

/**
 * kmsc_pool_count - how much memory the writes of all tables have
 * @info:	gets it; exact while no write is under way
 */
void kmsc_pool_count(struct kmsc_pool_info *info)
{
	long owned = atomic_long_read(&pages_owned);

	info->pooled = pooled();
	info->max = pool_max * num_possible_cpus();
	info->used = max(owned - (long)info->pooled, 0L);
	info->shrunk = atomic_long_read(&pages_shrunk);
}

static unsigned long pool_count(struct shrinker *unused,
				struct shrink_control *control)
{
	return pooled() ?: SHRINK_EMPTY;
}

static unsigned long pool_scan(struct shrinker *unused,
			       struct shrink_control *control)
{
	unsigned long n = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		n += shrink(per_cpu_ptr(&pools, cpu), control->nr_to_scan - n);
		if (n == control->nr_to_scan)
			break;
	}
	atomic_long_add(n, &pages_shrunk);
	return n ?: SHRINK_STOP;
}

static struct shrinker *pool_shrinker;

static int __init pools_init(void)
{
	struct kmsc_pool *pool;
	int cpu;

	pool_max = min_t(unsigned long, POOL_MAX,
			 totalram_pages() / MEMORY_SHARE / num_possible_cpus());
	for_each_possible_cpu(cpu) {
		pool = per_cpu_ptr(&pools, cpu);
		spin_lock_init(&pool->lock);
		pool->pages =
			kvcalloc(pool_max, sizeof(*pool->pages), GFP_KERNEL);
		if (!pool->pages)
			return -ENOMEM;
	}
	return 0;
}

/* What pools_init() has not reached is zero, and empty. */
static void pools_exit(void)
{
	struct kmsc_pool *pool;
	int cpu;

	for_each_possible_cpu(cpu) {
		pool = per_cpu_ptr(&pools, cpu);
		if (!pool->pages)
			return;
		shrink(pool, ULONG_MAX);
		kvfree(pool->pages);
	}
}

int __init kmsc_pool_setup(void)
{
	int r;

	r = pools_init();
	if (r)
		goto err_pools;
	r = -ENOMEM;
	pool_shrinker = kmsc_shrinker_alloc(NAME);
	if (!pool_shrinker)
		goto err_pools;
	pool_shrinker->count_objects = pool_count;
	pool_shrinker->scan_objects = pool_scan;
	r = kmsc_shrinker_register(pool_shrinker, NAME);
	if (r)
		goto err_shrinker;
	return 0;

err_shrinker:
	kmsc_shrinker_free(pool_shrinker);
err_pools:
	pools_exit();
	return r;
}

/* Nobody uses a page any more. */
void kmsc_pool_cleanup(void)
{
	kmsc_shrinker_free(pool_shrinker);
	pools_exit();
}
