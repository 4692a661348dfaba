/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that we build for: the only file that asks
 * for a version. Each entry says from when on the first branch is not needed.
 */
#ifndef _KMSC_COMPAT_H
#define _KMSC_COMPAT_H

#include <linux/audit.h>
#include <linux/blk-integrity.h>
#include <linux/blk_types.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/hrtimer.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/* Only newer kernels let a target take atomic writes; 6.12 does not yet. */
#ifdef DM_TARGET_ATOMIC_WRITES
#define KMSC_TARGET_ATOMIC_WRITES DM_TARGET_ATOMIC_WRITES

static inline void kmsc_limit_atomic(struct queue_limits *limits,
				     unsigned int bytes)
{
	limits->atomic_write_hw_max =
		min_t(unsigned int, limits->atomic_write_hw_max, bytes);
	limits->atomic_write_hw_unit_max =
		min_t(unsigned int, limits->atomic_write_hw_unit_max, bytes);
}
#else
#define KMSC_TARGET_ATOMIC_WRITES 0

static inline void kmsc_limit_atomic(struct queue_limits *limits,
				     unsigned int bytes)
{
}
#endif

/* Since 6.18 a workqueue says that it is bound; before, it is the default. */
#if KERNEL_VERSION(6, 18, 0) > LINUX_VERSION_CODE
#define KMSC_WQ_PERCPU 0
#else
#define KMSC_WQ_PERCPU WQ_PERCPU
#endif

/* Since 6.7 a shrinker is allocated, and registered when it is filled in. */
#if KERNEL_VERSION(6, 7, 0) > LINUX_VERSION_CODE
static inline struct shrinker *kmsc_shrinker_alloc(const char *name)
{
	return kzalloc(sizeof(struct shrinker), GFP_KERNEL);
}

static inline int kmsc_shrinker_register(struct shrinker *shrinker,
					 const char *name)
{
	shrinker->seeks = DEFAULT_SEEKS;
	return register_shrinker(shrinker, "%s", name);
}

static inline void kmsc_shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#else
static inline struct shrinker *kmsc_shrinker_alloc(const char *name)
{
	return shrinker_alloc(0, "%s", name);
}

static inline int kmsc_shrinker_register(struct shrinker *shrinker,
					 const char *name)
{
	shrinker_register(shrinker);
	return 0;
}

#define kmsc_shrinker_free shrinker_free
#endif

/*
 * Since 6.19 a bio knows where its pieces of memory leave gaps. Ours leave
 * none: each but the last is a whole page.
 */
static inline void kmsc_bio_vecs_changed(struct bio *bio)
{
#if KERNEL_VERSION(6, 19, 0) <= LINUX_VERSION_CODE
	bio->bi_bvec_gap_bit = 0;
#endif
}

/* Since 6.13 a timer's function is given with the rest. */
static inline void
kmsc_hrtimer_setup(struct hrtimer *timer,
		   enum hrtimer_restart (*function)(struct hrtimer *),
		   clockid_t clock, enum hrtimer_mode mode)
{
#if KERNEL_VERSION(6, 13, 0) > LINUX_VERSION_CODE
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#else
	hrtimer_setup(timer, function, clock, mode);
#endif
}

#ifdef CONFIG_BLK_DEV_INTEGRITY
/*
 * Does a device keep tags of any content, as dm-integrity does? Since 6.11
 * that is one without a checksum; since 6.17 their size has a new name.
 */
static inline bool kmsc_bdev_tags(struct block_device *bdev,
				  unsigned int *ret_bytes,
				  unsigned int *ret_sector_size)
{
	struct blk_integrity *bi = blk_get_integrity(bdev->bd_disk);

	if (!bi)
		return false;
	*ret_sector_size = 1U << bi->interval_exp;
#if KERNEL_VERSION(6, 11, 0) > LINUX_VERSION_CODE
	*ret_bytes = bi->tuple_size;
	return !strcmp(bi->profile->name, "DM-DIF-EXT-TAG");
#elif KERNEL_VERSION(6, 17, 0) > LINUX_VERSION_CODE
	*ret_bytes = bi->tuple_size;
	return bi->csum_type == BLK_INTEGRITY_CSUM_NONE;
#else
	*ret_bytes = bi->metadata_size;
	return bi->csum_type == BLK_INTEGRITY_CSUM_NONE;
#endif
}

