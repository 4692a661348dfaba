// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two drivers of xts(aes) as hardware has them, asynchronous by what they say
 * and the kernel's preferred ones. They leave the work to the generic cipher,
 * and count: requests of the one that would allocate memory for each, and
 * pieces of memory that a DMA mapping would misunderstand.
 */
#include <crypto/internal/skcipher.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/scatterlist.h>

#define FALLBACK "xts(ecb(aes-generic))"

static unsigned long requests, allocating, dirty;
module_param(requests, ulong, 0644);
module_param(allocating, ulong, 0644);
module_param(dirty, ulong, 0644);

struct context {
	struct crypto_skcipher *fallback;
};

static bool is_dirty(struct scatterlist *sg)
{
	for (; sg; sg = sg_next(sg)) {
		if (sg_dma_address(sg) || sg_dma_len(sg))
			return true;
#if defined(CONFIG_NEED_SG_DMA_FLAGS) || defined(CONFIG_PCI_P2PDMA)
		if (sg->dma_flags)
			return true;
#endif
	}
	return false;
}

static int crypt(struct skcipher_request *req, bool encrypt)
{
	struct crypto_skcipher *tfm = crypto_skcipher_reqtfm(req);
	struct context *context = crypto_skcipher_ctx(tfm);
	struct skcipher_request *sub = skcipher_request_ctx(req);

	requests++;
	if (crypto_skcipher_alg(tfm)->base.cra_flags &
	    CRYPTO_ALG_ALLOCATES_MEMORY)
		allocating++;
	if (is_dirty(req->src) || is_dirty(req->dst))
		dirty++;
	skcipher_request_set_tfm(sub, context->fallback);
	skcipher_request_set_callback(sub, req->base.flags, NULL, NULL);
	skcipher_request_set_crypt(sub, req->src, req->dst, req->cryptlen,
				   req->iv);
	return encrypt ? crypto_skcipher_encrypt(sub) :
			 crypto_skcipher_decrypt(sub);
}

static int encrypt(struct skcipher_request *req)
{
	return crypt(req, true);
}

static int decrypt(struct skcipher_request *req)
{
	return crypt(req, false);
}

static int setkey(struct crypto_skcipher *tfm, const u8 *key, unsigned int len)
{
	struct context *context = crypto_skcipher_ctx(tfm);

	return crypto_skcipher_setkey(context->fallback, key, len);
}

static int init(struct crypto_skcipher *tfm)
{
	struct context *context = crypto_skcipher_ctx(tfm);
	struct crypto_skcipher *fallback;

	fallback = crypto_alloc_skcipher(FALLBACK, 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(fallback))
		return PTR_ERR(fallback);
	context->fallback = fallback;
	crypto_skcipher_set_reqsize(tfm,
				    sizeof(struct skcipher_request) +
					    crypto_skcipher_reqsize(fallback));
	return 0;
}

static void leave(struct crypto_skcipher *tfm)
{
	struct context *context = crypto_skcipher_ctx(tfm);

	crypto_free_skcipher(context->fallback);
}

#define DRIVER(name, prio, flags)                                          \
	{                                                                  \
		.base.cra_name = "xts(aes)", .base.cra_driver_name = name, \
		.base.cra_priority = prio,                                 \
		.base.cra_flags = CRYPTO_ALG_ASYNC | (flags),              \
		.base.cra_blocksize = 16,                                  \
		.base.cra_ctxsize = sizeof(struct context),                \
		.base.cra_module = THIS_MODULE, .min_keysize = 32,         \
		.max_keysize = 64, .ivsize = 16, .setkey = setkey,         \
		.encrypt = encrypt, .decrypt = decrypt, .init = init,      \
		.exit = leave,                                             \
	}

static struct skcipher_alg drivers[] = {
	DRIVER("xts-kmsc-test", 10000, 0),
	DRIVER("xts-kmsc-test-allocating", 20000, CRYPTO_ALG_ALLOCATES_MEMORY),
};

static int __init driver_test_init(void)
{
	return crypto_register_skciphers(drivers, ARRAY_SIZE(drivers));
}

static void __exit driver_test_exit(void)
{
	crypto_unregister_skciphers(drivers, ARRAY_SIZE(drivers));
}

module_init(driver_test_init);
module_exit(driver_test_exit);

MODULE_DESCRIPTION("Drivers of a cipher that look at what they are given");
MODULE_LICENSE("GPL");
