/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A keyed cipher with its IV rule: dm-crypt's "cipher-mode-iv"
 *
 * What ti->error can say because of the cipher:
 *
 *   Cipher must be given as cipher-mode-iv
 *   A null cipher is refused: it does not encrypt
 *   Cipher mode is not supported
 *   IV mode is not supported
 *   Cipher is not available in this kernel
 *   Cipher cannot be set up
 *   Key length does not fit the cipher
 */
#ifndef _KMSC_CIPHER_H
#define _KMSC_CIPHER_H

#include <linux/crypto.h>
#include <linux/types.h>

struct kmsc_cipher;
struct kmsc_params;
struct scatterlist;
struct skcipher_request;

#define KMSC_IV_MAX 32 /* bytes of IV, any supported cipher */
#define KMSC_IV_ALIGN 64 /* what a cipher may want the IV aligned to */

struct kmsc_cipher *kmsc_cipher_alloc(const char *spec, const u8 *key,
				      unsigned int key_bytes, char **ret_error);
void kmsc_cipher_free(struct kmsc_cipher *cipher);
int kmsc_cipher_check(const char *spec, unsigned int key_bytes,
		      char **ret_error);

unsigned int kmsc_cipher_reqsize(const struct kmsc_cipher *cipher);
void kmsc_cipher_setup(const struct kmsc_cipher *cipher,
		       struct skcipher_request *req, u32 flags,
		       crypto_completion_t done, void *data);
int kmsc_cipher_sector(const struct kmsc_cipher *cipher,
		       struct skcipher_request *req, struct scatterlist *dst,
		       struct scatterlist *src, unsigned int len, u8 *iv,
		       u64 number, bool encrypt);

#endif /* _KMSC_CIPHER_H */
