/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a key brings to its volume
 */
#ifndef _KMSC_DELIVERY_H
#define _KMSC_DELIVERY_H

#include <linux/types.h>

#include "params.h"

struct key;
struct kmsc_cipher;
struct kmsc_volume;

/**
 * struct kmsc_delivery - the payload of a key, the key itself in a cipher
 * @bound:	what it is bound to
 * @cipher:	the receiver's to free
 * @epoch:	of the wrapping
 * @lease_s:	0: none
 * @queue:	while locked, I/O is held
 * @cap_s:	for so long
 */
struct kmsc_delivery {
	struct kmsc_params bound;
	struct kmsc_cipher *cipher;
	u64 epoch;
	u32 lease_s;
	bool queue;
	u32 cap_s;
};

int kmsc_delivery_unpack(struct kmsc_delivery *delivery,
			 struct kmsc_volume *vol, struct key *key);

#endif /* _KMSC_DELIVERY_H */
