// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel/fan.c alone, with work that is seen through. Loading the module runs
 * the tests, and writes lines "kmsc_fan_test: ok NAME" or "not ok NAME" to the
 * log. Two processors or more.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>

#include "fan.h"

#define BLOCK SZ_4K
#define BLOCKS 1024
#define NEVER UINT_MAX
/* So many runs with help make a test ... */
#define RUNS 300
/* ... unless it cannot be had: where it came too late it is not asked for. */
#define TRIES 5000000

/**
 * struct trial - one run
 * @times:	how often each block was done
 * @helped:	parts that the caller did not do
 * @caller:	who it is
 * @fail_at:	the block that fails with @error, ...
 * @error:	... once
 * @fail_caller: only if it is the caller who does it
 * @helper_us:	what a part takes a helper
 * @caller_us:	what it takes the caller
 * @behind:	the caller is moved meanwhile to where the clock is behind
 * @dones:	calls of done()
 * @result:	what it was called with
 * @all:	it was called
 */
struct trial {
	atomic_t times[BLOCKS];
	atomic_t helped;
	struct task_struct *caller;
	unsigned int fail_at;
	int error;
	bool fail_caller;
	unsigned int helper_us;
	unsigned int caller_us;
	bool behind;
	atomic_t dones;
	int result;
	struct completion all;
};

static struct trial trial;

static s64 clock_offset;
static atomic_t clock_reads;

/* What kernel/fan.c has in place of local_clock() */
u64 kmsc_fan_test_clock(void);
u64 kmsc_fan_test_clock(void)
{
	atomic_inc(&clock_reads);
	return local_clock() + READ_ONCE(clock_offset);
}

static void report(bool good, const char *name)
{
	pr_info("%sok %s\n", good ? "" : "not ", name);
}

static void trial_begin(void)
{
	memset(&trial, 0, sizeof(trial));
	trial.caller = current;
	trial.fail_at = NEVER;
	trial.caller_us = 20;
	init_completion(&trial.all);
}

static bool fails(unsigned int block)
{
	if (block != trial.fail_at || !trial.error)
		return false;
	return !trial.fail_caller || current == trial.caller;
}

static int part(void *data, unsigned int *from, unsigned int to, bool may_sleep)
{
	bool helper = current != trial.caller;
	int r;

	if (helper)
		atomic_inc(&trial.helped);
	if (helper && trial.helper_us && may_sleep)
		usleep_range(trial.helper_us, trial.helper_us + 1);
	else
		udelay(trial.caller_us);
	if (!helper && trial.behind)
		WRITE_ONCE(clock_offset, -(s64)NSEC_PER_SEC);
	for (; *from < to; *from += BLOCK) {
		if (fails(*from / BLOCK)) {
			r = trial.error;
			/* a shortage that is over when it is tried again */
			if (r == -ENOMEM)
				trial.error = 0;
			return r;
		}
		atomic_inc(&trial.times[*from / BLOCK]);
	}
	return 0;
}

static void done(void *data, int error)
{
	trial.result = error;
	atomic_inc(&trial.dones);
	complete(&trial.all);
}

static const struct kmsc_fan_ops waiting = { .part = part };
static const struct kmsc_fan_ops going = { .part = part, .done = done };

/* Blocks that were not done @times times */
static unsigned int wrong(unsigned int bytes, int least, int most)
{
	unsigned int i, n = 0;
	int times;

	for (i = 0; i < BLOCKS; i++) {
		times = atomic_read(&trial.times[i]);
		if (i * BLOCK < bytes)
			n += times < least || times > most;
		else
			n += times != 0;
	}
	return n;
}

/* As in a softirq, then wait. Return: *@ret_error is what came of it. */
static bool run_going(unsigned int bytes, int *ret_error)
{
	bool ran;

	local_bh_disable();
	ran = kmsc_fan_run(&going, &trial, bytes, ret_error);
	local_bh_enable();
	if (ran && *ret_error == -EINPROGRESS) {
		wait_for_completion(&trial.all);
		*ret_error = trial.result;
		return true;
	}
	return ran && !atomic_read(&trial.dones);
}

/* --- tests -------------------------------------------------------------- */

static bool more(unsigned int try, bool enough)
{
	cond_resched();
	return !enough && try < TRIES;
}

