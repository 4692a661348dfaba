// SPDX-License-Identifier: GPL-2.0-only
/*
 * Volumes: their list and their state; locks and their order are in volume.h
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "volume.h"

#include <linux/err.h>
#include <linux/kdev_t.h>
#include <linux/key.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "acquire.h"
#include "cipher.h"
#include "delivery.h"
#include "event.h"
#include "hold.h"
#include "keytype.h"

static LIST_HEAD(volumes);
static DEFINE_MUTEX(volumes_lock);

/* --- memory and membership ---------------------------------------------- */

struct kmsc_volume *kmsc_volume_get(struct kmsc_volume *vol)
{
	kref_get(&vol->ref);
	return vol;
}

static void volume_free(struct kref *ref)
{
	struct kmsc_volume *vol = container_of(ref, struct kmsc_volume, ref);

	kmsc_gate_exit(&vol->gate);
	mutex_destroy(&vol->lock);
	kfree(vol);
}

void kmsc_volume_put(struct kmsc_volume *vol)
{
	kref_put(&vol->ref, volume_free);
}

static struct kmsc_volume *volume_alloc(const char *uuid, dev_t dev)
{
	struct kmsc_volume *vol = kzalloc(sizeof(*vol), GFP_KERNEL);
	int r;

	if (!vol)
		return ERR_PTR(-ENOMEM);
	r = kmsc_gate_init(&vol->gate);
	if (r) {
		kfree(vol);
		return ERR_PTR(r);
	}
	kref_init(&vol->ref);
	strscpy(vol->uuid, uuid, sizeof(vol->uuid));
	vol->dev = dev;
	snprintf(vol->desc, sizeof(vol->desc), "%s@%u:%u", uuid, MAJOR(dev),
		 MINOR(dev));
	mutex_init(&vol->lock);
	INIT_LIST_HEAD(&vol->tables);
	kmsc_lease_init(vol);
	return vol;
}

static struct kmsc_volume *volume_find(const char *uuid, dev_t dev)
{
	struct kmsc_volume *vol;

	lockdep_assert_held(&volumes_lock);
	list_for_each_entry(vol, &volumes, node)
		if (vol->dev == dev && !strcmp(vol->uuid, uuid))
			return vol;
	vol = volume_alloc(uuid, dev);
	if (!IS_ERR(vol))
		list_add(&vol->node, &volumes);
	return vol;
}

/**
 * kmsc_volume_join - make a table a user of its volume
 * @user:	part of the table
 * @uuid:	volume UUID
 * @dev:	backing device; the table holds it open
 * @ti:		the dm target, its only one
 */
int kmsc_volume_join(struct kmsc_volume_user *user, const char *uuid, dev_t dev,
		     struct dm_target *ti)
{
	struct kmsc_volume *vol;

	mutex_lock(&volumes_lock);
	vol = volume_find(uuid, dev);
	if (!IS_ERR(vol)) {
		user->vol = vol;
		user->ti = ti;
		mutex_lock(&vol->lock);
		list_add(&user->node, &vol->tables);
		mutex_unlock(&vol->lock);
	}
	mutex_unlock(&volumes_lock);
	return PTR_ERR_OR_ZERO(vol);
}

/* kmsc_volume_hold - the table's I/O that finds the gate shut may be held */
void kmsc_volume_hold(struct kmsc_volume_user *user, struct kmsc_hold *hold)
{
	mutex_lock(&user->vol->lock);
	user->hold = hold;
	mutex_unlock(&user->vol->lock);
}

/* Tables come and go only when @fn has seen all. */
void kmsc_volume_for_each(void (*fn)(struct kmsc_volume *vol))
{
	struct kmsc_volume *vol;

	mutex_lock(&volumes_lock);
	list_for_each_entry(vol, &volumes, node)
		fn(vol);
	mutex_unlock(&volumes_lock);
}

bool kmsc_volume_any_active(void)
{
	struct kmsc_volume *vol;
	bool any = false;

	mutex_lock(&volumes_lock);
	list_for_each_entry(vol, &volumes, node)
		any |= kmsc_gate_is_open(&vol->gate);
	mutex_unlock(&volumes_lock);
	return any;
}

