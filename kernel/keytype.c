// SPDX-License-Identifier: GPL-2.0-only
/*
 * The key type ".kmscrypt"
 *
 * A key of this type is a courier: the helper instantiates it with a struct
 * kmsc_payload, the kernel takes the payload out and wipes it. What stays is
 * the handle by which root revokes an open volume.
 *
 * payload.data[0] is the payload until it is taken, data[1] the volume that a
 * revocation locks. Both change under key->sem only.
 */
#include "keytype.h"

#include <keys/user-type.h>
#include <linux/build_bug.h>
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/key.h>
#include <linux/log2.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uuid.h>

#include "params.h"
#include "volume.h"

/* "<volume uuid>@<major>:<minor>" */
static int key_vet_description(const char *desc)
{
	const char *p = desc + KMSC_UUID_STR_LEN;

	if (strnlen(desc, KMSC_DESC_STR_MAX) == KMSC_DESC_STR_MAX ||
	    !uuid_is_valid(desc) || *p++ != '@')
		return -EINVAL;
	if (!isdigit(*p))
		return -EINVAL;
	p += strspn(p, "0123456789");
	if (*p++ != ':' || !isdigit(*p))
		return -EINVAL;
	p += strspn(p, "0123456789");
	return *p ? -EINVAL : 0;
}

static bool all_zero(const void *p, size_t len)
{
	return !memchr_inv(p, 0, len);
}

/* A string that ends within @size, and nothing but NULs behind its end */
static bool padded_string(const char *s, size_t size)
{
	size_t len = strnlen(s, size);

	return len < size && all_zero(s + len, size - len);
}

static int payload_check(const struct kmsc_payload *p, size_t len)
{
	u32 sector_size, lease;
	u16 key_bytes;

	if (len != sizeof(*p) ||
	    memcmp(p->magic, KMSC_PAYLOAD_MAGIC, sizeof(p->magic)) ||
	    le16_to_cpu(p->version) != KMSC_PAYLOAD_VERSION ||
	    le16_to_cpu(p->total) != sizeof(*p))
		return -EINVAL;
	if (le16_to_cpu(p->policy) & ~KMSC_POLICY_ALL ||
	    le32_to_cpu(p->desc_flags) & ~KMSC_DESC_FLAGS_ALL ||
	    !all_zero(p->reserved, sizeof(p->reserved)))
		return -EINVAL;

	key_bytes = le16_to_cpu(p->key_bytes);
	if (!key_bytes || key_bytes > KMSC_KEY_MAX ||
	    !all_zero(p->key + key_bytes, KMSC_KEY_MAX - key_bytes))
		return -EINVAL;
	sector_size = le32_to_cpu(p->sector_size);
	if (sector_size < KMSC_SECTOR_MIN || sector_size > KMSC_SECTOR_MAX ||
	    !is_power_of_2(sector_size))
		return -EINVAL;
	if ((le64_to_cpu(p->seg_offset) | le64_to_cpu(p->seg_size)) & 511)
		return -EINVAL;
	lease = le32_to_cpu(p->lease_s);
	if (lease && lease < KMSC_LEASE_MIN_S)
		return -EINVAL;
	if (!p->cipher[0] || !padded_string(p->cipher, sizeof(p->cipher)) ||
	    !padded_string(p->integrity, sizeof(p->integrity)))
		return -EINVAL;
	return 0;
}

static int key_preparse(struct key_preparsed_payload *prep)
{
	int r;

	BUILD_BUG_ON(sizeof(struct kmsc_payload) != KMSC_PAYLOAD_SIZE);
	if (!prep->data)
		return -EINVAL;
	r = payload_check(prep->data, prep->datalen);
	if (r)
		return r;
	prep->payload.data[0] = kmemdup(prep->data, prep->datalen, GFP_KERNEL);
	if (!prep->payload.data[0])
		return -ENOMEM;
	prep->quotalen = prep->datalen;
	return 0;
}

static void key_free_preparse(struct key_preparsed_payload *prep)
{
	kfree_sensitive(prep->payload.data[0]);
}

static void key_describe(const struct key *key, struct seq_file *m)
{
	seq_puts(m, key->description);
}

/*
 * Called with key->sem held for writing, which is where the lock order starts
 * (volume.h); also for a key that was never built, and for one of a volume
 * that is gone.
 */
static void key_revoke_type(struct key *key)
{
	struct kmsc_volume *vol = key->payload.data[1];

	kfree_sensitive(key->payload.data[0]);
	key->payload.data[0] = NULL;
	if (vol)
		kmsc_volume_revoked(vol, key);
}

static void key_destroy(struct key *key)
{
	kfree_sensitive(key->payload.data[0]);
}

/* No .read: what is in a key never comes out. No .update: a key is new. */
struct key_type kmsc_key_type = {
	.name = KMSC_KEY_TYPE,
	.def_datalen = sizeof(struct kmsc_payload),
	.vet_description = key_vet_description,
	.preparse = key_preparse,
	.free_preparse = key_free_preparse,
	.instantiate = generic_key_instantiate,
	.revoke = key_revoke_type,
	.destroy = key_destroy,
	.describe = key_describe,
};

/*
 * kmsc_key_take - take the payload out of a key
 *
 * Return: the payload, for kfree_sensitive(); NULL if somebody revoked the
 * key or took it before.
 */
struct kmsc_payload *kmsc_key_take(struct key *key)
{
	struct kmsc_payload *payload;

	down_write(&key->sem);
	payload = key->payload.data[0];
	key->payload.data[0] = NULL;
	up_write(&key->sem);
	return payload;
}

/*
 * kmsc_key_attach - let a revocation of @key lock @vol
 *
 * The permissions that an upcalled key starts with refuse even root; SETATTR
 * is what keyctl(2) wants for a revocation. Invalidation would reach no code
 * of ours, so it stays refused.
 */
void kmsc_key_attach(struct key *key, struct kmsc_volume *vol)
{
	down_write(&key->sem);
	key->payload.data[1] = vol;
	key->perm |= KEY_USR_SETATTR;
	up_write(&key->sem);
}

/*
 * kmsc_key_drop - revoke a key that no volume needs, and put the reference
 *
 * Once this returns nothing leads from the key to its volume. Never under the
 * volume's lock.
 */
void kmsc_key_drop(struct key *key)
{
	if (!key)
		return;
	down_write(&key->sem);
	key->payload.data[1] = NULL;
	up_write(&key->sem);
	key_revoke(key);
	key_put(key);
}

/* What the key in @payload is bound to */
void kmsc_payload_params(const struct kmsc_payload *payload,
			 struct kmsc_params *params)
{
	memset(params, 0, sizeof(*params));
	memcpy(params->cipher, payload->cipher, sizeof(params->cipher));
	memcpy(params->integrity, payload->integrity,
	       sizeof(params->integrity));
	params->key_bytes = le16_to_cpu(payload->key_bytes);
	params->sector_size = le32_to_cpu(payload->sector_size);
	params->flags = le32_to_cpu(payload->desc_flags);
	params->iv_offset = le64_to_cpu(payload->iv_tweak);
	params->offset = le64_to_cpu(payload->seg_offset) >> 9;
	params->len = le64_to_cpu(payload->seg_size) >> 9;
}
