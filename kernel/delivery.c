// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a key to a cipher
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "delivery.h"

#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uuid.h>

#include "aead.h"
#include "cipher.h"
#include "keytype.h"
#include "volume.h"

/* What the key type could not know */
static int payload_check(const struct kmsc_volume *vol,
			 const struct kmsc_payload *payload)
{
	uuid_t uuid;

	if (uuid_parse(vol->uuid, &uuid) ||
	    memcmp(&uuid, payload->uuid, sizeof(uuid)))
		return -EKEYREJECTED;
	/* Data that nobody authenticates would be worse than none. */
	if (payload->integrity[0] &&
	    kmsc_aead_tag_bytes(payload->integrity) < 0)
		return -EOPNOTSUPP;
	return 0;
}

static void set_policy(struct kmsc_delivery *delivery,
		       const struct kmsc_payload *payload)
{
	delivery->epoch = le64_to_cpu(payload->epoch);
	delivery->lease_s = le32_to_cpu(payload->lease_s);
	delivery->queue = le16_to_cpu(payload->policy) &
			  KMSC_POLICY_ON_LOCK_QUEUE;
	if (delivery->queue)
		delivery->cap_s = le32_to_cpu(payload->queue_cap_s) ?:
					  KMSC_QUEUE_CAP_DEFAULT_S;
}

/**
 * kmsc_delivery_unpack - turn the key's payload into a cipher, and wipe it
 * @delivery:	zeroed
 * @vol:	the volume that the key is for; nothing of it changes
 * @key:	instantiated
 */
int kmsc_delivery_unpack(struct kmsc_delivery *delivery,
			 struct kmsc_volume *vol, struct key *key)
{
	struct kmsc_payload *payload = kmsc_key_take(key);
	struct kmsc_cipher *cipher;
	char *error;
	int r;

	if (!payload)
		return -EKEYREVOKED;
	r = payload_check(vol, payload);
	if (r)
		goto out;
	kmsc_payload_params(payload, &delivery->bound);
	set_policy(delivery, payload);
	cipher = kmsc_cipher_alloc(&delivery->bound, payload->key, &error);
	if (IS_ERR(cipher)) {
		r = PTR_ERR(cipher);
		pr_err("%s: volume key: %s (%d)\n", vol->desc, error, r);
	} else {
		delivery->cipher = cipher;
	}
out:
	kfree_sensitive(payload);
	return r;
}
