// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of a volume, see event.h. The uevent's variables are in
 * include/uapi/kmscrypt.h.
 *
 * The audit record's op= is unlock, or lock- and the reason: lock-unreachable,
 * lock-sleep, lock-admin, lock-revoked.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "event.h"

#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/kobject.h>
#include <linux/sched/mm.h>

#include "compat.h"
#include "status.h"
#include "volume.h"

/* kmsc_event_attempt - an attempt has begun or ended */
void kmsc_event_attempt(struct kmsc_volume *vol)
{
	struct kmsc_volume_user *user;

	lockdep_assert_held(&vol->lock);
	list_for_each_entry(user, &vol->tables, node)
		dm_table_event(user->ti->table);
}

static void say(struct kmsc_volume *vol)
{
	const char *reason = kmsc_status_reason(vol->reason);

	if (vol->state == KMSC_ACTIVE)
		pr_info("%s: unlocked\n", vol->desc);
	else if (vol->reason == KMSC_REASON_UNREACHABLE)
		pr_warn("%s: locked, reason=%s: no answer from the KMS for %u s, error=%d\n",
			vol->desc, reason, vol->lease.seconds, -vol->error);
	else
		pr_warn("%s: locked, reason=%s error=%d\n", vol->desc, reason,
			-vol->error);
}

static void audit(struct kmsc_volume *vol, struct dm_target *ti)
{
	char op[32] = "unlock";

	if (vol->state != KMSC_ACTIVE)
		snprintf(op, sizeof(op), "lock-%s",
			 kmsc_status_reason(vol->reason));
	kmsc_audit(op, ti);
}

static struct gendisk *disk_of(struct kmsc_volume_user *user)
{
	return dm_disk(dm_table_get_md(user->ti->table));
}

/* Has another table of the same device, live or not, come before? */
static bool is_first(struct kmsc_volume *vol, struct kmsc_volume_user *user)
{
	struct kmsc_volume_user *other;

	list_for_each_entry(other, &vol->tables, node)
		if (disk_of(other) == disk_of(user))
			break;
	return other == user;
}

static void uevent(struct kmsc_volume *vol, struct device *dev)
{
	char uuid[64], state[64], reason[64];
	char *vars[4] = { uuid, state, reason };

	snprintf(uuid, sizeof(uuid), "KMSCRYPT_UUID=%s", vol->uuid);
	snprintf(state, sizeof(state), "KMSCRYPT_STATE=%s",
		 vol->state == KMSC_ACTIVE ? "active" : "locked");
	snprintf(reason, sizeof(reason), "KMSCRYPT_REASON=%s",
		 kmsc_status_reason(vol->reason));
	kobject_uevent_env(&dev->kobj, KOBJ_CHANGE, vars);
}

/*
 * kmsc_event_state - the volume was locked, unlocked, or locked for more
 *
 * Takes memory with the volume's lock held. Reclaim must not wait for I/O that
 * the volume holds: the end of that needs this lock.
 */
void kmsc_event_state(struct kmsc_volume *vol)
{
	unsigned int noio = memalloc_noio_save();
	struct kmsc_volume_user *user;
	struct device *dev;

	lockdep_assert_held(&vol->lock);
	say(vol);
	list_for_each_entry(user, &vol->tables, node) {
		if (!is_first(vol, user))
			continue;
		audit(vol, user->ti);
		/* Not yet, while dm makes the device. */
		dev = disk_to_dev(disk_of(user));
		if (device_is_registered(dev))
			uevent(vol, dev);
	}
	kmsc_event_attempt(vol);
	memalloc_noio_restore(noio);
}