/* --- attempts that are wanted -------------------------------------------- */

/* Nobody wants what @vol->attempt brings any more. */
static void attempt_drop(struct kmsc_volume *vol, int result)
{
	lockdep_assert_held(&vol->lock);
	if (!vol->attempt)
		return;
	kmsc_attempt_finish(vol->attempt, result);
	kmsc_attempt_put(vol->attempt);
	vol->attempt = NULL;
}

/* The one to join. An overdue one is nobody's: its helper hangs. */
static struct kmsc_attempt *attempt_current(struct kmsc_volume *vol)
{
	lockdep_assert_held(&vol->lock);
	if (vol->attempt && kmsc_attempt_overdue(vol->attempt)) {
		attempt_drop(vol, -ETIMEDOUT);
		vol->error = -ETIMEDOUT;
		kmsc_lease_failed(vol);
	}
	return vol->attempt;
}

bool kmsc_volume_attempting(struct kmsc_volume *vol)
{
	return attempt_current(vol);
}

static int attempt_begin(struct kmsc_volume *vol, enum kmsc_op op,
			 bool automatic, const struct kmsc_params *asked)
{
	lockdep_assert_held(&vol->lock);
	vol->attempt = kmsc_attempt_start(vol, op, automatic, asked);
	if (!vol->attempt)
		return -ENOMEM;
	vol->upcalls++;
	return 0;
}

/* Ask without having been asked to; there is no attempt. */
int kmsc_volume_ask(struct kmsc_volume *vol, enum kmsc_op op)
{
	return attempt_begin(vol, op, true, &vol->asked);
}

/* The machine is going to sleep. */
void kmsc_volume_abandon(struct kmsc_volume *vol)
{
	attempt_drop(vol, -ECANCELED);
}

/* --- state -------------------------------------------------------------- */

/*
 * Shut the gate and destroy the cipher with its round keys; on return nothing
 * is encrypted or decrypted. The wait is short, see gate.h.
 */
static void close_gate(struct kmsc_volume *vol)
{
	lockdep_assert_held(&vol->lock);
	kmsc_gate_shut(&vol->gate);
	kmsc_lease_stop(vol);
	kmsc_cipher_free(kmsc_gate_drain(&vol->gate));
}

static void lock_volume(struct kmsc_volume *vol, enum kmsc_reason reason)
{
	lockdep_assert_held(&vol->lock);
	if (vol->state != KMSC_ACTIVE && vol->state != KMSC_LOCKED)
		return;
	/* Else whoever has asked took the error before for that one's end. */
	if (reason > KMSC_REASON_UNREACHABLE && vol->attempt &&
	    !vol->attempt->automatic)
		vol->error = -ECANCELED;
	attempt_drop(vol, -ECANCELED);
	if (vol->state == KMSC_ACTIVE) {
		close_gate(vol);
		vol->state = KMSC_LOCKED;
		vol->hold_end = ktime_add_ms(ktime_get_boottime(),
					     vol->cap_s * 1000ULL);
	} else if (reason <= vol->reason) {
		kmsc_event_attempt(vol);
		return;
	}
	vol->reason = reason;
	kmsc_event_state(vol);
	kmsc_lease_plan(vol);
}

/* Whoever waits at the gate is to try again. */
static void kick_held(struct kmsc_volume *vol)
{
	struct kmsc_volume_user *user;

	lockdep_assert_held(&vol->lock);
	list_for_each_entry(user, &vol->tables, node)
		if (user->hold)
			kmsc_hold_kick(user->hold);
}

