// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attempts to get a volume's key from the KMS
 *
 * request_key() waits in D state for as long as the helper lives. So it is
 * only called in a workqueue of its own, and whoever wants the key waits for
 * that work with a deadline, and can be killed.
 *
 * Each attempt has a kernel credential of its own with a private keyring as
 * thread and session keyring, dropped when it ends. So the upcall is always a
 * fresh one (a dead helper leaves a negative key in the keyring, which would
 * else be found for a minute), nobody can plant a key, and the helper, which
 * possesses the requestor's keyring, reaches no key but its own.
 */
#include "acquire.h"

#include <linux/cred.h>
#include <linux/err.h>
#include <linux/key.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "keytype.h"
#include "volume.h"

static unsigned int timeout_ms = KMSC_TIMEOUT_DEFAULT_MS;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "How long the helper may take for a key, in ms");

/*
 * The kernel grants helpers 5 s to end when it prepares for sleep, and gives
 * up the sleep after that: none that comes by itself may take longer, however
 * its KMS hangs. Set higher, a hung KMS can keep the machine awake.
 */
#define RENEW_MS 4000
static unsigned int renew_ms = RENEW_MS;
module_param(renew_ms, uint, 0644);
MODULE_PARM_DESC(renew_ms, "The same for a renewal, in ms");

static struct workqueue_struct *upcall_queue;

static const struct {
	int err;
	char *text;
} errors[] = {
#define FAILED "KMS key request failed: "
	{ -EKEYREVOKED, FAILED "key revoked by the KMS" },
	{ -EACCES, FAILED "the KMS denied access" },
	{ -EKEYREJECTED, FAILED "key rejected, it does not match this volume" },
	{ -ESTALE, FAILED "older than what is open, and on other terms" },
	{ -EBADMSG, FAILED "malformed volume header or token" },
	{ -EPROTO, FAILED "malformed answer from the KMS" },
	{ -EHOSTUNREACH, FAILED "no KMS endpoint answered" },
	{ -ETIMEDOUT, FAILED "no answer within the deadline" },
	{ -ENODATA,
	  FAILED "no kmscrypt binding on the device or no such KMS entry" },
	{ -ENOKEY, FAILED "the upcall failed, is its request-key rule there?" },
	{ -EINTR, FAILED "interrupted" },
	{ -EOPNOTSUPP, FAILED "the key needs what this module does not have" },
};

char *kmsc_attempt_error(int err)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].err == err)
			return errors[i].text;
	return FAILED "see the kernel log and the helper's log";
}

static const struct cred *private_cred(void)
{
	struct cred *cred = prepare_kernel_cred(&init_task);
	struct key *keyring;

	if (!cred)
		return ERR_PTR(-ENOMEM);
	keyring = keyring_alloc(KMSC_KEY_TYPE, GLOBAL_ROOT_UID, GLOBAL_ROOT_GID,
				cred,
				(KEY_POS_ALL & ~KEY_POS_SETATTR) | KEY_USR_VIEW,
				KEY_ALLOC_NOT_IN_QUOTA, NULL, NULL);
	if (IS_ERR(keyring)) {
		put_cred(cred);
		return ERR_CAST(keyring);
	}
	/* Both references are the credential's from now on. */
	cred->thread_keyring = keyring;
	cred->session_keyring = key_get(keyring);
	return cred;
}

static s64 time_left_ms(const struct kmsc_attempt *attempt)
{
	return ktime_ms_delta(attempt->deadline, ktime_get());
}

static const char *op_name(enum kmsc_op op)
{
	switch (op) {
	case KMSC_RENEW:
		return "renew";
	case KMSC_UNLOCK:
		return "unlock";
	default:
		return "open";
	}
}

/* The callout of include/uapi/kmscrypt.h */
static int callout_emit(const struct kmsc_attempt *attempt, s64 left_ms,
			char *buf)
{
	const struct kmsc_params *p = &attempt->params;
	int n;

	n = scnprintf(buf, KMSC_CALLOUT_MAX, "v=1 op=%s cipher=%s key_bytes=%u",
		      op_name(attempt->op), p->cipher, p->key_bytes);
	n += scnprintf(buf + n, KMSC_CALLOUT_MAX - n,
		       " sector_size=%u iv_offset=%llu offset=%llu len=%llu",
		       p->sector_size, p->iv_offset, p->offset, p->len);
	n += scnprintf(buf + n, KMSC_CALLOUT_MAX - n, " flags=%u", p->flags);
	if (p->integrity[0])
		n += scnprintf(buf + n, KMSC_CALLOUT_MAX - n, " integrity=%s",
			       p->integrity);
	n += scnprintf(buf + n, KMSC_CALLOUT_MAX - n, " timeout_ms=%lld",
		       left_ms);
	return n < KMSC_CALLOUT_MAX - 1 ? 0 : -EINVAL;
}

static struct key *upcall(struct kmsc_attempt *attempt)
{
	const struct cred *cred, *old;
	char callout[KMSC_CALLOUT_MAX];
	s64 left = time_left_ms(attempt);
	struct key *key;
	int r;