static void test_once(void)
{
	unsigned int i, bytes, ran = 0, helped = 0;
	bool good = true;
	int r;

	for (i = 0; more(i, ran >= RUNS && helped); i++) {
		trial_begin();
		bytes = KMSC_FAN_MIN + ran * 7 % (BLOCKS - 16) * BLOCK;
		if (!kmsc_fan_run(&waiting, &trial, bytes, &r))
			continue;
		ran++;
		good = good && !r && !wrong(bytes, 1, 1);
		helped += atomic_read(&trial.helped);
	}
	report(good && ran >= RUNS, "each part is done once");
	report(helped, "by helpers too");
}

static void test_going(void)
{
	unsigned int i, ran = 0, gone = 0;
	bool good = true;
	int r;

	for (i = 0; more(i, ran >= RUNS && gone); i++) {
		trial_begin();
		if (!run_going(SZ_512K, &r))
			continue;
		ran++;
		good = good && !r && !wrong(SZ_512K, 1, 1) &&
		       atomic_read(&trial.dones) <= 1;
		gone += atomic_read(&trial.dones);
	}
	report(good && ran >= RUNS, "without waiting, each part is done once");
	report(gone, "and the last helper says so");
}

static void test_error(void)
{
	unsigned int i, ran = 0;
	bool good = true;
	int r;

	for (i = 0; more(i, ran >= RUNS); i++) {
		trial_begin();
		trial.fail_at = ran % (SZ_1M / BLOCK);
		trial.error = -EBADMSG;
		if (ran & 1 ? !run_going(SZ_1M, &r) :
			      !kmsc_fan_run(&waiting, &trial, SZ_1M, &r))
			continue;
		ran++;
		good = good && r == -EBADMSG && !wrong(SZ_1M, 0, 1) &&
		       !atomic_read(&trial.times[trial.fail_at]);
	}
	report(good && ran >= RUNS, "an error in one part");
}

/* The caller is short of memory, half way through a part. */
static void test_put_off(void)
{
	unsigned int i, put_off = 0;
	bool good = true;
	int r;

	for (i = 0; more(i, put_off >= RUNS / 10); i++) {
		trial_begin();
		trial.fail_at = 3;
		trial.error = -ENOMEM;
		trial.fail_caller = true;
		if (!run_going(SZ_512K, &r))
			continue;
		put_off += !trial.error;
		good = good && !r && !wrong(SZ_512K, 1, 1);
	}
	report(good && put_off, "what the caller could not, a helper does");
}

/*
 * The caller's time was measured on two processors whose clocks differ. It is
 * not to watch its helper's part, which may need this very processor.
 */
static void test_clock(void)
{
	unsigned int i;
	int r;

	trial_begin();
	for (i = 0; more(i, atomic_read(&trial.helped)); i++) {
		trial_begin();
		trial.helper_us = 50000;
		trial.behind = true;
		atomic_set(&clock_reads, 0);
		kmsc_fan_run(&waiting, &trial, SZ_512K, &r);
		WRITE_ONCE(clock_offset, 0);
	}
	report(atomic_read(&trial.helped) && atomic_read(&clock_reads) < 50,
	       "a clock that goes back");
}

/* Help that takes ages is not asked for again soon, by the same processor. */
static void test_late(void)
{
	unsigned int i, ran = 0;
	int r;

	migrate_disable();
	trial_begin();
	for (i = 0; more(i, atomic_read(&trial.helped)); i++) {
		trial_begin();
		trial.helper_us = 50000;
		kmsc_fan_run(&waiting, &trial, SZ_512K, &r);
	}
	report(atomic_read(&trial.helped), "a slow helper");
	for (i = 0; i < 100; i++) {
		trial_begin();
		ran += kmsc_fan_run(&waiting, &trial, KMSC_FAN_MIN, &r);
	}
	migrate_enable();
	report(!ran, "is not asked again soon");
}

static int __init fan_test_init(void)
{
	int r = kmsc_fan_setup();

	if (r)
		return r;
	report(!kmsc_fan_wise(KMSC_FAN_MIN - 1), "small ones need no help");
	report(kmsc_fan_wise(KMSC_FAN_MIN), "large ones might");
	test_once();
	test_going();
	test_error();
	test_put_off();
	test_clock();
	test_late();
	return 0;
}

static void __exit fan_test_exit(void)
{
	kmsc_fan_cleanup();
}

module_init(fan_test_init);
module_exit(fan_test_exit);

MODULE_DESCRIPTION("Tests of kmscrypt's help for large bios");
MODULE_LICENSE("GPL");
