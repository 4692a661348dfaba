// SPDX-License-Identifier: GPL-2.0-only
/*
 * Volumes: their list, their state, and what a key is bound to; locks and
 * their order are in volume.h
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "volume.h"

#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/kdev_t.h>
#include <linux/key.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uuid.h>

#include "acquire.h"
#include "cipher.h"
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
 * @table:	the dm table
 */
int kmsc_volume_join(struct kmsc_volume_user *user, const char *uuid, dev_t dev,
		     struct dm_table *table)
{
	struct kmsc_volume *vol;

	mutex_lock(&volumes_lock);
	vol = volume_find(uuid, dev);
	if (!IS_ERR(vol)) {
		user->vol = vol;
		user->table = table;
		mutex_lock(&vol->lock);
		list_add(&user->node, &vol->tables);
		mutex_unlock(&vol->lock);
	}
	mutex_unlock(&volumes_lock);
	return PTR_ERR_OR_ZERO(vol);
}

/* --- state -------------------------------------------------------------- */

static void notify(struct kmsc_volume *vol)
{
	struct kmsc_volume_user *user;

	lockdep_assert_held(&vol->lock);
	list_for_each_entry(user, &vol->tables, node)
		dm_table_event(user->table);
}

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
	}
	return vol->attempt;
}

static int attempt_begin(struct kmsc_volume *vol, enum kmsc_op op,
			 const struct kmsc_params *asked)
{
	lockdep_assert_held(&vol->lock);
	vol->attempt = kmsc_attempt_start(vol, op, asked);
	return vol->attempt ? 0 : -ENOMEM;
}

/*
 * Shut the gate and destroy the cipher with its round keys; on return nothing
 * is encrypted or decrypted. The wait is short, see gate.h.
 */
static void close_gate(struct kmsc_volume *vol)
{
	lockdep_assert_held(&vol->lock);
	kmsc_gate_shut(&vol->gate);
	kmsc_cipher_free(kmsc_gate_drain(&vol->gate));
}

