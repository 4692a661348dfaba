// SPDX-License-Identifier: GPL-2.0-only
/*
 * A keyed cipher with its IV rule, over the public crypto API: whatever it has,
 * as dm-crypt has it. What that produces must be, bit for bit, what dm-crypt
 * produces.
 */
#include "cipher.h"

#include <crypto/skcipher.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "aead.h"
#include "iv.h"
#include "params.h"
#include "spec.h"

static int fail(char **ret_error, char *text)
{
	*ret_error = text;
	return -EINVAL;
}

static bool fits_now(struct crypto_skcipher *tfm)
{
	return sizeof(struct skcipher_request) + crypto_skcipher_reqsize(tfm) <=
	       KMSC_NOW_BYTES;
}

/*
 * Ciphers in vector registers come, on older kernels, as an asynchronous
 * wrapper, for those who cannot know whether the registers are theirs to use,
 * around a synchronous cipher of the same driver name with two underscores.
 * To ask for any synchronous one would give a much slower one.
 */
static void now_alloc(struct kmsc_cipher *cipher)
{
	struct crypto_tfm *base = crypto_skcipher_tfm(cipher->tfm);
	char name[CRYPTO_MAX_ALG_NAME];
	struct crypto_skcipher *now;

	if (!(base->__crt_alg->cra_flags & CRYPTO_ALG_ASYNC)) {
		if (fits_now(cipher->tfm))
			cipher->now = cipher->tfm;
		return;
	}
	if (snprintf(name, sizeof(name), "__%s",
		     crypto_tfm_alg_driver_name(base)) >= (int)sizeof(name))
		return;
	now = crypto_alloc_skcipher(name, CRYPTO_ALG_INTERNAL,
				    CRYPTO_ALG_INTERNAL | CRYPTO_ALG_ASYNC);
	if (IS_ERR(now))
		return;
	if (fits_now(now) &&
	    crypto_skcipher_ivsize(now) == crypto_skcipher_ivsize(cipher->tfm))
		cipher->now = now;
	else
		crypto_free_skcipher(now);
}

/* Why crypto_alloc_skcipher() did not give it */
static int absent(const char *alg, int r, char **ret_error)
{
	*ret_error = "Cipher is not available in this kernel";
	if (crypto_has_alg(alg, CRYPTO_ALG_TYPE_AEAD, CRYPTO_ALG_TYPE_MASK))
		return fail(ret_error,
			    "Authenticated cipher needs option integrity");
	return r;
}

static int tfm_alloc(struct kmsc_cipher *cipher, const struct kmsc_spec *spec,
		     char **ret_error)
{
	struct crypto_skcipher *tfm;

	/* Not one that allocates memory for each request */
	tfm = crypto_alloc_skcipher(spec->alg, 0, CRYPTO_ALG_ALLOCATES_MEMORY);
	if (IS_ERR(tfm))
		return absent(spec->alg, PTR_ERR(tfm), ret_error);
	cipher->tfm = tfm;
	if (spec->iv == KMSC_IV_RANDOM)
		return fail(ret_error, "IV mode random needs option integrity");
	/* ECB shows where data repeats, and no IV could change that. */
	if (!crypto_skcipher_ivsize(tfm))
		return fail(ret_error, "Cipher takes no IV");
	if (kmsc_iv_init(&cipher->iv, spec->iv, crypto_skcipher_ivsize(tfm),
			 crypto_skcipher_blocksize(tfm)) ||
	    crypto_skcipher_alignmask(tfm) >= KMSC_IV_ALIGN)
		return fail(ret_error, "Cipher cannot be set up");
	now_alloc(cipher);
	return 0;
}

static int set_key(struct kmsc_cipher *cipher, const u8 *key,
		   unsigned int key_bytes)
{
	int r = crypto_skcipher_setkey(cipher->tfm, key, key_bytes);

	if (!r && cipher->now && cipher->now != cipher->tfm)
		r = crypto_skcipher_setkey(cipher->now, key, key_bytes);
	return r;
}

