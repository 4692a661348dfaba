// SPDX-License-Identifier: GPL-2.0-only
/*
 * Help from other processors, see fan.h
 *
 * A fan is one large bio's work. Fans belong to a processor, which has a few,
 * and exist as long as the module: a helper that comes when the bio is long
 * gone touches nothing but the fan, and the fan is not used again before.
 */
#include "fan.h"

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/workqueue.h>

/* Small, so that the last one is not waited for long. */
#define PART_BYTES SZ_32K
#define HELPERS_MAX 3
/* So many of a processor's bios have helpers that have not left yet. */
#define FANS 4
/* Of the time that is spent without help, so much may be lost by trying it. */
#define TRIAL_SHARE 32
/* Help may lose what it has won before, but not that of more bios than this. */
#define CREDIT_BIOS 4
/* No loss counts for more, or nobody would try again for minutes. */
#define LOSS_MAX_NS (50 * NSEC_PER_MSEC)

struct fan;

struct helper {
	struct work_struct work;
	struct fan *fan;
};

/**
 * struct fan - the work of one large bio
 * @home:	the processor that it belongs to
 * @refs:	the caller and each helper; 0: it is free
 * @next:	part that nobody has taken yet
 * @left:	parts that are not done, and 1 for the caller while it may take
 *		some: who takes it to 0 finishes
 * @error:	the first one
 * @ops:	what to do ...
 * @data:	... with what
 * @bytes:	in all
 * @parts:	likewise
 * @begun:	when the caller asked for help
 * @part_ns:	what a part has cost the caller; 0: it has done none, or the
 *		clock did not tell
 * @all:	the caller waits, if it does
 * @helpers:	to ask for help
 * @rest:	to do what the caller could not, in its context
 * @rest_from:	from here ...
 * @rest_to:	... up to here
 */
struct fan {
	struct station *home;
	atomic_t refs;
	atomic_t next;
	atomic_t left;
	int error;
	const struct kmsc_fan_ops *ops;
	void *data;
	unsigned int bytes;
	unsigned int parts;
	u64 begun;
	u64 part_ns;
	struct completion all;
	struct helper helpers[HELPERS_MAX];
	struct work_struct rest;
	unsigned int rest_from;
	unsigned int rest_to;
};

/**
 * struct station - what a processor knows about help
 * @budget:	nanoseconds that help has won, or lost if negative
 * @part_ns:	what a part costs
 * @fans:	to ask for help with
 *
 * Bios that end at the same time may miss each other's figures. It is an
 * estimate.
 */
struct station {
	s64 budget;
	u64 part_ns;
	struct fan fans[FANS];
};

static struct station __percpu *stations;
static struct workqueue_struct *fan_queue;
static atomic_t callers = ATOMIC_INIT(0);

/* --- what help is worth ------------------------------------------------- */

/*
 * Did it pay? What the caller's own parts took says what all would have taken.
 */
static void judge(const struct fan *fan)
{
	struct station *home = fan->home;
	s64 took, alone = fan->part_ns * fan->parts;
	s64 budget;

	if (!alone)
		return;
	took = local_clock() - fan->begun;
	budget = READ_ONCE(home->budget) + alone - took;
	budget = clamp(budget, -(s64)LOSS_MAX_NS, CREDIT_BIOS * alone);
	WRITE_ONCE(home->budget, budget);
	WRITE_ONCE(home->part_ns, fan->part_ns);
}

/* Lost time is earned again, slowly, by what is done without help. */
static bool can_afford(struct station *here, unsigned int parts)
{
	s64 budget = READ_ONCE(here->budget);

	if (budget >= 0)
		return true;
	budget += div_u64(READ_ONCE(here->part_ns) * parts, TRIAL_SHARE) + 1;
	WRITE_ONCE(here->budget, budget);
	return false;
}

/*
 * All callers have the same share of the processors. What they asked for
 * before does not count: it is about to end.
 */
static unsigned int helpers_wanted(unsigned int parts)
{
	unsigned int share = num_online_cpus() / (atomic_read(&callers) + 1);

	return share ? min3(share - 1, parts - 1, (unsigned int)HELPERS_MAX) :
		       0;
}

/* --- fans --------------------------------------------------------------- */

static struct fan *fan_get(struct station *here)
{
	unsigned int i;

	for (i = 0; i < FANS; i++)
		if (!atomic_read(&here->fans[i].refs) &&
		    !atomic_cmpxchg(&here->fans[i].refs, 0, 1))
			return &here->fans[i];
	return NULL;
}

static void fan_leave(struct fan *fan)
{
	/* Ordered after all that we did with it */
	atomic_dec_return(&fan->refs);
}

static bool take_part(struct fan *fan, unsigned int *ret_from,
		      unsigned int *ret_to)
{
	unsigned int part = atomic_inc_return(&fan->next) - 1;

	if (part >= fan->parts)
		return false;
	*ret_from = part * PART_BYTES;
	*ret_to = *ret_from +
		  min(fan->bytes - *ret_from, (unsigned int)PART_BYTES);
	return true;
}

/* After the first error there is no use in the rest. */
static int do_part(struct fan *fan, unsigned int *from, unsigned int to,
		   bool may_sleep)
{
	if (unlikely(READ_ONCE(fan->error)))
		return 0;
	return fan->ops->part(fan->data, from, to, may_sleep);
}

/* By a helper. With the last part the data may be gone. */
static void part_done(struct fan *fan, int r)
{
	if (unlikely(r))
		cmpxchg(&fan->error, 0, r);
	if (!atomic_dec_and_test(&fan->left))
		return;
	if (!fan->ops->done) {
		complete(&fan->all);
		return;
	}
	judge(fan);
	fan->ops->done(fan->data, fan->error);
}

