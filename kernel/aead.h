/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An authenticated cipher (AEAD), as dm-crypt uses it over dm-integrity
 *
 * Beside each sector lies <tag bytes> of metadata: the authentication tag and,
 * with IV mode random, the IV behind it. Authenticated, but not encrypted, are
 * the sector's number in the table, 64 bits little-endian, and the IV.
 *
 * What ti->error can say because of it, besides what spec.h lists:
 *
 *   Authenticated cipher needs capi:name-iv
 *   Authenticated cipher is not available in this kernel
 *   Authenticated cipher needs IV mode random
 *   Tag size does not fit the cipher
 *   Cipher takes no IV
 *   Cipher cannot be set up
 *   Key length does not fit the cipher
 */
#ifndef _KMSC_AEAD_H
#define _KMSC_AEAD_H

#include <crypto/aead.h>
#include <linux/types.h>

#include "iv.h"
#include "params.h"

struct crypto_wait;
struct kmsc_aead;
struct kmsc_spec;

#define KMSC_TAG_MAX 480 /* bytes of metadata a sector, as dm-crypt has it */

/**
 * struct kmsc_aead_head - what is authenticated besides the sector
 * @number:	of the sector in the table, in 512-byte sectors
 * @iv:		what the cipher uses of it is authenticated
 */
struct kmsc_aead_head {
	__le64 number;
	u8 iv[KMSC_IV_MAX];
} __packed;

int kmsc_aead_tag_bytes(const char *integrity);
int kmsc_aead_mac_bytes(const struct kmsc_params *params);
int kmsc_aead_alloc(struct kmsc_aead **ret, const struct kmsc_params *params,
		    const struct kmsc_spec *spec, const u8 *key,
		    char **ret_error);
void kmsc_aead_free(struct kmsc_aead *aead);

unsigned int kmsc_aead_reqsize(const struct kmsc_aead *aead);
unsigned int kmsc_aead_auth_bytes(const struct kmsc_aead *aead);
unsigned int kmsc_aead_head_bytes(const struct kmsc_aead *aead);
void kmsc_aead_setup(const struct kmsc_aead *aead, struct aead_request *req,
		     struct crypto_wait *wait);
int kmsc_aead_sector(const struct kmsc_aead *aead, struct aead_request *req,
		     struct kmsc_aead_head *head, u8 *tag, u64 number,
		     bool encrypt);

#endif /* _KMSC_AEAD_H */
