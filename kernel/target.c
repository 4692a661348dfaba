// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device-mapper target: a table line becomes a table of a volume
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "target.h"

#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "acquire.h"
#include "cipher.h"
#include "compat.h"
#include "crypt.h"
#include "hold.h"
#include "status.h"
#include "table.h"
#include "tags.h"
#include "volume.h"

/**
 * struct kmsc_target - a table
 * @table:	its line
 * @dev:	lower device
 * @user:	of the volume
 * @crypt:	data path
 * @tags:	what it needs besides, if sectors have tags
 */
struct kmsc_target {
	struct kmsc_table table;
	struct dm_dev *dev;
	struct kmsc_volume_user user;
	struct kmsc_crypt crypt;
	struct kmsc_tags tags;
};

/* Half-built ones too */
static void target_dtr(struct dm_target *ti)
{
	struct kmsc_target *target = ti->private;

	if (!target)
		return;
	kmsc_audit_table("dtr", ti, true);
	ti->private = NULL;
	/* From here on nobody kicks what the data path holds. */
	kmsc_volume_leave(&target->user);
	kmsc_crypt_exit(&target->crypt);
	kmsc_tags_exit(&target->tags);
	if (target->dev)
		dm_put_device(ti, target->dev);
	kfree(target);
}

static int open_device(struct dm_target *ti, struct kmsc_target *target,
		       const char *path)
{
	sector_t offset = target->table.params.offset;
	sector_t size;
	int r;

	r = dm_get_device(ti, path, dm_table_get_mode(ti->table), &target->dev);
	if (r) {
		ti->error = "Device cannot be opened";
		return r;
	}
	size = bdev_nr_sectors(target->dev->bdev);
	if (offset > size || ti->len > size - offset) {
		ti->error = "Device is too small for offset and length";
		return -EINVAL;
	}
	if (target->table.params.integrity[0])
		return kmsc_tags_check(target->dev->bdev, &target->table.params,
				       &ti->error);
	return 0;
}

static int open_volume(struct dm_target *ti, struct kmsc_target *target,
		       unsigned int *ret_reqsize)
{
	const struct kmsc_params *params = &target->table.params;
	int r;

	r = kmsc_volume_join(&target->user, target->table.uuid,
			     target->dev->bdev->bd_dev, ti);
	if (r) {
		ti->error = "Out of memory";
		return r;
	}
	r = kmsc_volume_open(target->user.vol, params);
	if (r) {
		ti->error = kmsc_attempt_error(r);
		return r;
	}
	return kmsc_volume_compare(target->user.vol, params, ret_reqsize,
				   &ti->error);
}

static int init_crypt(struct dm_target *ti, struct kmsc_target *target,
		      unsigned int reqsize)
{
	const struct kmsc_params *params = &target->table.params;
	int r;

	r = kmsc_crypt_init(&target->crypt, ti, target->dev,
			    &target->user.vol->gate, params, reqsize);
	if (!r && params->integrity[0])
		r = kmsc_tags_init(&target->tags, &target->crypt, params,
				   reqsize);
	return r;
}

static void set_features(struct dm_target *ti, const struct kmsc_target *target)
{
	/* Passed on, but not once the volume is locked: see crypt.c. */
	ti->num_flush_bios = 1;
	if (target->table.options & KMSC_OPT_ALLOW_DISCARDS)
		ti->num_discard_bios = 1;
	/*
	 * What is appended to a zone must be encrypted for the place that it
	 * gets, so that must be known before: dm makes it a write.
	 */
	if (bdev_is_zoned(target->dev->bdev))
		ti->emulate_zone_append = true;
	ti->limit_swap_bios = true;
	ti->accounts_remapped_io = true;
}

/* In the order of the line; the KMS is asked when all else is right. */
static int target_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct kmsc_target *target;
	const char *device;
	unsigned int reqsize;
	int r;

	target = kzalloc(sizeof(*target), GFP_KERNEL);
	if (!target) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	ti->private = target;

	r = kmsc_table_parse(&target->table, argc, argv, ti->len, &device,
			     &ti->error);
	if (r)
		goto bad;
	r = kmsc_cipher_check(&target->table.params, &ti->error);
	if (r)
		goto bad;
	r = open_device(ti, target, device);
	if (r)
		goto bad;
	r = open_volume(ti, target, &reqsize);
	if (r)
		goto bad;
	r = init_crypt(ti, target, reqsize);
	if (r) {
		ti->error = "Out of memory";
		goto bad;
	}
	kmsc_volume_hold(&target->user, &target->crypt.hold);
	set_features(ti, target);
	kmsc_audit_table("ctr", ti, true);
	return 0;

bad:
	kmsc_audit_table("ctr", ti, false);
	target_dtr(ti);
	return r;
}

static int target_map(struct dm_target *ti, struct bio *bio)
{
	struct kmsc_target *target = ti->private;

	if (unlikely(target->crypt.tags))
		return kmsc_tags_map(&target->crypt, bio);
	return kmsc_crypt_map(&target->crypt, bio);
}

static int target_end_io(struct dm_target *ti, struct bio *bio,
			 blk_status_t *status)
{
	struct kmsc_target *target = ti->private;

	if (unlikely(target->crypt.tags))
		return kmsc_tags_end_io(&target->crypt, bio, status);
	return kmsc_crypt_end_io(&target->crypt, bio, status);
}

