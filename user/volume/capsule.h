/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capsule: the plaintext that a KMS wraps (struct kmsc_capsule), and the
 * description that it is bound to. Pure: no I/O.
 *
 * Description, hashed with SHA-256 into the capsule; integers little-endian,
 * "field" is a le16 length and that many bytes:
 *
 *   "kmscrypt-desc-v1\0"
 *   field  UUID, 16 bytes in the order of the text form
 *   field  segment type
 *   field  cipher spec
 *   u32    key bytes
 *   u32    sector size
 *   u64    iv_tweak
 *   u32    description flags (KMSC_DESC_*)
 *   u64    segment offset
 *   u64    segment size (0: dynamic)
 *   field  integrity spec (empty: none)
 *   field  digest type
 *   field  digest hash
 *   u32    digest iterations
 *   field  digest salt
 *   field  digest value
 *
 * Every failure to decode or verify is -EKEYREJECTED with one message, the
 * same that unwrapping gives: what differed would be an oracle for whoever
 * can write ciphertexts to the disk.
 */
#ifndef _VOLUME_CAPSULE_H
#define _VOLUME_CAPSULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

#include "base/secret.h"

struct header;
struct op;

#define CAPSULE_DESC_MAX 1024 /* bytes of a description */
#define CAPSULE_HASH_BYTES 32
#define CAPSULE_VKID_BYTES 32
/* The one message. */
#define CAPSULE_REJECTED \
	"the wrapped key does not open or does not belong to this volume"

struct capsule {
	uint8_t uuid[KMSC_UUID_BYTES];
	uint8_t desc[CAPSULE_HASH_BYTES]; /* SHA-256(description) */
	uint32_t policy; /* KMSC_POLICY_* */
	uint32_t lease_s; /* 0: none */
	uint32_t queue_cap_s;
	uint64_t epoch;
	uint64_t created; /* seconds since 1970 */
	struct secret key; /* the volume key */
};

/** capsule_free() - wipe and free; fine on a zeroed one. */
void capsule_free(struct capsule *c);
#define _cleanup_capsule_ __attribute__((cleanup(capsule_free)))

/**
 * capsule_describe() - the description's bytes
 * @ret:	CAPSULE_DESC_MAX bytes
 * Return: its length, or -EINVAL when a field is too long.
 */
int capsule_describe(const struct header *h, uint32_t key_bytes, uint32_t flags,
		     uint8_t *ret);

/**
 * capsule_bind() - bind @c to @h: sets uuid and desc (@c->key must be there)
 * @flags:	KMSC_DESC_* bits, of the binding that it will be in
 * Return: 0, -EINVAL.
 */
int capsule_bind(struct capsule *c, const struct header *h, uint32_t flags);

/**
 * capsule_encode() - KMSC_CAPSULE_SIZE bytes, with the MAC; @ret is empty
 * Return: 0, -EINVAL (a length or a policy out of range), -ENOMEM.
 */
int capsule_encode(const struct capsule *c, struct secret *ret);

/**
 * capsule_decode() - check form and MAC of @plain and fill @ret
 * @ret:	zeroed; untouched on failure
 * Return: 0, -EKEYREJECTED, -ENOMEM.
 */
int capsule_decode(struct op *op, const struct secret *plain,
		   struct capsule *ret);

/**
 * capsule_verify() - does @c belong to this header and binding?
 * @key_bytes, @flags:	as the binding says
 * Return: 0, -EKEYREJECTED.
 */
int capsule_verify(struct op *op, const struct capsule *c,
		   const struct header *h, uint32_t key_bytes, uint32_t flags);

/**
 * capsule_vkid() - the volume key's public id, for the registry
 *
 * HKDF-SHA256(key, salt = UUID, info = KMSC_VKID_INFO): says nothing about the
 * key. Return: 0, -ENOMEM.
 */
int capsule_vkid(const struct secret *key, const uint8_t uuid[KMSC_UUID_BYTES],
		 uint8_t ret[CAPSULE_VKID_BYTES]);

#endif