static void help(struct fan *fan)
{
	unsigned int from, to;

	while (take_part(fan, &from, &to))
		part_done(fan, do_part(fan, &from, to, true));
	fan_leave(fan);
}

static void help_work(struct work_struct *work)
{
	help(container_of(work, struct helper, work)->fan);
}

static void rest_work(struct work_struct *work)
{
	struct fan *fan = container_of(work, struct fan, rest);

	part_done(fan, do_part(fan, &fan->rest_from, fan->rest_to, true));
	help(fan);
}

/* --- the caller --------------------------------------------------------- */

static void ask(struct fan *fan, unsigned int helpers)
{
	unsigned int i;

	atomic_add(helpers, &fan->refs);
	for (i = 0; i < helpers; i++)
		queue_work(fan_queue, &fan->helpers[i].work);
}

/* Where one can wait, it works: leave it to a helper of its own. */
static void put_off(struct fan *fan, unsigned int from, unsigned int to)
{
	fan->rest_from = from;
	fan->rest_to = to;
	atomic_inc(&fan->refs);
	queue_work(fan_queue, &fan->rest);
}

static void do_own(struct fan *fan)
{
	bool may_sleep = !fan->ops->done;
	u64 start = local_clock();
	unsigned int from, to, n;
	s64 took;
	int r;

	for (n = 0; take_part(fan, &from, &to); n++) {
		r = do_part(fan, &from, to, may_sleep);
		if (unlikely(r)) {
			if (!may_sleep && (r == -ENOMEM || r == -EAGAIN)) {
				put_off(fan, from, to);
				break;
			}
			cmpxchg(&fan->error, 0, r);
		}
		atomic_dec(&fan->left);
	}
	/* Negative: we were moved to where the clock is behind. */
	took = local_clock() - start;
	if (n && took > 0)
		fan->part_ns = div_u64(took, n);
}

/*
 * The last parts of helpers: that is shorter than to go to sleep and back. But
 * who needs this processor may be a helper.
 */
static void wait_for_helpers(struct fan *fan)
{
	u64 start = local_clock();

	while (local_clock() - start < fan->part_ns && !need_resched()) {
		if (!atomic_read_acquire(&fan->left))
			return;
		cpu_relax();
	}
	wait_for_completion(&fan->all);
}

static void fan_begin(struct fan *fan, const struct kmsc_fan_ops *ops,
		      void *data, unsigned int bytes)
{
	fan->error = 0;
	fan->ops = ops;
	fan->data = data;
	fan->bytes = bytes;
	fan->parts = DIV_ROUND_UP(bytes, PART_BYTES);
	fan->begun = local_clock();
	fan->part_ns = 0;
	reinit_completion(&fan->all);
	atomic_set(&fan->next, 0);
	atomic_set(&fan->left, fan->parts + 1);
}

/**
 * kmsc_fan_run - do it with help
 * @ops:	what to do
 * @data:	with what
 * @bytes:	of how much; kmsc_fan_wise()
 * @ret_error:	what came of it; -EINPROGRESS: helpers are still at it, @data
 *		is theirs, and @ops->done is called, or has been
 *
 * Any context but a hard interrupt; one that may sleep if there is no
 * @ops->done.
 *
 * Return: false if no help is to be had: then nothing was done.
 */
bool kmsc_fan_run(const struct kmsc_fan_ops *ops, void *data,
		  unsigned int bytes, int *ret_error)
{
	unsigned int parts = DIV_ROUND_UP(bytes, PART_BYTES);
	/* We may be moved meanwhile: another processor's is as good. */
	struct station *here = raw_cpu_ptr(stations);
	unsigned int helpers = helpers_wanted(parts);
	struct fan *fan;

	if (!helpers || !can_afford(here, parts))
		return false;
	fan = fan_get(here);
	if (!fan)
		return false;
	fan_begin(fan, ops, data, bytes);
	atomic_inc(&callers);
	ask(fan, helpers);
	do_own(fan);
	atomic_dec(&callers);
	*ret_error = -EINPROGRESS;
	if (!atomic_dec_and_test(&fan->left)) {
		if (ops->done)
			goto leave;
		wait_for_helpers(fan);
	}
	judge(fan);
	*ret_error = fan->error;
leave:
	fan_leave(fan);
	return true;
}

/* --- module ------------------------------------------------------------- */

static void fan_init(struct fan *fan, struct station *home)
{
	unsigned int i;

	fan->home = home;
	init_completion(&fan->all);
	INIT_WORK(&fan->rest, rest_work);
	for (i = 0; i < HELPERS_MAX; i++) {
		fan->helpers[i].fan = fan;
		INIT_WORK(&fan->helpers[i].work, help_work);
	}
}

int __init kmsc_fan_setup(void)
{
	const unsigned int flags = WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_HIGHPRI;
	struct station *station;
	unsigned int i;
	int cpu;

	stations = alloc_percpu(struct station);
	if (!stations)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		station = per_cpu_ptr(stations, cpu);
		for (i = 0; i < FANS; i++)
			fan_init(&station->fans[i], station);
	}
	/*
	 * Somebody waits for a part that is begun: it is not to be put aside
	 * for what else the processor has to do.
	 */
	fan_queue = alloc_workqueue("kmscrypt_fan", flags, 0);
	if (!fan_queue) {
		free_percpu(stations);
		return -ENOMEM;
	}
	return 0;
}

/* Nobody calls any more; helpers that are late come before the queue goes. */
void kmsc_fan_cleanup(void)
{
	destroy_workqueue(fan_queue);
	free_percpu(stations);
}