/* dm is about to wait until no I/O is left: none may be held. */
static void target_presuspend(struct dm_target *ti)
{
	struct kmsc_target *target = ti->private;

	kmsc_hold_set_suspend(&target->crypt.hold, dm_noflush_suspending(ti) ?
							   KMSC_HOLD_NOFLUSH :
							   KMSC_HOLD_FLUSH);
}

/* Also when a suspend has failed */
static void target_resume(struct dm_target *ti)
{
	struct kmsc_target *target = ti->private;

	kmsc_hold_set_suspend(&target->crypt.hold, KMSC_HOLD_RUNNING);
}

static void data_info(struct kmsc_crypt *crypt, struct kmsc_data_info *info)
{
	kmsc_hold_count(&crypt->hold, &info->held, &info->held_bytes);
	kmsc_pool_count(&info->pool);
	kmsc_reserve_count(&crypt->reserve, &info->reserve,
			   &info->reserve_writes);
}

static void target_status(struct dm_target *ti, status_type_t type,
			  unsigned int flags, char *result, unsigned int maxlen)
{
	struct kmsc_target *target = ti->private;
	struct kmsc_volume_info info;
	struct kmsc_data_info data;

	switch (type) {
	case STATUSTYPE_INFO:
		kmsc_volume_info(target->user.vol, &info);
		data_info(&target->crypt, &data);
		kmsc_status_info(&info, &data, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		kmsc_status_table(&target->table, target->dev->name, result,
				  maxlen);
		break;
	case STATUSTYPE_IMA:
		kmsc_status_ima(ti, &target->table, target->tags.mac_bytes,
				target->dev->name, result, maxlen);
		break;
	}
}

/* dm holds SRCU around a message, so each returns at once. */
static int target_message(struct dm_target *ti, unsigned int argc, char **argv,
			  char *result, unsigned int maxlen)
{
	struct kmsc_target *target = ti->private;
	const struct kmsc_params *params = &target->table.params;
	struct kmsc_volume *vol = target->user.vol;

	if (argc == 1 && !strcasecmp(argv[0], "lock"))
		return kmsc_volume_lock(vol, KMSC_REASON_ADMIN);
	if (argc == 2 && !strcasecmp(argv[0], "lock") &&
	    !strcasecmp(argv[1], "sleep"))
		return kmsc_volume_lock(vol, KMSC_REASON_SLEEP);
	if (argc == 1 && !strcasecmp(argv[0], "unlock"))
		return kmsc_volume_unlock(vol, params);
	if (argc == 1 && !strcasecmp(argv[0], "renew"))
		return kmsc_volume_renew(vol, params);
	pr_warn("unknown message, known are: lock [sleep], unlock, renew\n");
	return -EINVAL;
}

static int target_iterate_devices(struct dm_target *ti,
				  iterate_devices_callout_fn fn, void *data)
{
	struct kmsc_target *target = ti->private;

	return fn(ti, target->dev, target->table.params.offset, ti->len, data);
}

#ifdef CONFIG_BLK_DEV_ZONED
static int target_report_zones(struct dm_target *ti,
			       struct dm_report_zones_args *args,
			       unsigned int nr_zones)
{
	struct kmsc_target *target = ti->private;
	sector_t start = target->table.params.offset;

	return dm_report_zones(target->dev->bdev, start,
			       start + dm_target_offset(ti, args->next_sector),
			       args, nr_zones);
}
#else
#define target_report_zones NULL
#endif

/*
 * A sector is the unit of encryption: nothing smaller may come, and none may
 * lie across more pieces of memory than it must.
 *
 * An atomic write, and one to a zone, is no longer than what we take in one
 * piece: none may be torn, an append has one place, and since 6.10 the rest of
 * a write to a zone could wait for itself. With tags no write is atomic: that
 * a device does not tear a sector from its tag is another promise, which none
 * makes (dm-integrity takes no atomic writes), and dm-crypt has none there.
 */
static void target_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct kmsc_target *target = ti->private;
	unsigned int size = target->table.params.sector_size;

	limits->logical_block_size =
		max_t(unsigned int, limits->logical_block_size, size);
	limits->physical_block_size =
		max_t(unsigned int, limits->physical_block_size, size);
	limits->io_min = max_t(unsigned int, limits->io_min, size);
	limits->dma_alignment = limits->logical_block_size - 1;
	kmsc_limit_atomic(limits, target->crypt.tags ?
					  0 :
					  KMSC_WRITE_SECTORS << SECTOR_SHIFT);
	if (ti->emulate_zone_append) {
		limits->max_hw_sectors = min_t(unsigned int, KMSC_WRITE_SECTORS,
					       limits->max_hw_sectors);
		limits->max_sectors = min_t(unsigned int, KMSC_WRITE_SECTORS,
					    limits->max_sectors);
	}
}

static struct target_type kmsc_target = {
	.name = KMSC_TARGET_NAME,
	.version = { 0, 1, 0 },
	.module = THIS_MODULE,
	.features = DM_TARGET_ZONED_HM | KMSC_TARGET_ATOMIC_WRITES,
	.ctr = target_ctr,
	.dtr = target_dtr,
	.map = target_map,
	.end_io = target_end_io,
	.presuspend = target_presuspend,
	.presuspend_undo = target_resume,
	.resume = target_resume,
	.status = target_status,
	.message = target_message,
	.iterate_devices = target_iterate_devices,
	.report_zones = target_report_zones,
	.io_hints = target_io_hints,
};

int __init kmsc_target_setup(void)
{
	return dm_register_target(&kmsc_target);
}

void kmsc_target_cleanup(void)
{
	dm_unregister_target(&kmsc_target);
}
