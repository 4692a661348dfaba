// SPDX-License-Identifier: GPL-2.0-only
/*
 * Comparing what is asked for with what a key is bound to
 */
#include "params.h"

#include <linux/string.h>

bool kmsc_params_same(const struct kmsc_params *a, const struct kmsc_params *b)
{
	return !strcmp(a->cipher, b->cipher) &&
	       !strcmp(a->integrity, b->integrity) &&
	       a->key_bytes == b->key_bytes &&
	       a->sector_size == b->sector_size && a->flags == b->flags &&
	       a->iv_offset == b->iv_offset && a->offset == b->offset &&
	       a->len == b->len;
}

/*
 * kmsc_params_difference - what of @asked is not as @bound says?
 *
 * Return: a sentence for ti->error, or NULL.
 */
char *kmsc_params_difference(const struct kmsc_params *bound,
			     const struct kmsc_params *asked)
{
#define DIFFERS " differs from what the volume key is bound to"
	if (strcmp(bound->cipher, asked->cipher))
		return "Cipher" DIFFERS;
	if (strcmp(bound->integrity, asked->integrity))
		return "Integrity" DIFFERS;
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
