/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A keyed cipher with its IV rule
 *
 * What ti->error can say because of the cipher, besides what spec.h and aead.h
 * list:
 *
 *   Cipher is not available in this kernel
 *   Authenticated cipher needs option integrity
 *   IV mode random needs option integrity
 *   Cipher takes no IV
 *   Cipher cannot be set up
 *   Key length does not fit the cipher
 */
#ifndef _KMSC_CIPHER_H
#define _KMSC_CIPHER_H

#include <crypto/skcipher.h>
#include <linux/types.h>

#include "iv.h"

struct crypto_wait;
struct kmsc_aead;
struct kmsc_cipher;
struct kmsc_params;

#define KMSC_IV_ALIGN 64 /* what a cipher may want the IV aligned to */
/* A request for kmsc_cipher_setup_now(), what the cipher needs included */
#define KMSC_NOW_BYTES (sizeof(struct skcipher_request) + 384)

struct kmsc_cipher *kmsc_cipher_alloc(const struct kmsc_params *params,
				      const u8 *key, char **ret_error);
void kmsc_cipher_free(struct kmsc_cipher *cipher);
int kmsc_cipher_check(const struct kmsc_params *params, char **ret_error);
const struct kmsc_aead *kmsc_cipher_aead(const struct kmsc_cipher *cipher);

unsigned int kmsc_cipher_reqsize(const struct kmsc_cipher *cipher);
void kmsc_cipher_setup(const struct kmsc_cipher *cipher,
		       struct skcipher_request *req, struct crypto_wait *wait);
bool kmsc_cipher_can_now(const struct kmsc_cipher *cipher);
void kmsc_cipher_setup_now(const struct kmsc_cipher *cipher,
			   struct skcipher_request *req);
int kmsc_cipher_sector(const struct kmsc_cipher *cipher,
		       struct skcipher_request *req, u64 number, bool encrypt);

#endif /* _KMSC_CIPHER_H */
