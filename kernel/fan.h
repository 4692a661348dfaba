/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Large bios: other processors help to convert one, if they have the time
 *
 * The work is cut into parts. Whoever is there takes the next one until none
 * is left: the caller from the start, helpers in a workqueue as soon as they
 * come. A helper that comes too late finds nothing to do. So no part waits for
 * a helper to come, only, at the end, for those that were begun.
 *
 * Whether to ask for help is decided here, by what it has brought lately.
 */
#ifndef _KMSC_FAN_H
#define _KMSC_FAN_H

#include <linux/cpumask.h>
#include <linux/sizes.h>
#include <linux/types.h>

/* What is smaller is done before help could be there. */
#define KMSC_FAN_MIN SZ_64K

/**
 * struct kmsc_fan_ops - the work
 * @part:	do the bytes from *@from up to @to. It is a part that nobody else
 *		does; others may be at other parts. On failure *@from is where
 *		it has stopped. Called in the caller's context or in a worker's.
 * @done:	all is done, @error is the first error. Any context. NULL: the
 *		caller of kmsc_fan_run() may sleep, and waits
 */
struct kmsc_fan_ops {
	int (*part)(void *data, unsigned int *from, unsigned int to,
		    bool may_sleep);
	void (*done)(void *data, int error);
};

int kmsc_fan_setup(void);
void kmsc_fan_cleanup(void);

bool kmsc_fan_run(const struct kmsc_fan_ops *ops, void *data,
		  unsigned int bytes, int *ret_error);

/* kmsc_fan_wise - is it worth while to try kmsc_fan_run()? */
static inline bool kmsc_fan_wise(unsigned int bytes)
{
	return unlikely(bytes >= KMSC_FAN_MIN) && num_online_cpus() > 1;
}

#endif /* _KMSC_FAN_H */