/* kmsc_volume_settle - let the state follow what time has brought */
void kmsc_volume_settle(struct kmsc_volume *vol)
{
	lockdep_assert_held(&vol->lock);
	if (vol->state == KMSC_ACTIVE &&
	    (!kmsc_gate_is_open(&vol->gate) || kmsc_lease_over(vol))) {
		if (vol->attempt)
			vol->error = -ETIMEDOUT;
		lock_volume(vol, KMSC_REASON_UNREACHABLE);
	}
	if (vol->state == KMSC_LOCKED && kmsc_gate_is_wait(&vol->gate) &&
	    !ktime_before(ktime_get_boottime(), vol->hold_end)) {
		pr_warn("%s: locked for %u s, held I/O fails\n", vol->desc,
			vol->cap_s);
		kmsc_gate_set_wait(&vol->gate, false);
		kick_held(vol);
	}
}

/* kmsc_volume_leave - the table goes; with the last one, the volume closes */
void kmsc_volume_leave(struct kmsc_volume_user *user)
{
	struct kmsc_volume *vol = user->vol;
	struct key *key = NULL;
	bool last;

	if (!vol)
		return;
	mutex_lock(&volumes_lock);
	mutex_lock(&vol->lock);
	list_del(&user->node);
	last = list_empty(&vol->tables);
	if (last) {
		list_del(&vol->node);
		attempt_drop(vol, -ECANCELED);
		close_gate(vol);
		vol->state = KMSC_GONE;
		kmsc_lease_plan(vol);
		key = vol->key;
		vol->key = NULL;
	}
	mutex_unlock(&vol->lock);
	mutex_unlock(&volumes_lock);
	kmsc_key_drop(key);
	if (last)
		kmsc_volume_put(vol);
	user->vol = NULL;
}

/*
 * Join the attempt that runs, or start one. A failure counts for us only if
 * the attempt asked for the same as we do.
 *
 * Return: 0 to look again, or -errno.
 */
static int try_open(struct kmsc_volume *vol, const struct kmsc_params *asked)
{
	struct kmsc_attempt *attempt = attempt_current(vol);
	bool ours;
	int r;

	lockdep_assert_held(&vol->lock);
	if (!attempt) {
		r = attempt_begin(vol, KMSC_OPEN, false, asked);
		if (r)
			return r;
		attempt = vol->attempt;
	}
	ours = kmsc_params_same(&attempt->params, asked);
	kref_get(&attempt->ref);

	mutex_unlock(&vol->lock);
	r = kmsc_attempt_wait(attempt);
	mutex_lock(&vol->lock);

	/* It may have been finished, even replaced, meanwhile. */
	if (attempt == vol->attempt)
		attempt_current(vol);
	kmsc_attempt_put(attempt);
	return ours || r == -EINTR || r == -ETIMEDOUT ? r : 0;
}

/**
 * kmsc_volume_open - make sure that the volume has, or had, its key
 * @vol:	the caller's table has joined it
 * @asked:	what the table asks for
 *
 * A volume that is locked counts as open: the table can be compared, its I/O
 * fails until the volume is unlocked.
 *
 * Sleeps, killable, until the attempt has ended or its time is over.
 */
int kmsc_volume_open(struct kmsc_volume *vol, const struct kmsc_params *asked)
{
	int r = 0;

	mutex_lock(&vol->lock);
	while (!r && vol->state == KMSC_NEW)
		r = try_open(vol, asked);
	mutex_unlock(&vol->lock);
	return r;
}

/**
 * kmsc_volume_compare - does a table ask for what the key is bound to?
 * @vol:	open
 * @asked:	what the table asks for
 * @ret_reqsize: room for a cipher request that its data path must have
 * @ret_error:	what differs, on failure
 */
int kmsc_volume_compare(struct kmsc_volume *vol,
			const struct kmsc_params *asked,
			unsigned int *ret_reqsize, char **ret_error)
{
	char *text;

	mutex_lock(&vol->lock);
	text = kmsc_params_difference(&vol->bound, asked);
	*ret_reqsize = vol->reqsize;
	mutex_unlock(&vol->lock);
	if (!text)
		return 0;
	*ret_error = text;
	return -EKEYREJECTED;
}

/* --- messages and status ------------------------------------------------ */

int kmsc_volume_lock(struct kmsc_volume *vol, enum kmsc_reason reason)
{
	struct key *key;

	mutex_lock(&vol->lock);
	lock_volume(vol, reason);
	key = vol->key;
	vol->key = NULL;
	mutex_unlock(&vol->lock);
	kmsc_key_drop(key);
	return 0;
}

