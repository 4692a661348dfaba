/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What "dmsetup status", "dmsetup table" and IMA see of a table
 *
 * The words of the status are explained in include/uapi/kmscrypt.h.
 */
#ifndef _KMSC_STATUS_H
#define _KMSC_STATUS_H

#include <linux/device-mapper.h>

#include "pool.h"
#include "volume.h"

struct kmsc_table;

/**
 * struct kmsc_data_info - a snapshot of a table's data path
 * @held:	bios that wait for an unlock
 * @held_bytes:	their data
 * @pool:	of all tables
 * @reserve:	free pages of the table's own
 * @reserve_writes: that had to take them
 */
struct kmsc_data_info {
	unsigned int held;
	u64 held_bytes;
	struct kmsc_pool_info pool;
	unsigned int reserve;
	unsigned int reserve_writes;
};

const char *kmsc_status_reason(enum kmsc_reason reason);
void kmsc_status_info(const struct kmsc_volume_info *info,
		      const struct kmsc_data_info *data, char *result,
		      unsigned int maxlen);
void kmsc_status_table(const struct kmsc_table *table, const char *device,
		       char *result, unsigned int maxlen);
void kmsc_status_ima(struct dm_target *ti, const struct kmsc_table *table,
		     unsigned int mac_bytes, const char *device, char *result,
		     unsigned int maxlen);

#endif /* _KMSC_STATUS_H */