	if (left <= 0)
		return ERR_PTR(-ETIMEDOUT);
	r = callout_emit(attempt, left, callout);
	if (r)
		return ERR_PTR(r);
	cred = private_cred();
	if (IS_ERR(cred))
		return ERR_CAST(cred);
	attempt->since = ktime_get_boottime();
	old = override_creds(cred);
	key = request_key(&kmsc_key_type, attempt->vol->desc, callout);
	revert_creds(old);
	put_cred(cred);
	return key;
}

static void attempt_free(struct kref *ref)
{
	struct kmsc_attempt *attempt =
		container_of(ref, struct kmsc_attempt, ref);

	kmsc_volume_put(attempt->vol);
	kfree(attempt);
}

void kmsc_attempt_put(struct kmsc_attempt *attempt)
{
	kref_put(&attempt->ref, attempt_free);
}

static void attempt_work(struct work_struct *work)
{
	struct kmsc_attempt *attempt =
		container_of(work, struct kmsc_attempt, work);
	struct key *key = ERR_PTR(-ECANCELED);
	/* No I/O that the volume holds may wait for what waits for us. */
	unsigned int noio = memalloc_noio_save();

	/* It may have queued for long behind helpers that hang. */
	if (kmsc_volume_wants(attempt->vol, attempt))
		key = upcall(attempt);
	kmsc_volume_deliver(attempt->vol, attempt, key);
	memalloc_noio_restore(noio);
	kmsc_attempt_put(attempt);
}

static unsigned int limit_ms(enum kmsc_op op, bool automatic)
{
	unsigned int ms = READ_ONCE(timeout_ms);

	if (op == KMSC_RENEW || automatic)
		ms = min(ms, READ_ONCE(renew_ms));
	return ms;
}

/**
 * kmsc_attempt_start - start an upcall
 * @vol:	whose key
 * @op:		why
 * @automatic:	not because somebody has asked for it
 * @params:	what the table asks for
 *
 * Return: the attempt with a reference, or NULL if there is no memory. It runs
 * and ends in kmsc_volume_deliver(), whether anybody waits for it or not.
 */
struct kmsc_attempt *kmsc_attempt_start(struct kmsc_volume *vol,
					enum kmsc_op op, bool automatic,
					const struct kmsc_params *params)
{
	/* With the volume's lock held: see kmsc_event_state() */
	struct kmsc_attempt *attempt = kzalloc(sizeof(*attempt), GFP_NOIO);

	if (!attempt)
		return NULL;
	kref_init(&attempt->ref);
	INIT_WORK(&attempt->work, attempt_work);
	attempt->vol = kmsc_volume_get(vol);
	attempt->op = op;
	attempt->automatic = automatic;
	attempt->params = *params;
	attempt->deadline = ktime_add_ms(ktime_get(), limit_ms(op, automatic));
	init_completion(&attempt->done);
	kref_get(&attempt->ref);
	queue_work(upcall_queue, &attempt->work);
	return attempt;
}

/* Until everybody has given up waiting; the grace is as in the wait below. */
ktime_t kmsc_attempt_left(const struct kmsc_attempt *attempt)
{
	s64 left = time_left_ms(attempt) + KMSC_TIMEOUT_GRACE_MS;

	return ms_to_ktime(max(left, 0LL));
}

bool kmsc_attempt_overdue(const struct kmsc_attempt *attempt)
{
	return !kmsc_attempt_left(attempt);
}

/*
 * kmsc_attempt_wait - wait for the result
 *
 * The grace lets an answer pass that the helper gave just in time.
 *
 * Return: the result; -ETIMEDOUT also, and -EINTR only, if there is none yet.
 */
int kmsc_attempt_wait(struct kmsc_attempt *attempt)
{
	s64 left = max(ktime_to_ms(kmsc_attempt_left(attempt)), 1LL);
	unsigned long jiffies_left = msecs_to_jiffies(left);
	long r;

	r = wait_for_completion_killable_timeout(&attempt->done, jiffies_left);
	if (r > 0)
		return attempt->result;
	return r ? -EINTR : -ETIMEDOUT;
}

/* The volume has decided. Its lock is held. */
void kmsc_attempt_finish(struct kmsc_attempt *attempt, int result)
{
	lockdep_assert_held(&attempt->vol->lock);
	attempt->result = result;
	complete_all(&attempt->done);
}

/*
 * Unbound: the work sleeps. Not freezable and without a rescuer: it waits for
 * user space, which may need what a frozen or reclaiming kernel does not give.
 */
int __init kmsc_acquire_setup(void)
{
	upcall_queue = alloc_workqueue("kmscrypt_upcall", WQ_UNBOUND,
				       KMSC_MAX_HELPERS);
	return upcall_queue ? 0 : -ENOMEM;
}

/* Waits for all attempts, wanted or not. */
void kmsc_acquire_cleanup(void)
{
	destroy_workqueue(upcall_queue);
}