static int start_attempt(struct kmsc_volume *vol, enum kmsc_state state,
			 enum kmsc_op op, const struct kmsc_params *asked)
{
	int r = 0;

	mutex_lock(&vol->lock);
	kmsc_volume_settle(vol);
	/* A fresh one: what we have begun by ourselves may be in vain. */
	if (vol->state == state && attempt_current(vol) &&
	    vol->attempt->automatic)
		attempt_drop(vol, -ECANCELED);
	if (vol->state == state && !vol->attempt) {
		r = attempt_begin(vol, op, false, asked);
		if (!r)
			kmsc_event_attempt(vol);
	}
	kmsc_lease_plan(vol);
	mutex_unlock(&vol->lock);
	return r;
}

/* Returns at once; status and a dm event tell how it ended. */
int kmsc_volume_unlock(struct kmsc_volume *vol, const struct kmsc_params *asked)
{
	return start_attempt(vol, KMSC_LOCKED, KMSC_UNLOCK, asked);
}

/* The same for a volume that is open: does the KMS still give us the key? */
int kmsc_volume_renew(struct kmsc_volume *vol, const struct kmsc_params *asked)
{
	if (kmsc_lease_sleeping())
		return -EBUSY;
	return start_attempt(vol, KMSC_ACTIVE, KMSC_RENEW, asked);
}

void kmsc_volume_info(struct kmsc_volume *vol, struct kmsc_volume_info *info)
{
	mutex_lock(&vol->lock);
	kmsc_volume_settle(vol);
	info->attempting = attempt_current(vol) && !vol->attempt->automatic;
	info->state = vol->state;
	info->reason = vol->reason;
	info->error = vol->error;
	info->epoch = vol->epoch;
	info->key_serial = vol->key ? key_serial(vol->key) : 0;
	info->lease_s = vol->lease.seconds;
	info->left_s = kmsc_lease_left(vol);
	info->cap_s = vol->cap_s;
	mutex_unlock(&vol->lock);
}

/* --- attempts and keys -------------------------------------------------- */

bool kmsc_volume_wants(struct kmsc_volume *vol, struct kmsc_attempt *attempt)
{
	bool wanted;

	mutex_lock(&vol->lock);
	wanted = vol->attempt == attempt;
	mutex_unlock(&vol->lock);
	return wanted;
}

/* Has the lease that a key brings run out while we waited for it? */
static bool is_stale(const struct kmsc_attempt *attempt,
		     const struct kmsc_delivery *delivery)
{
	ktime_t end = ktime_add_ms(attempt->since, delivery->lease_s * 1000ULL);

	return delivery->lease_s && !ktime_before(ktime_get_boottime(), end);
}

/*
 * Give a volume that has none its cipher. On an unlock the key must be bound
 * to what it was, and the cipher content with the room that tables have left.
 */
static int install(struct kmsc_volume *vol, struct kmsc_attempt *attempt,
		   struct kmsc_delivery *delivery)
{
	unsigned int reqsize = kmsc_cipher_reqsize(delivery->cipher);

	if (is_stale(attempt, delivery))
		return -ETIMEDOUT;
	if (vol->state == KMSC_NEW) {
		vol->bound = delivery->bound;
		vol->asked = attempt->params;
		vol->reqsize = reqsize;
	} else if (reqsize > vol->reqsize) {
		return -ENOMEM;
	}
	kmsc_gate_open(&vol->gate, delivery->cipher);
	delivery->cipher = NULL;
	vol->state = KMSC_ACTIVE;
	vol->reason = KMSC_REASON_NONE;
	return 0;
}

/*
 * An older wrapping with other terms: somebody has put back an old header, to
 * be rid of a lease, say. With the same terms it may be from another of the
 * volume's bindings, which count each for itself; their pins are the helper's.
 */
