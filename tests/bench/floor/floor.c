// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one call of the crypto API costs: encrypt and decrypt a sector many
 * times, with everything that can be set up before set up before. Loading the
 * module measures, and writes lines "kmsc_floor: HANDLE OP BYTES NS" to the
 * log, NS in hundredths.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <crypto/skcipher.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

static int calls = 2000;
module_param(calls, int, 0444);
MODULE_PARM_DESC(calls, "how often to call for one figure");

struct trial {
	struct crypto_skcipher *tfm;
	struct skcipher_request *req;
	struct scatterlist src;
	struct scatterlist dst;
	struct page *page;
	struct page *page2;
	u8 iv[32];
};

/* Once to warm up, then for the clock. */
static void measure(struct trial *trial, const char *handle, bool encrypt,
		    unsigned int bytes)
{
	u64 start = 0, ns;
	int i, r = 0;

	sg_init_table(&trial->src, 1);
	sg_init_table(&trial->dst, 1);
	sg_set_page(&trial->src, trial->page, bytes, 0);
	sg_set_page(&trial->dst, encrypt ? trial->page2 : trial->page, bytes,
		    0);
	skcipher_request_set_tfm(trial->req, trial->tfm);
	skcipher_request_set_callback(trial->req, 0, NULL, NULL);
	for (i = -calls; i < calls && !r; i++) {
		if (i == 0)
			start = ktime_get_ns();
		skcipher_request_set_crypt(trial->req, &trial->src, &trial->dst,
					   bytes, trial->iv);
		r = encrypt ? crypto_skcipher_encrypt(trial->req) :
			      crypto_skcipher_decrypt(trial->req);
	}
	ns = ktime_get_ns() - start;
	if (r)
		pr_err("%s: error %d\n", handle, r);
	else
		pr_info("%s %s %u %llu\n", handle, encrypt ? "write" : "read",
			bytes, div_u64(ns * 100, calls));
}

static int try_handle(struct trial *trial, const char *handle)
{
	static const u8 key[64] = { 1, 2, 3 };
	unsigned int bytes;
	int r;

	r = crypto_skcipher_setkey(trial->tfm, key, sizeof(key));
	if (r)
		return r;
	trial->req = skcipher_request_alloc(trial->tfm, GFP_KERNEL);
	if (!trial->req)
		return -ENOMEM;
	for (bytes = 512; bytes <= 4096; bytes *= 8) {
		measure(trial, handle, false, bytes);
		measure(trial, handle, true, bytes);
	}
	skcipher_request_free(trial->req);
	return 0;
}

static int try_name(struct trial *trial, const char *name, u32 type,
		    const char *handle)
{
	int r;

	trial->tfm = crypto_alloc_skcipher(name, type, type);
	if (IS_ERR(trial->tfm))
		return PTR_ERR(trial->tfm);
	r = try_handle(trial, handle);
	crypto_free_skcipher(trial->tfm);
	return r;
}

/* The cipher that one gets, and the one behind it, where there is one. */
static int try_all(struct trial *trial)
{
	char name[CRYPTO_MAX_ALG_NAME];
	struct crypto_skcipher *tfm;
	int r;

	tfm = crypto_alloc_skcipher("xts(aes)", 0, 0);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	snprintf(name, sizeof(name), "__%s",
		 crypto_tfm_alg_driver_name(crypto_skcipher_tfm(tfm)));
	crypto_free_skcipher(tfm);

	r = try_name(trial, "xts(aes)", 0, "public");
	if (!r)
		try_name(trial, name, CRYPTO_ALG_INTERNAL, "internal");
	return r;
}

static int __init floor_init(void)
{
	struct trial *trial;
	int r = -ENOMEM;

	trial = kzalloc(sizeof(*trial), GFP_KERNEL);
	if (!trial)
		return -ENOMEM;
	trial->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	trial->page2 = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (trial->page && trial->page2)
		r = try_all(trial);
	if (trial->page)
		__free_page(trial->page);
	if (trial->page2)
		__free_page(trial->page2);
	kfree(trial);
	return r;
}
module_init(floor_init);

static void __exit floor_exit(void)
{
}
module_exit(floor_exit);

MODULE_DESCRIPTION("Measure the crypto API");
MODULE_LICENSE("GPL");
