// SPDX-License-Identifier: GPL-2.0-only
/*
 * A keyed cipher with its IV rule, over the public crypto API
 *
 * A cipher or an IV mode more is a line in one of the two tables below. What
 * they produce must be, bit for bit, what dm-crypt produces.
 */
#include "cipher.h"

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
 * @generate:	fill @size bytes of @iv
 */
struct iv_mode {
	const char *name;
	void (*generate)(u8 *iv, unsigned int size, u64 number);
};

struct kmsc_cipher {
	struct crypto_skcipher *tfm;
	const struct iv_mode *iv;
	unsigned int iv_size;
};

static void iv_plain64(u8 *iv, unsigned int size, u64 number)
{
	__le64 le = cpu_to_le64(number);

	memset(iv, 0, size);
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

static int tfm_alloc(struct kmsc_cipher *cipher, const struct spec *spec,
		     char **ret_error)
{
	char alg[CRYPTO_MAX_ALG_NAME];
	int r;

	snprintf(alg, sizeof(alg), "%s(%s)", spec->mode, spec->cipher);
	cipher->tfm = crypto_alloc_skcipher(alg, 0, 0);
	if (IS_ERR(cipher->tfm)) {
		r = PTR_ERR(cipher->tfm);
		cipher->tfm = NULL;
		*ret_error = "Cipher is not available in this kernel";
		return r;
	}
	cipher->iv_size = crypto_skcipher_ivsize(cipher->tfm);
	if (cipher->iv_size < sizeof(u64) || cipher->iv_size > KMSC_IV_MAX ||
	    crypto_skcipher_alignmask(cipher->tfm) >= KMSC_IV_ALIGN)
		return fail(ret_error, "Cipher cannot be set up");
	return 0;
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
	r = crypto_skcipher_setkey(cipher->tfm, key, key_bytes);
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

/* Room that a request for this cipher needs */
unsigned int kmsc_cipher_reqsize(const struct kmsc_cipher *cipher)
{
	return sizeof(struct skcipher_request) +
	       crypto_skcipher_reqsize(cipher->tfm);
}

/* kmsc_cipher_setup - make @req ready for any number of sectors */
void kmsc_cipher_setup(const struct kmsc_cipher *cipher,
		       struct skcipher_request *req, u32 flags,
		       crypto_completion_t done, void *data)
{
	skcipher_request_set_tfm(req, cipher->tfm);
	skcipher_request_set_callback(req, flags, done, data);
}

/**
 * kmsc_cipher_sector - encrypt or decrypt one sector
 * @cipher:	the cipher
 * @req:	made ready with it
 * @dst:	where to, may be @src
 * @src:	where from
 * @len:	bytes of a sector
 * @iv:		KMSC_IV_MAX bytes that live as long as the operation
 * @number:	of the sector, as the IV counts them
 * @encrypt:	or decrypt
 *
 * Return: as crypto_skcipher_encrypt(): -EINPROGRESS or -EBUSY if the
 * callback of @req tells when it is done.
 */
int kmsc_cipher_sector(const struct kmsc_cipher *cipher,
		       struct skcipher_request *req, struct scatterlist *dst,
		       struct scatterlist *src, unsigned int len, u8 *iv,
		       u64 number, bool encrypt)
{
	cipher->iv->generate(iv, cipher->iv_size, number);
	skcipher_request_set_crypt(req, src, dst, len, iv);
	return encrypt ? crypto_skcipher_encrypt(req) :
			 crypto_skcipher_decrypt(req);
}
