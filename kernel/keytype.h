/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The key type that a volume key comes in
 */
#ifndef _KMSC_KEYTYPE_H
#define _KMSC_KEYTYPE_H

#include <linux/key-type.h>
#include <linux/types.h>

struct kmsc_params;
struct kmsc_payload;
struct kmsc_volume;

extern struct key_type kmsc_key_type;

struct kmsc_payload *kmsc_key_take(struct key *key);
void kmsc_key_attach(struct key *key, struct kmsc_volume *vol);
void kmsc_key_drop(struct key *key);
void kmsc_payload_params(const struct kmsc_payload *payload,
			 struct kmsc_params *params);

#endif /* _KMSC_KEYTYPE_H */
