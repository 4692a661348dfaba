// SPDX-License-Identifier: GPL-2.0-only
/*
 * An authenticated cipher, see aead.h. What it produces must be, bit for bit,
 * what dm-crypt produces.
 */
#include "aead.h"

#include <crypto/authenc.h>
#include <crypto/hash.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cipher.h"
#include "spec.h"

/**
 * struct kmsc_aead - a keyed authenticated cipher
 * @tfm:	may be asynchronous
 * @iv:		how to make an IV
 * @auth:	bytes of the authentication tag
 * @stored:	the IV is in the metadata, behind the authentication tag
 */
struct kmsc_aead {
	struct crypto_aead *tfm;
	struct kmsc_iv iv;
	unsigned int auth;
	bool stored;
};

static int fail(char **ret_error, char *text)
{
	*ret_error = text;
	return -EINVAL;
}

/*
 * kmsc_aead_tag_bytes - read an integrity spec, <tag bytes>:aead
 *
 * Return: bytes of metadata that a sector has, or -EINVAL. There is but one
 * way to write a spec, so that specs can be compared as strings.
 */
int kmsc_aead_tag_bytes(const char *integrity)
{
	size_t digits = strspn(integrity, "0123456789");
	unsigned int bytes = 0;
	size_t i;

	if (!digits || digits > 3 || integrity[0] == '0' ||
	    strcmp(integrity + digits, ":aead"))
		return -EINVAL;
	for (i = 0; i < digits; i++)
		bytes = bytes * 10 + integrity[i] - '0';
	return bytes <= KMSC_TAG_MAX ? (int)bytes : -EINVAL;
}

/* authenc(<mac>,<cipher>), which essiv may be around, or NULL */
static const char *authenc_mac(const struct kmsc_spec *spec)
{
	const char *name = spec->alg;

	if (strstarts(name, "essiv("))
		name += strlen("essiv(");
	if (!strstarts(name, "authenc("))
		return NULL;
	return name + strlen("authenc(");
}

/* Bytes of the MAC's key, which are as many as it produces; 0: it has none */
static int mac_key_bytes(const struct kmsc_spec *spec)
{
	const char *mac = authenc_mac(spec);
	char name[CRYPTO_MAX_ALG_NAME];
	struct crypto_ahash *tfm;
	size_t len;
	int r;

	if (!mac)
		return 0;
	len = strcspn(mac, ",");
	if (len >= sizeof(name))
		return -EINVAL;
	memcpy(name, mac, len);
	name[len] = '\0';
	tfm = crypto_alloc_ahash(name, 0, 0);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	r = crypto_ahash_digestsize(tfm);
	crypto_free_ahash(tfm);
	return r;
}

/* kmsc_aead_mac_bytes - bytes of the volume key that are a MAC's; or -errno */
int kmsc_aead_mac_bytes(const struct kmsc_params *params)
{
	struct kmsc_spec spec;
	char *unused;
	int r = kmsc_spec_parse(&spec, params->cipher, &unused);

	return r ? r : mac_key_bytes(&spec);
}

/*
 * A volume key is the cipher's key and then the MAC's. authenc() wants it the
 * other way round, behind an attribute that says where the one ends.
 */
static int set_authenc_key(struct kmsc_aead *aead, const u8 *key,
			   unsigned int key_bytes, unsigned int mac_bytes)
{
	struct crypto_authenc_key_param *param;
	u8 buf[RTA_SPACE(sizeof(*param)) + KMSC_KEY_MAX] __aligned(RTA_ALIGNTO);
	struct rtattr *rta = (struct rtattr *)buf;
	u8 *p = buf + RTA_SPACE(sizeof(*param));
	int r;

	if (key_bytes <= mac_bytes || key_bytes > KMSC_KEY_MAX)
		return -EINVAL;
	rta->rta_len = RTA_LENGTH(sizeof(*param));
	rta->rta_type = CRYPTO_AUTHENC_KEYA_PARAM;
	param = RTA_DATA(rta);
	param->enckeylen = cpu_to_be32(key_bytes - mac_bytes);
	memcpy(p, key + key_bytes - mac_bytes, mac_bytes);
	memcpy(p + mac_bytes, key, key_bytes - mac_bytes);
	r = crypto_aead_setkey(aead->tfm, buf, p + key_bytes - buf);
	memzero_explicit(buf, sizeof(buf));
	return r;
}

static int set_key(struct kmsc_aead *aead, const struct kmsc_spec *spec,
		   const u8 *key, unsigned int key_bytes)
{
	int mac_bytes = mac_key_bytes(spec);

	if (mac_bytes < 0)
		return mac_bytes;
	if (!mac_bytes)
		return crypto_aead_setkey(aead->tfm, key, key_bytes);
	return set_authenc_key(aead, key, key_bytes, mac_bytes);
}