/*
 * Since 6.11 who gives a bio an integrity payload takes it off again; before,
 * the kernel frees it when the bio ends, so there it is from its allocator,
 * which for so little, and told not to fail, waits as a mempool would.
 */
#if KERNEL_VERSION(6, 11, 0) > LINUX_VERSION_CODE
struct kmsc_bio_payload {
};

static inline void kmsc_bio_set_payload(struct bio *bio,
					struct kmsc_bio_payload *unused,
					struct bio_vec *vec)
{
	struct bio_integrity_payload *payload;

	payload = bio_integrity_alloc(bio, GFP_NOIO | __GFP_NOFAIL, 1);
	payload->bip_vec[0] = *vec;
	payload->bip_vcnt = 1;
	payload->bip_iter.bi_size = vec->bv_len;
}

static inline void kmsc_bio_clear_payload(struct bio *bio)
{
}
#else
struct kmsc_bio_payload {
	struct bio_integrity_payload bip; /* may end in an array */
};

static inline void kmsc_bio_set_payload(struct bio *bio,
					struct kmsc_bio_payload *payload,
					struct bio_vec *vec)
{
	struct bio_integrity_payload *bip = &payload->bip;

	memset(bip, 0, sizeof(*bip));
	bip->bip_vec = vec;
	bip->bip_vcnt = 1;
	bip->bip_max_vcnt = 1;
	bip->bip_iter.bi_size = vec->bv_len;
	bio->bi_integrity = bip;
	bio->bi_opf |= REQ_INTEGRITY;
}

static inline void kmsc_bio_clear_payload(struct bio *bio)
{
	bio->bi_integrity = NULL;
	bio->bi_opf &= ~REQ_INTEGRITY;
}
#endif
#else
/* No device of this kernel keeps tags. */
struct kmsc_bio_payload {
};

static inline bool kmsc_bdev_tags(struct block_device *bdev,
				  unsigned int *ret_bytes,
				  unsigned int *ret_sector_size)
{
	return false;
}

static inline void kmsc_bio_set_payload(struct bio *bio,
					struct kmsc_bio_payload *payload,
					struct bio_vec *vec)
{
}

static inline void kmsc_bio_clear_payload(struct bio *bio)
{
}
#endif

/* Exported, but declared in a header of drivers/md only */
#ifdef CONFIG_DM_AUDIT
void dm_audit_log_ti(int audit_type, const char *dm_msg_prefix, const char *op,
		     struct dm_target *ti, int result);

static inline void kmsc_audit(const char *op, struct dm_target *ti)
{
	dm_audit_log_ti(AUDIT_DM_EVENT, KBUILD_MODNAME, op, ti, 1);
}

static inline void kmsc_audit_failed(const char *op, struct dm_target *ti)
{
	dm_audit_log_ti(AUDIT_DM_EVENT, KBUILD_MODNAME, op, ti, 0);
}

/* A table comes or goes; if it does not come, ti->error says why. */
static inline void kmsc_audit_table(const char *op, struct dm_target *ti,
				    bool ok)
{
	dm_audit_log_ti(AUDIT_DM_CTRL, KBUILD_MODNAME, op, ti, ok);
}
#else
static inline void kmsc_audit(const char *op, struct dm_target *ti)
{
}

static inline void kmsc_audit_failed(const char *op, struct dm_target *ti)
{
}

static inline void kmsc_audit_table(const char *op, struct dm_target *ti,
				    bool ok)
{
}
#endif

#endif /* _KMSC_COMPAT_H */
