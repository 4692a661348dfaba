// SPDX-License-Identifier: GPL-2.0-or-later
/* See capsule.h. Encode and decode are in this one file, tested as a pair. */
#include "volume/capsule.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/op.h"
#include "volume/header.h"

#define MAC_BYTES 32
#define MAC_OFFSET offsetof(struct kmsc_capsule, mac)

_Static_assert(sizeof(struct kmsc_capsule) == KMSC_CAPSULE_SIZE,
	       "the capsule has no padding");

void capsule_free(struct capsule *c)
{
	secret_free(&c->key);
}

static int rejected(struct op *op)
{
	return op_fail(op, -EKEYREJECTED, CAPSULE_REJECTED);
}

/* Bytes being appended; past the end only @bad is set. */
struct out {
	uint8_t *data;
	size_t len;
	bool bad;
};

static void put(struct out *o, const void *data, size_t len)
{
	if (o->bad || len > CAPSULE_DESC_MAX - o->len) {
		o->bad = true;
		return;
	}
	memcpy(o->data + o->len, data, len);
	o->len += len;
}

static void put_u32(struct out *o, uint32_t v)
{
	v = htole32(v);
	put(o, &v, sizeof(v));
}

static void put_u64(struct out *o, uint64_t v)
{
	v = htole64(v);
	put(o, &v, sizeof(v));
}

static void put_field(struct out *o, const void *data, size_t len)
{
	uint16_t n = htole16((uint16_t)len);

	if (len > UINT16_MAX)
		o->bad = true;
	put(o, &n, sizeof(n));
	put(o, data, len);
}

static void put_text(struct out *o, const char *text)
{
	put_field(o, text, strlen(text));
}

int capsule_describe(const struct header *h, uint32_t key_bytes, uint32_t flags,
		     uint8_t *ret)
{
	struct out o = { .data = ret };

	put(&o, KMSC_DESC_MAGIC, sizeof(KMSC_DESC_MAGIC));
	put_field(&o, h->uuid_bytes, sizeof(h->uuid_bytes));
	put_text(&o, h->segment.type);
	put_text(&o, h->segment.cipher);
	put_u32(&o, key_bytes);
	put_u32(&o, h->segment.sector_size);
	put_u64(&o, h->segment.iv_tweak);
	put_u32(&o, flags);
	put_u64(&o, h->segment.offset);
	put_u64(&o, h->segment.size);
	put_text(&o, h->segment.integrity);
	put_text(&o, h->digest.type);
	put_text(&o, h->digest.hash);
	put_u32(&o, h->digest.iterations);
	put_field(&o, h->digest.salt, h->digest.salt_len);
	put_field(&o, h->digest.value, h->digest.value_len);
	return o.bad ? -EINVAL : (int)o.len;
}

static int describe_hash(const struct header *h, uint32_t key_bytes,
			 uint32_t flags, uint8_t ret[CAPSULE_HASH_BYTES])
{
	uint8_t desc[CAPSULE_DESC_MAX];
	int len;

	len = capsule_describe(h, key_bytes, flags, desc);
	if (len < 0)
		return len;
	if (EVP_Digest(desc, (size_t)len, ret, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	return 0;
}

/* HKDF-SHA256 (RFC 5869), extract and expand. */
static int hkdf(const uint8_t *key, size_t len,
		const uint8_t uuid[KMSC_UUID_BYTES], const char *info,
		uint8_t *ret, size_t ret_len)
{
	/* the library only reads them */
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256",
				       0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, len),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, (void *)uuid,
					KMSC_UUID_BYTES),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, (void *)info,
					strlen(info)),
		OSSL_PARAM_END,
	};
	EVP_KDF_CTX *ctx = NULL;
	EVP_KDF *kdf;
	int ok = 0;

	kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	if (kdf)
		ctx = EVP_KDF_CTX_new(kdf);
	if (ctx)
		ok = EVP_KDF_derive(ctx, ret, ret_len, params) == 1;
	EVP_KDF_CTX_free(ctx); /* wipes its copy of the key */
	EVP_KDF_free(kdf);
	return ok ? 0 : -ENOMEM;
}

static int mac(const uint8_t *key, size_t key_len, const struct kmsc_capsule *c,
	       uint8_t ret[MAC_BYTES])
{
	_cleanup_secret_ struct secret mac_key = SECRET_EMPTY;
	size_t len;
	int r;

	r = secret_alloc(&mac_key, MAC_BYTES);
	if (r < 0)
		return r;
	r = hkdf(key, key_len, c->uuid, KMSC_CAPSULE_MAC_INFO, mac_key.data,
		 mac_key.len);
	if (r < 0)
		return r;
	if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, mac_key.data,
		       mac_key.len, (const uint8_t *)c, MAC_OFFSET, ret,
		       MAC_BYTES, &len) ||
	    len != MAC_BYTES)
		return -ENOMEM;
	return 0;
}

int capsule_bind(struct capsule *c, const struct header *h, uint32_t flags)
{
	if (!c->key.len || (flags & ~KMSC_DESC_FLAGS_ALL))
		return -EINVAL;
	memcpy(c->uuid, h->uuid_bytes, sizeof(c->uuid));
	return describe_hash(h, (uint32_t)c->key.len, flags, c->desc);
}

