/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A volume: what all tables of one (UUID, backing device) share
 *
 * Lock order, outermost first:
 *
 *   key->sem          (the keys layer calls our .revoke with it held)
 *   volumes_lock      (volume.c; who is in the list)
 *   vol->lock
 *   what dm_table_event() and kobject_uevent_env() take
 *   hold->lock        (hold.c; a spinlock, any context)
 *
 * Never under vol->lock: request_key(), key->sem (so also kmsc_key_drop()),
 * waiting for an attempt, and completing a bio. The I/O path takes none of
 * these, only the gate; and hold->lock when it finds the gate shut. The lease's
 * timer takes none either: who may do what beside it is in lease.h.
 *
 * What ti->error can say because a table differs from what its key is bound
 * to, on the volume's first table as on any later one:
 *
 *   Cipher differs from what the volume key is bound to
 *   Integrity differs from ...
 *   Key length differs from ...
 *   Sector size differs from ...
 *   iv_large_sectors differs from ...
 *   IV offset differs from ...
 *   Device offset differs from ...
 *   Length is beyond what the volume key is bound to
 */
#ifndef _KMSC_VOLUME_H
#define _KMSC_VOLUME_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "gate.h"
#include "lease.h"
#include "params.h"

struct dm_target;
struct key;
struct kmsc_attempt;
struct kmsc_hold;

enum kmsc_state {
	KMSC_NEW, /* no key yet */
	KMSC_ACTIVE,
	KMSC_LOCKED,
	KMSC_GONE, /* the last table has left */
};

/* The later one stays, until the volume is unlocked. */
enum kmsc_reason {
	KMSC_REASON_NONE,
	KMSC_REASON_UNREACHABLE, /* the lease ran out: undone by itself */
	KMSC_REASON_SLEEP, /* a lock message, before the machine sleeps */
	KMSC_REASON_ADMIN, /* a lock message */
	KMSC_REASON_REVOKED, /* the KMS, or a revocation of the key */
};

enum kmsc_op {
	KMSC_OPEN,
	KMSC_RENEW,
	KMSC_UNLOCK,
};

/**
 * struct kmsc_volume - a volume
 * @ref:	memory; tables, attempts
 * @node:	in volumes, under volumes_lock
 * @uuid:	constant, as are @dev and @desc
 * @dev:	the backing device
 * @desc:	description of the volume's keys
 * @gate:	open while @state is KMSC_ACTIVE
 * @lock:	protects all below
 * @tables:	struct kmsc_volume_user
 * @state:	where in its life it is
 * @reason:	why it is locked
 * @error:	how the last attempt ended
 * @bound:	what the key is bound to, once not KMSC_NEW
 * @asked:	what the table had asked for that got it
 * @reqsize:	room for a request that tables have reserved
 * @epoch:	of the wrapping that the key came from
 * @key:	what root revokes; while locked, NULL, or revoked, or that of a
 *		lease that ran out, whose revocation ends our asking
 * @attempt:	the one that is wanted, if any, with a reference
 * @upcalls:	attempts that have not ended, wanted or not
 * @lease:	how long the key is good, and the work that sees to it
 * @cap_s:	how long I/O is held while locked; 0: it fails
 * @hold_end:	when that ends, on CLOCK_BOOTTIME, while locked
 */
struct kmsc_volume {
	struct kref ref;
	struct list_head node;
	char uuid[KMSC_UUID_STR_LEN + 1];
	dev_t dev;
	char desc[KMSC_DESC_STR_MAX];
	struct kmsc_gate gate;
	struct mutex lock; /* all below */
	struct list_head tables;
	enum kmsc_state state;
	enum kmsc_reason reason;
	int error;
	struct kmsc_params bound;
	struct kmsc_params asked;
	unsigned int reqsize;
	u64 epoch;
	struct key *key;
	struct kmsc_attempt *attempt;
	unsigned int upcalls;
	struct kmsc_lease lease;
	u32 cap_s;
	ktime_t hold_end;
};

/**
 * struct kmsc_volume_user - a table of a volume
 * @node:	in the volume's tables, under its lock
 * @vol:	the volume
 * @ti:		of the table; its device gets the events
 * @hold:	its held I/O, once there may be some
 */
struct kmsc_volume_user {
	struct list_head node;
	struct kmsc_volume *vol;
	struct dm_target *ti;
	struct kmsc_hold *hold;
};

/* A snapshot for status.c */
struct kmsc_volume_info {
	enum kmsc_state state;
	enum kmsc_reason reason;
	bool attempting;
	int error;
	u64 epoch;
	s32 key_serial;
	u32 lease_s;
	u32 left_s;
	u32 cap_s;
};

/* For tables */
int kmsc_volume_join(struct kmsc_volume_user *user, const char *uuid, dev_t dev,
		     struct dm_target *ti);
void kmsc_volume_hold(struct kmsc_volume_user *user, struct kmsc_hold *hold);
void kmsc_volume_leave(struct kmsc_volume_user *user);
int kmsc_volume_open(struct kmsc_volume *vol, const struct kmsc_params *asked);
int kmsc_volume_compare(struct kmsc_volume *vol,
			const struct kmsc_params *asked,
			unsigned int *ret_reqsize, char **ret_error);
int kmsc_volume_lock(struct kmsc_volume *vol, enum kmsc_reason reason);
int kmsc_volume_unlock(struct kmsc_volume *vol,
		       const struct kmsc_params *asked);
int kmsc_volume_renew(struct kmsc_volume *vol, const struct kmsc_params *asked);
void kmsc_volume_info(struct kmsc_volume *vol, struct kmsc_volume_info *info);

/* For attempts and keys */
struct kmsc_volume *kmsc_volume_get(struct kmsc_volume *vol);
void kmsc_volume_put(struct kmsc_volume *vol);
bool kmsc_volume_wants(struct kmsc_volume *vol, struct kmsc_attempt *attempt);
void kmsc_volume_deliver(struct kmsc_volume *vol, struct kmsc_attempt *attempt,
			 struct key *key);
void kmsc_volume_revoked(struct kmsc_volume *vol, struct key *key);

/* For leases; but for the last two, with the volume's lock held */
void kmsc_volume_settle(struct kmsc_volume *vol);
bool kmsc_volume_attempting(struct kmsc_volume *vol);
int kmsc_volume_ask(struct kmsc_volume *vol, enum kmsc_op op);
void kmsc_volume_abandon(struct kmsc_volume *vol);
void kmsc_volume_for_each(void (*fn)(struct kmsc_volume *vol));
bool kmsc_volume_any_active(void);

#endif /* _KMSC_VOLUME_H */