static void lock_volume(struct kmsc_volume *vol, enum kmsc_reason reason)
{
	lockdep_assert_held(&vol->lock);
	if (vol->state != KMSC_ACTIVE && vol->state != KMSC_LOCKED)
		return;
	attempt_drop(vol, -ECANCELED);
	/* What locked it stays the reason, unless the KMS is more final. */
	if (vol->state == KMSC_ACTIVE || reason == KMSC_REASON_REVOKED)
		vol->reason = reason;
	close_gate(vol);
	vol->state = KMSC_LOCKED;
	notify(vol);
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

static bool same_params(const struct kmsc_params *a,
			const struct kmsc_params *b)
{
	return !strcmp(a->cipher, b->cipher) && a->key_bytes == b->key_bytes &&
	       a->sector_size == b->sector_size && a->flags == b->flags &&
	       a->iv_offset == b->iv_offset && a->offset == b->offset &&
	       a->len == b->len;
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
		r = attempt_begin(vol, KMSC_OPEN, asked);
		if (r)
			return r;
		attempt = vol->attempt;
	}
	ours = same_params(&attempt->params, asked);
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

static char *difference(const struct kmsc_params *bound,
			const struct kmsc_params *asked)
{
#define DIFFERS " differs from what the volume key is bound to"
	if (strcmp(bound->cipher, asked->cipher))
		return "Cipher" DIFFERS;
	if (bound->key_bytes != asked->key_bytes)
		return "Key length" DIFFERS;
	if (bound->sector_size != asked->sector_size)
		return "Sector size" DIFFERS;
	if (bound->flags != asked->flags)
		return "iv_large_sectors" DIFFERS;
	if (bound->iv_offset != asked->iv_offset)
		return "IV offset" DIFFERS;
	if (bound->offset != asked->offset)
		return "Device offset" DIFFERS;
	if (bound->len && bound->len < asked->len)
		return "Length is beyond what the volume key is bound to";
	return NULL;
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
	text = difference(&vol->bound, asked);
	*ret_reqsize = vol->reqsize;
	mutex_unlock(&vol->lock);
	if (!text)
		return 0;
	*ret_error = text;
	return -EKEYREJECTED;
}

/* --- messages and status ------------------------------------------------ */

int kmsc_volume_lock(struct kmsc_volume *vol)
{
	struct key *key;

	mutex_lock(&vol->lock);
	lock_volume(vol, KMSC_REASON_ADMIN);
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
	if (vol->state == state && !attempt_current(vol)) {
		r = attempt_begin(vol, op, asked);
		if (!r)
			notify(vol);
	}
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
	return start_attempt(vol, KMSC_ACTIVE, KMSC_RENEW, asked);
}

void kmsc_volume_info(struct kmsc_volume *vol, struct kmsc_volume_info *info)
{
	mutex_lock(&vol->lock);
	info->attempting = attempt_current(vol);
	info->state = vol->state;
	info->reason = vol->reason;
	info->error = vol->error;
	info->epoch = vol->epoch;
	info->key_serial = vol->key ? key_serial(vol->key) : 0;
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

static int payload_check(struct kmsc_volume *vol,
			 const struct kmsc_payload *payload)
{
	uuid_t uuid;

	if (uuid_parse(vol->uuid, &uuid) ||
	    memcmp(&uuid, payload->uuid, sizeof(uuid)))
		return -EKEYREJECTED;
	/*
	 * A lease that nobody enforces would be worse than none, and so would
	 * data that nobody authenticates.
	 */
	if (payload->integrity[0] || payload->lease_s || payload->policy)
		return -EOPNOTSUPP;
	return 0;
}

/* What a key brings */
struct delivery {
	struct kmsc_params bound;
	struct kmsc_cipher *cipher;
	u64 epoch;
};

/* Turns the key's payload into a cipher, and wipes it. */
static int unpack(struct kmsc_volume *vol, struct key *key,
		  struct delivery *delivery)
{
	struct kmsc_payload *payload = kmsc_key_take(key);
	struct kmsc_cipher *cipher;
	char *error;
	int r;

	if (!payload)
		return -EKEYREVOKED;
	r = payload_check(vol, payload);
	if (r)
		goto out;
	kmsc_payload_params(payload, &delivery->bound);
	delivery->epoch = le64_to_cpu(payload->epoch);
	cipher = kmsc_cipher_alloc(delivery->bound.cipher, payload->key,
				   delivery->bound.key_bytes, &error);
	if (IS_ERR(cipher)) {
		r = PTR_ERR(cipher);
		pr_err("%s: volume key: %s (%d)\n", vol->desc, error, r);
	} else {
		delivery->cipher = cipher;
	}
out:
	kfree_sensitive(payload);
	return r;
}

/*
 * Give a volume that has none its cipher. On an unlock the key must be bound
 * to what it was, and the cipher content with the room that tables have left.
 */
static int install(struct kmsc_volume *vol, struct delivery *delivery)
{
	unsigned int reqsize = kmsc_cipher_reqsize(delivery->cipher);

	if (vol->state == KMSC_NEW) {
		vol->bound = delivery->bound;
		vol->reqsize = reqsize;
	} else if (!same_params(&vol->bound, &delivery->bound)) {
		return -EKEYREJECTED;
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
 * The attempt was wanted and has brought this. On success the volume keeps
 * @key and gives up the one before.
 */
static int accept(struct kmsc_volume *vol, struct delivery *delivery,
		  struct key **key)
{
	int r = 0;

	lockdep_assert_held(&vol->lock);
	/*
	 * A revocation sets the flag, then looks for the volume under our
	 * lock: either we see it here or it finds vol->key.
	 */
	if (test_bit(KEY_FLAG_REVOKED, &(*key)->flags))
		return -EKEYREVOKED;
	if (vol->state == KMSC_ACTIVE) {
		/* A renewal: the cipher stays, its key is the same. */
		if (!same_params(&vol->bound, &delivery->bound))
			r = -EKEYREJECTED;
	} else {
		r = install(vol, delivery);
	}
	if (r)
		return r;
	vol->epoch = delivery->epoch;
	swap(vol->key, *key);
	return 0;
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
	struct delivery delivery = {};
	struct key *old = NULL;
	int r = PTR_ERR_OR_ZERO(key);

	if (r)
		key = NULL;
	else
		r = unpack(vol, key, &delivery);
	if (!r)
		kmsc_key_attach(key, vol);

	mutex_lock(&vol->lock);
	if (attempt_current(vol) == attempt) {
		if (!r)
			r = accept(vol, &delivery, &key);
		vol->error = r;
		attempt_drop(vol, r);
		if (r == -EKEYREVOKED) {
			lock_volume(vol, KMSC_REASON_REVOKED);
			swap(vol->key, old);
		} else {
			notify(vol);
		}
	}
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
