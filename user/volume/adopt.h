/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes that another host has made, on a host that only opens them. A
 * binding names the generation that wrapped it, which this host has never
 * heard of. Where the key, mount and namespace are the entry's, and the server
 * unwraps the capsule, the generation becomes one of the entry's here.
 */
#ifndef _VOLUME_ADOPT_H
#define _VOLUME_ADOPT_H

#include <stddef.h>
#include <stdint.h>

#include "kms/config.h"
#include "volume/scan.h"

struct kms;
struct op;

struct adopted {
	size_t n;
	char id[CONFIG_GENERATIONS_MAX][WRAPPED_ENTRY_LEN + 1];
};

/**
 * adopt_find() - ids that no entry here has, and whose bindings @kms opens
 * @timeout_ms:	for each volume
 * Return: 0, -ENOMEM, -errno of reading the entries.
 */
int adopt_find(struct op *op, const struct scan *s, struct kms *kms,
	       int64_t timeout_ms, struct adopted *ret);

/**
 * adopt_save() - add the generations of @ids to @e, retiring, as copies of @g
 * @e:	saved, with @g as its current one
 * Return: 0; -EBUSY when the entry has no room; -errno.
 */
int adopt_save(struct op *op, struct entry *e, const struct generation *g,
	       const struct adopted *ids);

#endif
