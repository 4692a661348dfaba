/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the number of a sector becomes before it enters the cipher: dm-crypt's
 * IV modes, bit for bit
 *
 * essiv is not one of them: there the crypto API encrypts a plain64 IV.
 */
#ifndef _KMSC_IV_H
#define _KMSC_IV_H

#include <asm/byteorder.h>
#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>

#define KMSC_IV_MAX 32 /* bytes of IV, any supported cipher */

enum kmsc_iv_mode {
	KMSC_IV_PLAIN64, /* little-endian */
	KMSC_IV_PLAIN, /* the lower half of it: repeats every 2 TiB */
	KMSC_IV_PLAIN64BE, /* big-endian, at the end */
	KMSC_IV_BENBI, /* the same for LRW: counts cipher blocks, from 1 */
	KMSC_IV_NULL,
	KMSC_IV_RANDOM, /* and kept, so only where there is room: aead.h */
};

/**
 * struct kmsc_iv - how to make an IV
 * @mode:	the rule
 * @size:	bytes that the cipher uses of it, 8 to KMSC_IV_MAX
 * @shift:	for benbi, from 512-byte sectors to cipher blocks
 */
struct kmsc_iv {
	enum kmsc_iv_mode mode;
	unsigned int size;
	unsigned int shift;
};

int kmsc_iv_mode(const char *name, enum kmsc_iv_mode *ret);
int kmsc_iv_init(struct kmsc_iv *iv, enum kmsc_iv_mode mode, unsigned int size,
		 unsigned int block);
void kmsc_iv_rare(const struct kmsc_iv *iv, u8 out[KMSC_IV_MAX], u64 number);

/*
 * kmsc_iv_make - fill all of @out, whatever the cipher uses of it
 *
 * Once a sector: the mode that nearly all volumes have costs no call.
 */
static inline void kmsc_iv_make(const struct kmsc_iv *iv, u8 out[KMSC_IV_MAX],
				u64 number)
{
	__le64 le = cpu_to_le64(number);

	memset(out, 0, KMSC_IV_MAX);
	if (likely(iv->mode == KMSC_IV_PLAIN64))
		memcpy(out, &le, sizeof(le));
	else
		kmsc_iv_rare(iv, out, number);
}

#endif /* _KMSC_IV_H */
