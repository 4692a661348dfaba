/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways in which a KMIP server can encrypt a capsule, and what each looks
 * like. Pure code. Which one is taken is found out once, by a round trip, and
 * pinned in the entry (kmip.c).
 */
#ifndef _KMS_KMIP_MODE_H
#define _KMS_KMIP_MODE_H

#include <stdbool.h>
#include <stddef.h>

#include "kms/wrapped.h"
#include "wire/kmip-msg.h"

struct kmip_mode {
	enum wrap_mode mode;
	const char *name; /* for people */
	enum kmip_block_mode block;
	enum kmip_padding padding; /* 0: none */
	size_t iv_len; /* ours, random, new for each wrap */
	size_t tag_len; /* of the tag in a field of its own (KMIP 1.4), or 0 */
	size_t grows; /* bytes that the ciphertext of a capsule is longer */
};

/* In the order of our liking; CBC is last and has to be allowed. */
#define KMIP_MODES 4
extern const struct kmip_mode kmip_modes[KMIP_MODES];

/** kmip_mode_of() - the row of @mode; NULL for one that is not KMIP's */
const struct kmip_mode *kmip_mode_of(enum wrap_mode mode);

/** kmip_mode_fits() - has @w, from a header, the form that @m makes? */
bool kmip_mode_fits(const struct kmip_mode *m, const struct wrapped *w);

/**
 * kmip_mode_take() - the server's answer to Encrypt into @ret
 * @ret: has our IV
 *
 * A server that has no field for the tag appends it or, worse, forgets it: the
 * lengths tell, and only what can be unwrapped again may be kept.
 * Return: NULL, or what is wrong with it.
 */
const char *kmip_mode_take(const struct kmip_mode *m,
			   const struct kmip_crypto *c, size_t plain_len,
			   struct wrapped *ret);

#endif
