// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases, see lease.h
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "lease.h"

#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/suspend.h>

#include "acquire.h"
#include "compat.h"
#include "volume.h"

/* Between attempts in vain, in ms: from, to; while active, a part of the lease */
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 15000
#define RETRY_SHARE 8
/* The work comes at least so often: far less than jiffies can say. */
#define PLAN_MAX_MS (24 * 3600 * 1000LL)
/* So many upcalls of a volume may hang before we start no more by ourselves. */
#define UPCALLS_MAX 2

static bool allow_hibernation;
module_param(allow_hibernation, bool, 0644);
MODULE_PARM_DESC(allow_hibernation, "Hibernate while a volume is active");

static struct workqueue_struct *lease_queue;

/* Sleep is being prepared, or not over yet. */
static bool sleeping;

bool kmsc_lease_sleeping(void)
{
	return READ_ONCE(sleeping);
}

/* --- timer and work ----------------------------------------------------- */

/* Any context */
static void wake(struct kmsc_volume *vol, unsigned long delay)
{
	kmsc_volume_get(vol);
	/* It was pending: then it has a reference already. */
	if (mod_delayed_work(lease_queue, &vol->lease.work, delay))
		kmsc_volume_put(vol);
}

static enum hrtimer_restart lease_timer(struct hrtimer *timer)
{
	struct kmsc_volume *vol =
		container_of(timer, struct kmsc_volume, lease.timer);

	kmsc_gate_shut(&vol->gate);
	wake(vol, 0);
	return HRTIMER_NORESTART;
}

/* Do we ask the KMS by ourselves, and what for? */
static bool wants(const struct kmsc_volume *vol, enum kmsc_op *ret_op)
{
	if (vol->state == KMSC_ACTIVE && vol->lease.seconds) {
		*ret_op = KMSC_RENEW;
		return true;
	}
	if (vol->state == KMSC_LOCKED &&
	    vol->reason == KMSC_REASON_UNREACHABLE) {
		*ret_op = KMSC_UNLOCK;
		return true;
	}
	return false;
}

static void ask(struct kmsc_volume *vol, enum kmsc_op op)
{
	if (kmsc_volume_attempting(vol) || kmsc_lease_sleeping() ||
	    ktime_before(ktime_get_boottime(), vol->lease.next))
		return;
	if (vol->upcalls >= UPCALLS_MAX || kmsc_volume_ask(vol, op))
		kmsc_lease_failed(vol);
}

static void lease_work(struct work_struct *work)
{
	struct kmsc_volume *vol =
		container_of(work, struct kmsc_volume, lease.work.work);
	/* No I/O of ours may wait for what waits for us. */
	unsigned int noio = memalloc_noio_save();
	enum kmsc_op op;

	mutex_lock(&vol->lock);
	kmsc_volume_settle(vol);
	if (wants(vol, &op))
		ask(vol, op);
	kmsc_lease_plan(vol);
	mutex_unlock(&vol->lock);
	memalloc_noio_restore(noio);
	kmsc_volume_put(vol);
}

static ktime_t next_time(struct kmsc_volume *vol)
{
	ktime_t at = KTIME_MAX;
	enum kmsc_op op;

	if (vol->state == KMSC_LOCKED && kmsc_gate_is_wait(&vol->gate))
		at = vol->hold_end;
	if (!wants(vol, &op) || kmsc_lease_sleeping())
		return at;
	if (vol->attempt)
		return min(at, ktime_add(ktime_get_boottime(),
					 kmsc_attempt_left(vol->attempt)));
	return min(at, vol->lease.next);
}

/* kmsc_lease_plan - something has changed that the work goes by */
void kmsc_lease_plan(struct kmsc_volume *vol)
{
	ktime_t at = next_time(vol);
	s64 left;

	lockdep_assert_held(&vol->lock);
	if (at != KTIME_MAX) {
		left = clamp(ktime_ms_delta(at, ktime_get_boottime()), -1LL,
			     PLAN_MAX_MS);
		/* One more: the division has cut off a part. */
		wake(vol, left < 0 ? 0 : msecs_to_jiffies(left) + 1);
	} else if (cancel_delayed_work(&vol->lease.work)) {
		kmsc_volume_put(vol);
	}
	/*
	 * The timer may have run since the caller settled the volume: then we
	 * have put off, or cancelled, what it had woken.
	 */
	if (vol->state == KMSC_ACTIVE && !kmsc_gate_is_open(&vol->gate))
		wake(vol, 0);
}

/* --- the lease ---------------------------------------------------------- */

void kmsc_lease_init(struct kmsc_volume *vol)
{
	kmsc_hrtimer_setup(&vol->lease.timer, lease_timer, CLOCK_BOOTTIME,
			   HRTIMER_MODE_ABS);
	INIT_DELAYED_WORK(&vol->lease.work, lease_work);
}

