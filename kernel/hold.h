/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Held I/O: the bios of one table that wait for the gate to be opened
 *
 * Whoever finds the gate shut asks kmsc_hold_add() what to do with the bio.
 * Each event that can change the answer (the gate opens, waiting is over, the
 * table is suspended) is followed by kmsc_hold_kick(): a work then takes all
 * that is held and tries each bio again, from where it stopped, which passes
 * the gate, fails, or asks here again. So there is one place that decides.
 *
 * None is forgotten: the answer is given, and the bio put on the list, under
 * the lock that a kick takes after the event.
 */
#ifndef _KMSC_HOLD_H
#define _KMSC_HOLD_H

#include <linux/bio.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct kmsc_gate;

enum kmsc_hold_answer {
	KMSC_HOLD_HELD, /* it is on the list: hands off */
	KMSC_HOLD_FAIL,
	KMSC_HOLD_REQUEUE, /* dm keeps it until it resumes */
};

enum kmsc_hold_suspend {
	KMSC_HOLD_RUNNING,
	KMSC_HOLD_FLUSH, /* dm waits until nothing is held: fail it */
	KMSC_HOLD_NOFLUSH, /* likewise, but dm takes it back */
};

/**
 * struct kmsc_hold - the held bios of one table
 * @gate:	what they wait for
 * @retry:	tries a bio again
 * @work:	to do so
 * @lock:	protects what follows; any context, innermost
 * @bios:	in the order in which they came
 * @count:	how many
 * @bytes:	their data
 * @suspend:	what dm is about
 */
struct kmsc_hold {
	struct kmsc_gate *gate;
	void (*retry)(struct kmsc_hold *hold, struct bio *bio);
	struct work_struct work;
	spinlock_t lock; /* all below */
	struct bio_list bios;
	unsigned int count;
	u64 bytes;
	enum kmsc_hold_suspend suspend;
};

int kmsc_hold_setup(void);
void kmsc_hold_cleanup(void);

void kmsc_hold_init(struct kmsc_hold *hold, struct kmsc_gate *gate,
		    void (*retry)(struct kmsc_hold *hold, struct bio *bio));
void kmsc_hold_exit(struct kmsc_hold *hold);
enum kmsc_hold_answer kmsc_hold_add(struct kmsc_hold *hold, struct bio *bio,
				    unsigned int bytes);
void kmsc_hold_kick(struct kmsc_hold *hold);
void kmsc_hold_set_suspend(struct kmsc_hold *hold,
			   enum kmsc_hold_suspend suspend);
void kmsc_hold_count(struct kmsc_hold *hold, unsigned int *ret_count,
		     u64 *ret_bytes);

#endif /* _KMSC_HOLD_H */
