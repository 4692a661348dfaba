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

#include <asm/simd.h>
#include <crypto/internal/simd.h>
#include <crypto/skcipher.h>
#include <linux/types.h>

#include "iv.h"

struct crypto_wait;
struct kmsc_aead;
struct kmsc_params;

#define KMSC_IV_ALIGN 64 /* what a cipher may want the IV aligned to */
/* A request for kmsc_cipher_setup_now(), what the cipher needs included */
#define KMSC_NOW_BYTES (sizeof(struct skcipher_request) + 384)

/**
 * struct kmsc_cipher - a keyed cipher
 * @tfm:	what the kernel recommends; may be asynchronous
 * @now:	the same cipher, synchronous, with a request that fits in
 *		KMSC_NOW_BYTES; it may be @tfm, and it may be missing
 * @iv:		how to make an IV
 * @aead:	an authenticated cipher, in place of all these
 */
struct kmsc_cipher {
	struct crypto_skcipher *tfm;
	struct crypto_skcipher *now;
	struct kmsc_iv iv;
	struct kmsc_aead *aead;
};

struct kmsc_cipher *kmsc_cipher_alloc(const struct kmsc_params *params,
				      const u8 *key, char **ret_error);
void kmsc_cipher_free(struct kmsc_cipher *cipher);
int kmsc_cipher_check(const struct kmsc_params *params, char **ret_error);
const struct kmsc_aead *kmsc_cipher_aead(const struct kmsc_cipher *cipher);

unsigned int kmsc_cipher_reqsize(const struct kmsc_cipher *cipher);
void kmsc_cipher_setup(const struct kmsc_cipher *cipher,
		       struct skcipher_request *req, struct crypto_wait *wait);

/* Once a bio or once a sector, so not worth a call: */

/*
 * kmsc_cipher_can_now - may kmsc_cipher_setup_now() be used here?
 *
 * Not in a hard interrupt. Holds for as long as the context is the same: one
 * that comes in between gives the vector registers back as they were.
 */
static inline bool kmsc_cipher_can_now(const struct kmsc_cipher *cipher)
{
	return cipher->now && crypto_simd_usable();
}

/* Like kmsc_cipher_setup(), but no sector of it will be asynchronous. */
static inline void kmsc_cipher_setup_now(const struct kmsc_cipher *cipher,
					 struct skcipher_request *req)
{
	skcipher_request_set_tfm(req, cipher->now);
	skcipher_request_set_callback(req, 0, NULL, NULL);
}

/**
 * kmsc_cipher_sector - encrypt or decrypt one sector
 * @cipher:	the cipher
 * @req:	made ready with it, and skcipher_request_set_crypt() says the rest;
 *		the crypto API leaves all that as it is, so it need not be said
 *		again for the next sector
 * @number:	of the sector, as the IV counts them
 * @encrypt:	or decrypt
 *
 * Return: as crypto_skcipher_encrypt(), for crypto_wait_req() if @req is one of
 * kmsc_cipher_setup().
 */
static inline int kmsc_cipher_sector(const struct kmsc_cipher *cipher,
				     struct skcipher_request *req, u64 number,
				     bool encrypt)
{
	kmsc_iv_make(&cipher->iv, req->iv, number);
	return encrypt ? crypto_skcipher_encrypt(req) :
			 crypto_skcipher_decrypt(req);
}

#endif /* _KMSC_CIPHER_H */