static int set_iv(struct kmsc_aead *aead, const struct kmsc_spec *spec,
		  unsigned int tag_bytes, char **ret_error)
{
	unsigned int ivsize = crypto_aead_ivsize(aead->tfm);

	if (!ivsize)
		return fail(ret_error, "Cipher takes no IV");
	if (kmsc_iv_init(&aead->iv, spec->iv, ivsize,
			 crypto_aead_blocksize(aead->tfm)) ||
	    crypto_aead_alignmask(aead->tfm) >= KMSC_IV_ALIGN)
		return fail(ret_error, "Cipher cannot be set up");
	aead->stored = spec->iv == KMSC_IV_RANDOM;
	/*
	 * GCM and its like give away their authentication key when they see
	 * an IV twice, as they would at the second write of a sector.
	 */
	if (!aead->stored && !authenc_mac(spec))
		return fail(ret_error,
			    "Authenticated cipher needs IV mode random");
	aead->auth = tag_bytes - (aead->stored ? ivsize : 0);
	if (tag_bytes <= (aead->stored ? ivsize : 0) ||
	    crypto_aead_setauthsize(aead->tfm, aead->auth))
		return fail(ret_error, "Tag size does not fit the cipher");
	return 0;
}

static int setup(struct kmsc_aead *aead, const struct kmsc_params *params,
		 const struct kmsc_spec *spec, const u8 *key, char **ret_error)
{
	struct crypto_aead *tfm;
	int r;

	/* Not one that allocates memory for each request */
	tfm = crypto_alloc_aead(spec->alg, 0, CRYPTO_ALG_ALLOCATES_MEMORY);
	if (IS_ERR(tfm)) {
		*ret_error =
			"Authenticated cipher is not available in this kernel";
		return PTR_ERR(tfm);
	}
	aead->tfm = tfm;
	r = set_iv(aead, spec, kmsc_aead_tag_bytes(params->integrity),
		   ret_error);
	if (r)
		return r;
	r = set_key(aead, spec, key, params->key_bytes);
	if (r)
		*ret_error = "Key length does not fit the cipher";
	return r;
}

/**
 * kmsc_aead_alloc - make a keyed authenticated cipher
 * @ret:	gets it
 * @params:	with an integrity spec
 * @spec:	their cipher, taken apart
 * @key:	the key, not kept: wipe it
 * @ret_error:	what is wrong, on failure
 */
int kmsc_aead_alloc(struct kmsc_aead **ret, const struct kmsc_params *params,
		    const struct kmsc_spec *spec, const u8 *key,
		    char **ret_error)
{
	struct kmsc_aead *aead;
	int r;

	if (kmsc_aead_tag_bytes(params->integrity) < 0)
		return fail(ret_error, "Tag size does not fit the cipher");
	if (!spec->capi)
		return fail(ret_error,
			    "Authenticated cipher needs capi:name-iv");
	aead = kzalloc(sizeof(*aead), GFP_KERNEL);
	if (!aead) {
		*ret_error = "Cipher cannot be set up";
		return -ENOMEM;
	}
	r = setup(aead, params, spec, key, ret_error);
	if (r) {
		kmsc_aead_free(aead);
		return r;
	}
	*ret = aead;
	return 0;
}

/* The crypto API clears a handle, round keys and all, when it frees it. */
void kmsc_aead_free(struct kmsc_aead *aead)
{
	if (!aead)
		return;
	if (aead->tfm)
		crypto_free_aead(aead->tfm);
	kfree(aead);
}

/* Room that a request needs */
unsigned int kmsc_aead_reqsize(const struct kmsc_aead *aead)
{
	return sizeof(struct aead_request) + crypto_aead_reqsize(aead->tfm);
}

/* Of the metadata, what authenticates */
unsigned int kmsc_aead_auth_bytes(const struct kmsc_aead *aead)
{
	return aead->auth;
}

/* Of a struct kmsc_aead_head, what is authenticated */
unsigned int kmsc_aead_head_bytes(const struct kmsc_aead *aead)
{
	return offsetof(struct kmsc_aead_head, iv) + aead->iv.size;
}

/*
 * kmsc_aead_setup - make @req ready for any number of sectors
 *
 * Process context; @wait is what to wait with if a sector takes its time.
 */
void kmsc_aead_setup(const struct kmsc_aead *aead, struct aead_request *req,
		     struct crypto_wait *wait)
{
	/* No CRYPTO_TFM_REQ_MAY_SLEEP, as in kmsc_cipher_setup() */
	aead_request_set_tfm(req, aead->tfm);
	aead_request_set_callback(req, CRYPTO_TFM_REQ_MAY_BACKLOG,
				  crypto_req_done, wait);
	aead_request_set_ad(req, kmsc_aead_head_bytes(aead));
}

/**
 * kmsc_aead_sector - encrypt or decrypt one sector
 * @aead:	the cipher
 * @req:	of kmsc_aead_setup(); aead_request_set_crypt() says the rest
 * @head:	its number is there, its IV is filled in
 * @tag:	the sector's metadata: filled in, or to be checked
 * @number:	of the sector, as the IV counts them
 * @encrypt:	or decrypt
 *
 * Return: for crypto_wait_req(). -EBADMSG: it is not authentic.
 */
int kmsc_aead_sector(const struct kmsc_aead *aead, struct aead_request *req,
		     struct kmsc_aead_head *head, u8 *tag, u64 number,
		     bool encrypt)
{
	u8 *stored = tag + aead->auth;

	if (aead->stored && !encrypt)
		memcpy(head->iv, stored, aead->iv.size);
	else
		kmsc_iv_make(&aead->iv, head->iv, number);
	if (aead->stored && encrypt)
		memcpy(stored, head->iv, aead->iv.size);
	/* A copy of its own: the cipher may change it. */
	memcpy(req->iv, head->iv, aead->iv.size);
	return encrypt ? crypto_aead_encrypt(req) : crypto_aead_decrypt(req);
}