static bool policy_ok(uint32_t policy, uint32_t lease_s)
{
	return !(policy & ~KMSC_POLICY_ALL) &&
	       (!lease_s || lease_s >= KMSC_LEASE_MIN_S);
}

int capsule_encode(const struct capsule *c, struct secret *ret)
{
	_cleanup_secret_ struct secret out = SECRET_EMPTY;
	struct kmsc_capsule *raw;
	int r;

	if (!c->key.len || c->key.len > KMSC_KEY_MAX ||
	    !policy_ok(c->policy, c->lease_s))
		return -EINVAL;
	r = secret_alloc(&out, sizeof(*raw));
	if (r < 0)
		return r;
	/* the heap aligns to 16 bytes or more; the rest is zero already */
	raw = (struct kmsc_capsule *)(void *)out.data;
	memcpy(raw->magic, KMSC_CAPSULE_MAGIC, sizeof(raw->magic));
	raw->version = htole16(KMSC_CAPSULE_VERSION);
	raw->total = htole16(sizeof(*raw));
	raw->key_bytes = htole16((uint16_t)c->key.len);
	raw->policy = htole16((uint16_t)c->policy);
	memcpy(raw->uuid, c->uuid, sizeof(raw->uuid));
	memcpy(raw->desc_sha256, c->desc, sizeof(raw->desc_sha256));
	raw->lease_s = htole32(c->lease_s);
	raw->queue_cap_s = htole32(c->queue_cap_s);
	raw->epoch = htole64(c->epoch);
	raw->created = htole64(c->created);
	memcpy(raw->key, c->key.data, c->key.len);
	r = mac(c->key.data, c->key.len, raw, raw->mac);
	if (r < 0)
		return r;
	secret_move(ret, &out);
	return 0;
}

static bool all_zero(const uint8_t *data, size_t len)
{
	uint8_t all = 0;
	size_t i;

	for (i = 0; i < len; i++)
		all |= data[i];
	return !all;
}

/* Only after the MAC: what is left is what a newer version might have set. */
static bool form_ok(const struct kmsc_capsule *raw, size_t key_len)
{
	return !memcmp(raw->magic, KMSC_CAPSULE_MAGIC, sizeof(raw->magic)) &&
	       le16toh(raw->version) == KMSC_CAPSULE_VERSION &&
	       le16toh(raw->total) == sizeof(*raw) &&
	       policy_ok(le16toh(raw->policy), le32toh(raw->lease_s)) &&
	       all_zero(raw->reserved, sizeof(raw->reserved)) &&
	       all_zero(raw->reserved2, sizeof(raw->reserved2)) &&
	       all_zero(raw->key + key_len, KMSC_KEY_MAX - key_len);
}

int capsule_decode(struct op *op, const struct secret *plain,
		   struct capsule *ret)
{
	const struct kmsc_capsule *raw;
	uint8_t expected[MAC_BYTES];
	size_t key_len;
	bool same;
	int r;

	if (plain->len != sizeof(*raw))
		return rejected(op);
	raw = (const struct kmsc_capsule *)(const void *)plain->data;
	key_len = le16toh(raw->key_bytes);
	if (!key_len || key_len > KMSC_KEY_MAX)
		return rejected(op);
	r = mac(raw->key, key_len, raw, expected);
	if (r < 0)
		return r;
	same = !CRYPTO_memcmp(expected, raw->mac, sizeof(expected));
	OPENSSL_cleanse(expected, sizeof(expected));
	if (!same || !form_ok(raw, key_len))
		return rejected(op);
	r = secret_copy(&ret->key, raw->key, key_len);
	if (r < 0)
		return r;
	memcpy(ret->uuid, raw->uuid, sizeof(ret->uuid));
	memcpy(ret->desc, raw->desc_sha256, sizeof(ret->desc));
	ret->policy = le16toh(raw->policy);
	ret->lease_s = le32toh(raw->lease_s);
	ret->queue_cap_s = le32toh(raw->queue_cap_s);
	ret->epoch = le64toh(raw->epoch);
	ret->created = le64toh(raw->created);
	return 0;
}

int capsule_verify(struct op *op, const struct capsule *c,
		   const struct header *h, uint32_t key_bytes, uint32_t flags)
{
	uint8_t desc[CAPSULE_HASH_BYTES];

	if (describe_hash(h, key_bytes, flags, desc) < 0 ||
	    c->key.len != key_bytes ||
	    CRYPTO_memcmp(c->uuid, h->uuid_bytes, sizeof(c->uuid)) ||
	    CRYPTO_memcmp(c->desc, desc, sizeof(desc)))
		return rejected(op);
	return 0;
}

int capsule_vkid(const struct secret *key, const uint8_t uuid[KMSC_UUID_BYTES],
		 uint8_t ret[CAPSULE_VKID_BYTES])
{
	return hkdf(key->data, key->len, uuid, KMSC_VKID_INFO, ret,
		    CAPSULE_VKID_BYTES);
}
