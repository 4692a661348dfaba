// SPDX-License-Identifier: GPL-2.0-only
/*
 * Held I/O, see hold.h
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "hold.h"

#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "gate.h"

/*
 * Without the parameter, this part of the memory. More than what may be dirty
 * in the page cache, a fifth of it: write-back alone does not fill a table.
 */
#define MEMORY_SHARE 4

static unsigned int hold_mib;
module_param(hold_mib, uint, 0644);
MODULE_PARM_DESC(hold_mib, "Held I/O of a table, in MiB; 0: 1/4 of the memory");

static struct workqueue_struct *hold_queue;

static u64 bytes_max(void)
{
	u64 mib = READ_ONCE(hold_mib);

	return mib ? mib * SZ_1M :
		     (u64)totalram_pages() * PAGE_SIZE / MEMORY_SHARE;
}

/*
 * A write to swap fails: the memory that it is to free may be what an unlock
 * needs. A read of it does not say what it is, and is held like any other.
 */
static enum kmsc_hold_answer answer(struct kmsc_hold *hold, struct bio *bio,
				    unsigned int bytes)
{
	if (!kmsc_gate_is_wait(hold->gate) || bio->bi_opf & REQ_SWAP)
		return KMSC_HOLD_FAIL;
	if (hold->suspend == KMSC_HOLD_FLUSH)
		return KMSC_HOLD_FAIL;
	if (hold->suspend == KMSC_HOLD_NOFLUSH)
		return KMSC_HOLD_REQUEUE;
	if (hold->bytes + bytes > bytes_max())
		return KMSC_HOLD_FAIL;
	return KMSC_HOLD_HELD;
}

/**
 * kmsc_hold_add - what is to become of a bio that finds the gate shut?
 * @hold:	of its table
 * @bio:	its bi_next is used while it is held
 * @bytes:	its data
 *
 * Any context.
 */
enum kmsc_hold_answer kmsc_hold_add(struct kmsc_hold *hold, struct bio *bio,
				    unsigned int bytes)
{
	enum kmsc_hold_answer what;
	unsigned long flags;

	spin_lock_irqsave(&hold->lock, flags);
	what = answer(hold, bio, bytes);
	if (what == KMSC_HOLD_HELD) {
		bio_list_add(&hold->bios, bio);
		hold->count++;
		hold->bytes += bytes;
		/* It may have opened since; its kick may have been before us. */
		if (kmsc_gate_is_open(hold->gate))
			queue_work(hold_queue, &hold->work);
	}
	spin_unlock_irqrestore(&hold->lock, flags);
	return what;
}

static void hold_work(struct work_struct *work)
{
	struct kmsc_hold *hold = container_of(work, struct kmsc_hold, work);
	struct bio_list bios;
	struct bio *bio;

	spin_lock_irq(&hold->lock);
	bios = hold->bios;
	bio_list_init(&hold->bios);
	hold->count = 0;
	hold->bytes = 0;
	spin_unlock_irq(&hold->lock);

	while ((bio = bio_list_pop(&bios))) {
		hold->retry(hold, bio);
		cond_resched();
	}
}

/* kmsc_hold_kick - something has changed: try what is held again */
void kmsc_hold_kick(struct kmsc_hold *hold)
{
	unsigned long flags;

	spin_lock_irqsave(&hold->lock, flags);
	if (hold->count)
		queue_work(hold_queue, &hold->work);
	spin_unlock_irqrestore(&hold->lock, flags);
}

/* kmsc_hold_set_suspend - dm suspends the table, or does so no more */
void kmsc_hold_set_suspend(struct kmsc_hold *hold,
			   enum kmsc_hold_suspend suspend)
{
	spin_lock_irq(&hold->lock);
	hold->suspend = suspend;
	spin_unlock_irq(&hold->lock);
	kmsc_hold_kick(hold);
}

void kmsc_hold_count(struct kmsc_hold *hold, unsigned int *ret_count,
		     u64 *ret_bytes)
{
	spin_lock_irq(&hold->lock);
	*ret_count = hold->count;
	*ret_bytes = hold->bytes;
	spin_unlock_irq(&hold->lock);
}

void kmsc_hold_init(struct kmsc_hold *hold, struct kmsc_gate *gate,
		    void (*retry)(struct kmsc_hold *hold, struct bio *bio))
{
	hold->gate = gate;
	hold->retry = retry;
	INIT_WORK(&hold->work, hold_work);
	spin_lock_init(&hold->lock);
	bio_list_init(&hold->bios);
}

/*
 * kmsc_hold_exit - the table goes
 *
 * dm does not destroy a table that has I/O, so nothing is held; but the work
 * may not have noticed yet that the last bio it tried is done.
 */
void kmsc_hold_exit(struct kmsc_hold *hold)
{
	flush_work(&hold->work);
	WARN_ON(hold->count);
}

/* One after the other: so that what was held goes on in its order. */
int __init kmsc_hold_setup(void)
{
	hold_queue = alloc_workqueue("kmscrypt_hold",
				     WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return hold_queue ? 0 : -ENOMEM;
}

void kmsc_hold_cleanup(void)
{
	destroy_workqueue(hold_queue);
}