static bool is_replay(const struct kmsc_volume *vol,
		      const struct kmsc_delivery *delivery)
{
	return delivery->epoch < vol->epoch &&
	       (delivery->lease_s != vol->lease.seconds ||
		delivery->cap_s != vol->cap_s);
}

/*
 * The attempt was wanted and has brought this. On success the volume keeps
 * @key and gives up the one before.
 */
static int accept(struct kmsc_volume *vol, struct kmsc_attempt *attempt,
		  struct kmsc_delivery *delivery, struct key **key)
{
	int r = 0;

	lockdep_assert_held(&vol->lock);
	/*
	 * A revocation sets the flag, then looks for the volume under our
	 * lock: either we see it here or it finds vol->key.
	 */
	if (test_bit(KEY_FLAG_REVOKED, &(*key)->flags))
		return -EKEYREVOKED;
	if (vol->state != KMSC_NEW &&
	    !kmsc_params_same(&vol->bound, &delivery->bound))
		return -EKEYREJECTED;
	if (is_replay(vol, delivery))
		return -ESTALE;
	/* At a renewal the cipher stays: its key is the same. */
	if (vol->state != KMSC_ACTIVE)
		r = install(vol, attempt, delivery);
	if (r)
		return r;
	vol->epoch = delivery->epoch;
	vol->cap_s = delivery->cap_s;
	kmsc_gate_set_wait(&vol->gate, delivery->queue);
	kmsc_lease_grant(vol, delivery->lease_s, attempt->since);
	swap(vol->key, *key);
	return 0;
}

/* Was that the KMS's no to a key that it had given us? ESTALE is not. */
static bool is_denied(const struct kmsc_volume *vol, int r)
{
	if (vol->state != KMSC_ACTIVE && vol->reason > KMSC_REASON_UNREACHABLE)
		return r == -EKEYREVOKED;
	return r == -EKEYREVOKED || r == -EACCES || r == -EKEYREJECTED;
}

/* @result: of the attempt; @ret_key: a key that the volume gives up */
static void conclude(struct kmsc_volume *vol, enum kmsc_state before,
		     int result, struct key **ret_key)
{
	vol->error = result;
	attempt_drop(vol, result);
	if (!result && before == KMSC_LOCKED) {
		kick_held(vol);
		kmsc_event_state(vol);
	} else if (result && is_denied(vol, result)) {
		lock_volume(vol, KMSC_REASON_REVOKED);
		swap(vol->key, *ret_key);
	} else {
		kmsc_event_attempt(vol);
	}
	if (result)
		kmsc_lease_failed(vol);
}

/**
 * kmsc_volume_deliver - an attempt has ended
 * @vol:	its volume
 * @attempt:	the attempt
 * @key:	what request_key() has returned; a reference to the key is ours
 */
void kmsc_volume_deliver(struct kmsc_volume *vol, struct kmsc_attempt *attempt,
			 struct key *key)
{
	struct kmsc_delivery delivery = {};
	enum kmsc_state before;
	struct key *old = NULL;
	int r = PTR_ERR_OR_ZERO(key);

	if (r)
		key = NULL;
	else
		r = kmsc_delivery_unpack(&delivery, vol, key);
	if (!r)
		kmsc_key_attach(key, vol);

	mutex_lock(&vol->lock);
	vol->upcalls--;
	kmsc_volume_settle(vol);
	if (attempt_current(vol) == attempt) {
		before = vol->state;
		if (!r)
			r = accept(vol, attempt, &delivery, &key);
		conclude(vol, before, r, &old);
	}
	kmsc_lease_plan(vol);
	mutex_unlock(&vol->lock);

	/* The key before this one, or this one, late or refused. */
	kmsc_key_drop(key);
	kmsc_key_drop(old);
	kmsc_cipher_free(delivery.cipher);
}

/* Somebody has revoked @key. Called with key->sem held. */
void kmsc_volume_revoked(struct kmsc_volume *vol, struct key *key)
{
	mutex_lock(&vol->lock);
	if (vol->key == key)
		lock_volume(vol, KMSC_REASON_REVOKED);
	mutex_unlock(&vol->lock);
}
