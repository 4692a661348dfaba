// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The embedded provider: AES-256-GCM under a random key that root keeps in a
 * file. It protects a disk that leaves the machine, not the machine.
 */
#include "kms/kms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/op.h"
#include "kms/config.h"

#define LOCAL_KEY_LEN 32
#define LOCAL_IV_LEN 12
#define LOCAL_TAG_LEN 16

static int local_open(struct op *op, const struct generation *g,
		      struct kms **ret)
{
	struct kms *kms;

	if (g->local_key.len != LOCAL_KEY_LEN)
		return op_fail(op, g->local_key.len ? -EBADMSG : -ENODATA,
			       "the local key of generation %s is %s", g->id,
			       g->local_key.len ? "damaged" : "missing");
	kms = calloc(1, sizeof(*kms));
	if (!kms)
		return -ENOMEM;
	*ret = kms;
	return 0;
}

static void local_close(struct kms *kms)
{
	free(kms);
}

static int local_check(struct op *op, struct kms *kms, struct kms_health *ret)
{
	(void)op;
	(void)kms;
	ret->credential_s = 0;
	return 0;
}

/*
 * The associated data ties a ciphertext to its generation. The key would do
 * that, too, until somebody copies a key file.
 */
static int start(EVP_CIPHER_CTX *ctx, const struct generation *g,
		 const uint8_t *iv, int encrypt)
{
	int n;

	if (EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), g->local_key.data, iv,
			       encrypt, NULL) != 1)
		return -EIO;
	if (EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)g->id,
			     (int)strlen(g->id)) != 1)
		return -EIO;
	return 0;
}

static int encrypt(EVP_CIPHER_CTX *ctx, const struct generation *g,
		   const struct secret *plain, struct wrapped *w)
{
	int n, r;

	if (RAND_bytes(w->iv, LOCAL_IV_LEN) != 1)
		return -EIO;
	r = start(ctx, g, w->iv, 1);
	if (r < 0)
		return r;
	if (EVP_CipherUpdate(ctx, w->data, &n, plain->data, (int)plain->len) !=
		    1 ||
	    EVP_CipherFinal_ex(ctx, w->data + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, LOCAL_TAG_LEN,
				w->tag) != 1)
		return -EIO;
	w->mode = WRAP_MODE_GCM;
	w->data_len = plain->len;
	w->iv_len = LOCAL_IV_LEN;
	w->tag_len = LOCAL_TAG_LEN;
	return 0;
}

static int local_wrap(struct op *op, struct kms *kms,
		      const struct secret *plain, struct wrapped *ret)
{
	EVP_CIPHER_CTX *ctx;
	int r;

	(void)op;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return -ENOMEM;
	r = encrypt(ctx, kms->generation, plain, ret);
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

static int decrypt(EVP_CIPHER_CTX *ctx, const struct generation *g,
		   const struct wrapped *w, struct secret *plain)
{
	uint8_t tag[LOCAL_TAG_LEN];
	int n, r;

	r = start(ctx, g, w->iv, 0);
	if (r < 0)
		return r;
	memcpy(tag, w->tag, sizeof(tag));
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, LOCAL_TAG_LEN,
				tag) != 1)
		return -EIO;
	if (EVP_CipherUpdate(ctx, plain->data, &n, w->data, (int)w->data_len) !=
		    1 ||
	    EVP_CipherFinal_ex(ctx, plain->data + n, &n) != 1)
		return -EKEYREJECTED;
	return 0;
}

static int local_unwrap(struct op *op, struct kms *kms, const struct wrapped *w,
			struct secret *ret)
{
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;
	EVP_CIPHER_CTX *ctx;
	int r;

	(void)op;
	if (w->mode != WRAP_MODE_GCM || w->iv_len != LOCAL_IV_LEN ||
	    w->tag_len != LOCAL_TAG_LEN || w->data_len > sizeof(w->data))
		return -EKEYREJECTED;
	r = secret_alloc(&plain, w->data_len);
	if (r < 0)
		return r;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return -ENOMEM;
	r = decrypt(ctx, kms->generation, w, &plain);
	EVP_CIPHER_CTX_free(ctx);
	/* what fails its tag is not handed out, and wiped here */
	if (!r)
		secret_move(ret, &plain);
	return r;
}

const struct kms_ops kms_local_ops = {
	.name = "local",
	.open = local_open,
	.close = local_close,
	.check = local_check,
	.wrap = local_wrap,
	.unwrap = local_unwrap,
};
