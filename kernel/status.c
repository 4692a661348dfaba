// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status texts. This file knows no key, no cipher and no volume, only a
 * snapshot and the parsed table line: it cannot tell what it cannot see.
 */
#include "status.h"

#include <linux/string.h>

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

/*
 * dm-crypt's attributes in its order, as who attests a machine knows them, then
 * those that it has not. @mac_bytes: of the key, what is a MAC's.
 */
void kmsc_status_ima(struct dm_target *ti, const struct kmsc_table *table,
		     unsigned int mac_bytes, const char *device, char *result,
		     unsigned int maxlen)
{
	static const struct {
		const char *name;
		unsigned long bit;
	} flags[] = {
		{ "allow_discards", KMSC_OPT_ALLOW_DISCARDS },
		{ "same_cpu_crypt", KMSC_OPT_SAME_CPU_CRYPT },
		{ "high_priority", KMSC_OPT_HIGH_PRIORITY },
		{ "submit_from_crypt_cpus", KMSC_OPT_SUBMIT_FROM_CRYPT_CPUS },
		{ "no_read_workqueue", KMSC_OPT_NO_READ_WORKQUEUE },
		{ "no_write_workqueue", KMSC_OPT_NO_WRITE_WORKQUEUE },
		{ "iv_large_sectors", KMSC_OPT_IV_LARGE_SECTORS },
	};
	const struct kmsc_params *p = &table->params;
	/* <tag bytes>:aead, or nothing */
	const char *auth = strchr(p->integrity, ':');
	unsigned int sz = 0;
	unsigned int i;

	DMEMIT_TARGET_NAME_VERSION(ti->type);
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		DMEMIT(",%s=%c", flags[i].name,
		       table->options & flags[i].bit ? 'y' : 'n');
	if (auth)
		DMEMIT(",integrity_tag_size=%.*s,cipher_auth=%s",
		       (int)(auth - p->integrity), p->integrity, auth + 1);
	if (p->sector_size != KMSC_SECTOR_MIN)
		DMEMIT(",sector_size=%u", p->sector_size);
	DMEMIT(",cipher_string=%s,key_size=%u", p->cipher, p->key_bytes);
	DMEMIT(",key_parts=1,key_extra_size=0,key_mac_size=%u", mac_bytes);
	DMEMIT(",volume_uuid=%s,iv_offset=%llu,device=%s,offset=%llu;",
	       table->uuid, p->iv_offset, device, p->offset);
}
