// SPDX-License-Identifier: GPL-2.0-only
/*
 * A keyed cipher with its IV rule, over the public crypto API
 *
 * A cipher or an IV mode more is a line in one of the two tables below. What
 * they produce must be, bit for bit, what dm-crypt produces.
 */
#include "cipher.h"

#include <asm/simd.h>
#include <crypto/internal/simd.h>
#include <crypto/skcipher.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "params.h"

/**
 * struct iv_mode - how the sector number becomes an IV
 * @name:	in the cipher spec
 * @generate:	fill all of @iv, whatever the cipher uses of it
 */
struct iv_mode {
	const char *name;
	void (*generate)(u8 iv[KMSC_IV_MAX], u64 number);
};

/**
 * struct kmsc_cipher - a keyed cipher
 * @tfm:	what the kernel recommends; may be asynchronous
 * @now:	the same cipher, synchronous, with a request that fits in
 *		KMSC_NOW_BYTES; it may be @tfm, and it may be missing
 * @iv:		how to make an IV
 */
struct kmsc_cipher {
	struct crypto_skcipher *tfm;
	struct crypto_skcipher *now;
	const struct iv_mode *iv;
};

static void iv_plain64(u8 iv[KMSC_IV_MAX], u64 number)
{
	__le64 le = cpu_to_le64(number);

	memset(iv, 0, KMSC_IV_MAX);
	memcpy(iv, &le, sizeof(le));
}

static const struct iv_mode iv_modes[] = {
	{ "plain64", iv_plain64 },
};

static const char *const cipher_modes[] = {
	"xts",
};

/* The parts of a spec, as NUL-terminated strings */
struct spec {
	char text[KMSC_CIPHER_MAX];
	const char *cipher;
	const char *mode;
	const char *iv;
};

static int fail(char **ret_error, char *text)
{
	*ret_error = text;
	return -EINVAL;
}

static int spec_parse(struct spec *spec, const char *text, char **ret_error)
{
	char *rest = spec->text;
	int r;

	if (strscpy(spec->text, text, sizeof(spec->text)) < 0)
		goto bad;
	spec->cipher = strsep(&rest, "-");
	spec->mode = strsep(&rest, "-");
	spec->iv = rest;
	if (!spec->iv || !*spec->cipher || strpbrk(spec->cipher, "():,"))
		goto bad;
	if (!strcmp(spec->cipher, "cipher_null"))
		return fail(ret_error,
			    "A null cipher is refused: it does not encrypt");
	r = match_string(cipher_modes, ARRAY_SIZE(cipher_modes), spec->mode);
	if (r < 0)
		return fail(ret_error, "Cipher mode is not supported");
	return 0;
bad:
	return fail(ret_error, "Cipher must be given as cipher-mode-iv");
}

static const struct iv_mode *iv_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(iv_modes); i++)
		if (!strcmp(name, iv_modes[i].name))
			return &iv_modes[i];
	return NULL;
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

static int tfm_alloc(struct kmsc_cipher *cipher, const struct spec *spec,
		     char **ret_error)
{
	char alg[CRYPTO_MAX_ALG_NAME];
	unsigned int iv_size;
	int r;

	snprintf(alg, sizeof(alg), "%s(%s)", spec->mode, spec->cipher);
	cipher->tfm = crypto_alloc_skcipher(alg, 0, 0);
	if (IS_ERR(cipher->tfm)) {
		r = PTR_ERR(cipher->tfm);
		cipher->tfm = NULL;
		*ret_error = "Cipher is not available in this kernel";
		return r;
	}
	iv_size = crypto_skcipher_ivsize(cipher->tfm);
	if (iv_size < sizeof(u64) || iv_size > KMSC_IV_MAX ||
	    crypto_skcipher_alignmask(cipher->tfm) >= KMSC_IV_ALIGN)
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

/**
 * kmsc_cipher_alloc - make a keyed cipher
 * @spec:	cipher-mode-iv
 * @key:	the key, not kept: wipe it
 * @key_bytes:	its length
 * @ret_error:	what is wrong, on failure
 */
struct kmsc_cipher *kmsc_cipher_alloc(const char *spec, const u8 *key,
				      unsigned int key_bytes, char **ret_error)
{
	struct kmsc_cipher *cipher;
	struct spec parts;
	int r;

	r = spec_parse(&parts, spec, ret_error);
	if (r)
		return ERR_PTR(r);
	cipher = kzalloc(sizeof(*cipher), GFP_KERNEL);
	if (!cipher) {
		*ret_error = "Cipher cannot be set up";
		return ERR_PTR(-ENOMEM);
	}
	cipher->iv = iv_find(parts.iv);
	if (!cipher->iv) {
		r = fail(ret_error, "IV mode is not supported");
		goto err_free;
	}
	r = tfm_alloc(cipher, &parts, ret_error);
	if (r)
		goto err_free;
	r = set_key(cipher, key, key_bytes);
	if (r) {
		*ret_error = "Key length does not fit the cipher";
		goto err_free;
	}
	return cipher;

err_free:
	kmsc_cipher_free(cipher);
	return ERR_PTR(r);
}

/* The crypto API clears a handle, round keys and all, when it frees it. */
void kmsc_cipher_free(struct kmsc_cipher *cipher)
{
	if (!cipher)
		return;
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
int kmsc_cipher_check(const char *spec, unsigned int key_bytes,
		      char **ret_error)
{
	struct kmsc_cipher *cipher;
	u8 key[KMSC_KEY_MAX];

	get_random_bytes(key, sizeof(key));
	cipher = kmsc_cipher_alloc(spec, key, key_bytes, ret_error);
	if (IS_ERR(cipher))
		return PTR_ERR(cipher);
	kmsc_cipher_free(cipher);
	return 0;
}

/* Room that a request for kmsc_cipher_setup() needs */
unsigned int kmsc_cipher_reqsize(const struct kmsc_cipher *cipher)
{
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

/*
 * kmsc_cipher_can_now - may kmsc_cipher_setup_now() be used here?
 *
 * Not in a hard interrupt. Holds for as long as the context is the same: one
 * that comes in between gives the vector registers back as they were.
 */
bool kmsc_cipher_can_now(const struct kmsc_cipher *cipher)
{
	return cipher->now && crypto_simd_usable();
}

/* Like kmsc_cipher_setup(), but no sector of it will be asynchronous. */
void kmsc_cipher_setup_now(const struct kmsc_cipher *cipher,
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
int kmsc_cipher_sector(const struct kmsc_cipher *cipher,
		       struct skcipher_request *req, u64 number, bool encrypt)
{
	cipher->iv->generate(req->iv, number);
	return encrypt ? crypto_skcipher_encrypt(req) :
			 crypto_skcipher_decrypt(req);
}
