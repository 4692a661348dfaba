// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status texts. This file knows no key, no cipher and no volume, only a
 * snapshot and the parsed table line: it cannot tell what it cannot see.
 */
#include "status.h"

#include "table.h"

static const char *state_name(const struct kmsc_volume_info *info)
{
	if (info->state == KMSC_ACTIVE)
		return "active";
	return info->attempting ? "unlocking" : "locked";
}

const char *kmsc_status_reason(enum kmsc_reason reason)
{
	switch (reason) {
	case KMSC_REASON_UNREACHABLE:
		return "unreachable";
	case KMSC_REASON_SLEEP:
		return "sleep";
	case KMSC_REASON_ADMIN:
		return "admin";
	case KMSC_REASON_REVOKED:
		return "revoked";
	default:
		return "none";
	}
}

/**
 * kmsc_status_info - what "dmsetup status" says
 * @info:	of the volume
 * @data:	of the table
 * @result:	gets the text
 * @maxlen:	room in @result
 */
void kmsc_status_info(const struct kmsc_volume_info *info,
		      const struct kmsc_data_info *data, char *result,
		      unsigned int maxlen)
{
	unsigned int sz = 0;

	DMEMIT("%s reason=%s error=%d epoch=%llu key=%d", state_name(info),
	       kmsc_status_reason(info->reason), -info->error, info->epoch,
	       info->key_serial);
	DMEMIT(" lease=%u left=%u on_lock=%s cap=%u held=%u held_bytes=%llu",
	       info->lease_s, info->left_s, info->cap_s ? "queue" : "error",
	       info->cap_s, data->held, data->held_bytes);
	DMEMIT(" pages=%lu pool=%lu pool_max=%lu reserve=%u reserve_writes=%u",
	       data->pool.used, data->pool.pooled, data->pool.max,
	       data->reserve, data->reserve_writes);
	DMEMIT(" pool_shrunk=%lu", data->pool.shrunk);
}

void kmsc_status_table(const struct kmsc_table *table, const char *device,
		       char *result, unsigned int maxlen)
{
	kmsc_table_emit(table, device, result, maxlen);
}

void kmsc_status_ima(struct dm_target *ti, const struct kmsc_table *table,
		     const char *device, char *result, unsigned int maxlen)
{
	const struct kmsc_params *p = &table->params;
	bool large = table->options & KMSC_OPT_IV_LARGE_SECTORS;
	bool discards = table->options & KMSC_OPT_ALLOW_DISCARDS;
	unsigned int sz = 0;

	DMEMIT_TARGET_NAME_VERSION(ti->type);
	DMEMIT(",uuid=%s,cipher=%s,key_bytes=%u", table->uuid, p->cipher,
	       p->key_bytes);
	DMEMIT(",iv_offset=%llu,device=%s,offset=%llu", p->iv_offset, device,
	       p->offset);
	DMEMIT(",sector_size=%u,iv_large_sectors=%c,allow_discards=%c;",
	       p->sector_size, large ? 'y' : 'n', discards ? 'y' : 'n');
}
