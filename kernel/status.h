/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What "dmsetup status", "dmsetup table" and IMA see of a table
 *
 *   dmsetup status:
 *     <state> reason=<none|admin|revoked> error=<last errno, 0: none>
 *     epoch=<n> key=<serial of the key to revoke, 0: none>
 *
 *   <state> is active, locked or unlocking
 */
#ifndef _KMSC_STATUS_H
#define _KMSC_STATUS_H

#include <linux/device-mapper.h>

struct kmsc_table;
struct kmsc_volume_info;

void kmsc_status_info(const struct kmsc_volume_info *info, char *result,
		      unsigned int maxlen);
void kmsc_status_table(const struct kmsc_table *table, const char *device,
		       char *result, unsigned int maxlen);
void kmsc_status_ima(struct dm_target *ti, const struct kmsc_table *table,
		     const char *device, char *result, unsigned int maxlen);

#endif /* _KMSC_STATUS_H */