static int setup(struct kmsc_cipher *cipher, const struct kmsc_params *params,
		 const struct kmsc_spec *spec, const u8 *key, char **ret_error)
{
	int r;

	if (params->integrity[0])
		return kmsc_aead_alloc(&cipher->aead, params, spec, key,
				       ret_error);
	r = tfm_alloc(cipher, spec, ret_error);
	if (r)
		return r;
	r = set_key(cipher, key, params->key_bytes);
	if (r)
		*ret_error = "Key length does not fit the cipher";
	return r;
}

/**
 * kmsc_cipher_alloc - make a keyed cipher
 * @params:	cipher spec (see spec.h), integrity spec, length of the key
 * @key:	the key, not kept: wipe it
 * @ret_error:	what is wrong, on failure
 */
struct kmsc_cipher *kmsc_cipher_alloc(const struct kmsc_params *params,
				      const u8 *key, char **ret_error)
{
	struct kmsc_cipher *cipher;
	struct kmsc_spec spec;
	int r;

	r = kmsc_spec_parse(&spec, params->cipher, ret_error);
	if (r)
		return ERR_PTR(r);
	cipher = kzalloc(sizeof(*cipher), GFP_KERNEL);
	if (!cipher) {
		*ret_error = "Cipher cannot be set up";
		return ERR_PTR(-ENOMEM);
	}
	r = setup(cipher, params, &spec, key, ret_error);
	if (r) {
		kmsc_cipher_free(cipher);
		return ERR_PTR(r);
	}
	return cipher;
}

/* The crypto API clears a handle, round keys and all, when it frees it. */
void kmsc_cipher_free(struct kmsc_cipher *cipher)
{
	if (!cipher)
		return;
	kmsc_aead_free(cipher->aead);
	if (cipher->now != cipher->tfm)
		crypto_free_skcipher(cipher->now);
	if (cipher->tfm)
		crypto_free_skcipher(cipher->tfm);
	kfree(cipher);
}

/*
 * kmsc_cipher_check - would a key of this length do?
 *
 * Tried with a random key, since only setting one shows what a cipher takes;
 * so that a bad table is refused before anybody asks the KMS.
 */
int kmsc_cipher_check(const struct kmsc_params *params, char **ret_error)
{
	struct kmsc_cipher *cipher;
	u8 key[KMSC_KEY_MAX];

	get_random_bytes(key, sizeof(key));
	cipher = kmsc_cipher_alloc(params, key, ret_error);
	if (IS_ERR(cipher))
		return PTR_ERR(cipher);
	kmsc_cipher_free(cipher);
	return 0;
}

/* For a cipher of parameters with an integrity spec, which is only that */
const struct kmsc_aead *kmsc_cipher_aead(const struct kmsc_cipher *cipher)
{
	return cipher->aead;
}

/* Room that a request for kmsc_cipher_setup(), or kmsc_aead_setup(), needs */
unsigned int kmsc_cipher_reqsize(const struct kmsc_cipher *cipher)
{
	if (cipher->aead)
		return kmsc_aead_reqsize(cipher->aead);
	return sizeof(struct skcipher_request) +
	       crypto_skcipher_reqsize(cipher->tfm);
}

/*
 * kmsc_cipher_setup - make @req ready for any number of sectors
 *
 * Process context; @wait is what to wait with if a sector takes its time.
 */
void kmsc_cipher_setup(const struct kmsc_cipher *cipher,
		       struct skcipher_request *req, struct crypto_wait *wait)
{
	/*
	 * No CRYPTO_TFM_REQ_MAY_SLEEP: with it, the crypto API would allocate
	 * with GFP_KERNEL, and reclaim could come back to us.
	 */
	skcipher_request_set_tfm(req, cipher->tfm);
	skcipher_request_set_callback(req, CRYPTO_TFM_REQ_MAY_BACKLOG,
				      crypto_req_done, wait);
}
