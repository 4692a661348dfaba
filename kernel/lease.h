/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lease of a volume: how long its key may be used without the KMS giving
 * it again
 *
 * Who may do what:
 *
 * - The timer runs out at the deadline. Its handler shuts the gate and wakes
 *   the work, nothing else; it takes no lock that anybody holds for long, and
 *   waits for nobody. So the deadline holds whatever user space does.
 * - The timer is queued, or its handler runs, only while the volume is active.
 *   It is started under the volume's lock when that is so, and whoever makes
 *   it not so has cancelled it, and waited for the handler, under the same
 *   lock. So the handler never meets kmsc_gate_open().
 * - The work asks the KMS again, notices that the gate was shut, and ends the
 *   holding of I/O. It is planned anew at each change of the volume.
 * - Who looks at a volume's state does so after kmsc_volume_settle(): the
 *   gate may be shut while the work has not run yet.
 *
 * A deadline is counted from when the upcall that succeeded was made, on
 * CLOCK_BOOTTIME, which goes on while the machine sleeps and which nobody
 * sets. After a sleep the timer is the first to notice: the clock's resume
 * runs it before user space thaws.
 */
#ifndef _KMSC_LEASE_H
#define _KMSC_LEASE_H

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct kmsc_volume;

/**
 * struct kmsc_lease - part of a volume, under its lock
 * @timer:	shuts the gate
 * @work:	holds a reference to the volume while it is pending
 * @seconds:	0: none
 * @end:	the deadline, on CLOCK_BOOTTIME, like all times here
 * @next:	when to ask the KMS
 * @failures:	so many attempts in a row
 */
struct kmsc_lease {
	struct hrtimer timer;
	struct delayed_work work;
	u32 seconds;
	ktime_t end;
	ktime_t next;
	unsigned int failures;
};

int kmsc_lease_setup(void);
void kmsc_lease_cleanup(void);

void kmsc_lease_init(struct kmsc_volume *vol);

/* All with the volume's lock held */
void kmsc_lease_grant(struct kmsc_volume *vol, u32 seconds, ktime_t since);
void kmsc_lease_stop(struct kmsc_volume *vol);
bool kmsc_lease_over(const struct kmsc_volume *vol);
u32 kmsc_lease_left(const struct kmsc_volume *vol);
void kmsc_lease_failed(struct kmsc_volume *vol);
void kmsc_lease_plan(struct kmsc_volume *vol);

bool kmsc_lease_sleeping(void);

#endif /* _KMSC_LEASE_H */
