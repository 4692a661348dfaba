// SPDX-License-Identifier: GPL-2.0-or-later
/* See kmip-mode.h. */
#include "kms/kmip-mode.h"

#include <string.h>

#include <uapi/kmscrypt.h>

#define BLOCK 16

const struct kmip_mode kmip_modes[KMIP_MODES] = {
	{ WRAP_MODE_GCM, "AES-GCM", KMIP_MODE_GCM, 0, KMIP_GCM_IV_BYTES,
	  KMIP_GCM_TAG_BYTES, 0 },
	{ WRAP_MODE_GCM_APPENDED, "AES-GCM with the tag at the end",
	  KMIP_MODE_GCM, 0, KMIP_GCM_IV_BYTES, 0, KMIP_GCM_TAG_BYTES },
	/* the capsule's own MAC is what notices a change */
	{ WRAP_MODE_CTR, "AES-CTR", KMIP_MODE_CTR, 0, BLOCK, 0, 0 },
	/* padded by a whole block, as a capsule is a multiple of blocks */
	{ WRAP_MODE_CBC, "AES-CBC", KMIP_MODE_CBC, KMIP_PADDING_PKCS5, BLOCK, 0,
	  BLOCK },
};

const struct kmip_mode *kmip_mode_of(enum wrap_mode mode)
{
	for (size_t i = 0; i < KMIP_MODES; i++)
		if (kmip_modes[i].mode == mode)
			return &kmip_modes[i];
	return NULL;
}

bool kmip_mode_fits(const struct kmip_mode *m, const struct wrapped *w)
{
	return w->mode == m->mode && w->data_len > m->grows &&
	       w->data_len <= KMSC_CAPSULE_SIZE + m->grows &&
	       w->iv_len == m->iv_len && w->tag_len == m->tag_len;
}

const char *kmip_mode_take(const struct kmip_mode *m,
			   const struct kmip_crypto *c, size_t plain_len,
			   struct wrapped *ret)
{
	if (m->tag_len && !c->tag)
		return "the server encrypts without giving a tag";
	if (!m->tag_len && c->tag)
		return "the server gives a tag that was not asked for";
	if (c->tag_len != m->tag_len || c->data_len != plain_len + m->grows ||
	    c->data_len > sizeof(ret->data))
		return "ciphertext or tag has a wrong length";
	if (c->iv && (c->iv_len != ret->iv_len ||
		      memcmp(c->iv, ret->iv, c->iv_len) != 0))
		return "the server did not take our IV";
	memcpy(ret->data, c->data, c->data_len);
	ret->data_len = c->data_len;
	if (c->tag_len)
		memcpy(ret->tag, c->tag, c->tag_len);
	ret->tag_len = c->tag_len;
	return NULL;
}