/**
 * kmsc_lease_grant - the KMS has given the key
 * @vol:	active, its lock is held
 * @seconds:	the lease that came with the key, 0: none
 * @since:	when the KMS was asked
 *
 * If the deadline has passed meanwhile, the timer fires at once.
 */
void kmsc_lease_grant(struct kmsc_volume *vol, u32 seconds, ktime_t since)
{
	struct kmsc_lease *lease = &vol->lease;
	u64 half = (u64)seconds * (NSEC_PER_SEC / 2);

	lockdep_assert_held(&vol->lock);
	hrtimer_cancel(&lease->timer);
	lease->seconds = seconds;
	lease->failures = 0;
	if (!seconds)
		return;
	lease->end = ktime_add_ns(since, 2 * half);
	/* Not all volumes of a machine at once: up to a fifth of it earlier. */
	half -= (half >> 10) * (get_random_u32() % 200);
	lease->next = ktime_add_ns(since, half);
	hrtimer_start(&lease->timer, lease->end, HRTIMER_MODE_ABS);
}

/* kmsc_lease_stop - the volume's gate is shut; on return the timer is off */
void kmsc_lease_stop(struct kmsc_volume *vol)
{
	lockdep_assert_held(&vol->lock);
	hrtimer_cancel(&vol->lease.timer);
	vol->lease.failures = 0;
	vol->lease.next = ktime_get_boottime();
}

/* kmsc_lease_over - has it run out, for a volume that is active? */
bool kmsc_lease_over(const struct kmsc_volume *vol)
{
	return vol->lease.seconds &&
	       !ktime_before(ktime_get_boottime(), vol->lease.end);
}

/* kmsc_lease_left - seconds until it runs out, rounded up; 0: none, locked */
u32 kmsc_lease_left(const struct kmsc_volume *vol)
{
	ktime_t left = ktime_sub(vol->lease.end, ktime_get_boottime());

	if (vol->state != KMSC_ACTIVE || !vol->lease.seconds || left < 0)
		return 0;
	return ktime_divns(left, NSEC_PER_SEC) + 1;
}

/* kmsc_lease_failed - an attempt has brought nothing: when is the next? */
void kmsc_lease_failed(struct kmsc_volume *vol)
{
	struct kmsc_lease *lease = &vol->lease;
	u32 most = RETRY_MAX_MS;
	u32 ms = RETRY_MIN_MS << min(lease->failures, 4U);

	lockdep_assert_held(&vol->lock);
	lease->failures++;
	if (vol->state == KMSC_ACTIVE)
		most = clamp_t(u64, lease->seconds * 1000ULL / RETRY_SHARE,
			       RETRY_MIN_MS, RETRY_MAX_MS);
	ms = min(ms, most);
	ms += get_random_u32() % (ms / 4);
	lease->next = ktime_add_ms(ktime_get_boottime(), ms);
}

/* --- the machine's sleep ------------------------------------------------- */

/*
 * Attempts are abandoned, so nobody waits for a helper that is frozen. The
 * helpers themselves end within 4 s, see acquire.c; the kernel grants them 5.
 */
static void sleep_begin(struct kmsc_volume *vol)
{
	enum kmsc_op op;

	mutex_lock(&vol->lock);
	if (wants(vol, &op))
		kmsc_volume_abandon(vol);
	kmsc_lease_plan(vol);
	mutex_unlock(&vol->lock);
}

static void sleep_end(struct kmsc_volume *vol)
{
	mutex_lock(&vol->lock);
	kmsc_volume_settle(vol);
	kmsc_lease_plan(vol);
	mutex_unlock(&vol->lock);
}

static int lease_notify(struct notifier_block *nb, unsigned long action,
			void *data)
{
	switch (action) {
	case PM_HIBERNATION_PREPARE:
		if (!READ_ONCE(allow_hibernation) && kmsc_volume_any_active()) {
			pr_warn("no hibernation while a volume is active: its key would be written to the disk\n");
			return notifier_from_errno(-EBUSY);
		}
		fallthrough;
	case PM_SUSPEND_PREPARE:
		WRITE_ONCE(sleeping, true);
		kmsc_volume_for_each(sleep_begin);
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
		WRITE_ONCE(sleeping, false);
		kmsc_volume_for_each(sleep_end);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block notifier = {
	.notifier_call = lease_notify,
};

/* Not freezable: a lease that ran out in sleep is dealt with before thaw. */
int __init kmsc_lease_setup(void)
{
	int r;

	lease_queue = alloc_workqueue("kmscrypt_lease",
				      WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!lease_queue)
		return -ENOMEM;
	r = register_pm_notifier(&notifier);
	if (r)
		destroy_workqueue(lease_queue);
	return r;
}

/* No volume is left. */
void kmsc_lease_cleanup(void)
{
	unregister_pm_notifier(&notifier);
	destroy_workqueue(lease_queue);
}
