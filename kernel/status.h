/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What "dmsetup status", "dmsetup table" and IMA see of a table
 *
 * The words of the status are explained in include/uapi/kmscrypt.h.
 */
#ifndef _KMSC_STATUS_H
#define _KMSC_STATUS_H

#include <linux/device-mapper.h>

#include "volume.h"

struct kmsc_table;

const char *kmsc_status_reason(enum kmsc_reason reason);
void kmsc_status_info(const struct kmsc_volume_info *info, unsigned int held,
		      u64 held_bytes, char *result, unsigned int maxlen);
void kmsc_status_table(const struct kmsc_table *table, const char *device,
		       char *result, unsigned int maxlen);
void kmsc_status_ima(struct dm_target *ti, const struct kmsc_table *table,
		     const char *device, char *result, unsigned int maxlen);

#endif /* _KMSC_STATUS_H */
