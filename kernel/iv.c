// SPDX-License-Identifier: GPL-2.0-only
/*
 * IV modes: their names, and those that are not worth a place in iv.h
 */
#include "iv.h"

#include <linux/blk_types.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/random.h>

static const char *const names[] = {
	[KMSC_IV_PLAIN64] = "plain64",	   [KMSC_IV_PLAIN] = "plain",
	[KMSC_IV_PLAIN64BE] = "plain64be", [KMSC_IV_BENBI] = "benbi",
	[KMSC_IV_NULL] = "null",	   [KMSC_IV_RANDOM] = "random",
};

/* kmsc_iv_mode - the mode of that name, or -EINVAL */
int kmsc_iv_mode(const char *name, enum kmsc_iv_mode *ret)
{
	int r = match_string(names, ARRAY_SIZE(names), name);

	if (r < 0)
		return -EINVAL;
	*ret = r;
	return 0;
}

/**
 * kmsc_iv_init - fit a mode to a cipher
 * @iv:		filled in
 * @mode:	the rule
 * @size:	bytes of the cipher's IV
 * @block:	bytes of its block
 *
 * Return: 0, or -EINVAL if they do not fit together.
 */
int kmsc_iv_init(struct kmsc_iv *iv, enum kmsc_iv_mode mode, unsigned int size,
		 unsigned int block)
{
	if (size < sizeof(u64) || size > KMSC_IV_MAX)
		return -EINVAL;
	if (!is_power_of_2(block) || block > SECTOR_SIZE)
		return -EINVAL;
	iv->mode = mode;
	iv->size = size;
	iv->shift = SECTOR_SHIFT - ilog2(block);
	return 0;
}

static void put_be64_last(const struct kmsc_iv *iv, u8 *out, u64 value)
{
	__be64 be = cpu_to_be64(value);

	memcpy(out + iv->size - sizeof(be), &be, sizeof(be));
}

/* kmsc_iv_rare - for kmsc_iv_make(); @out is zeroed */
void kmsc_iv_rare(const struct kmsc_iv *iv, u8 out[KMSC_IV_MAX], u64 number)
{
	__le32 le = cpu_to_le32(lower_32_bits(number));

	switch (iv->mode) {
	case KMSC_IV_PLAIN:
		memcpy(out, &le, sizeof(le));
		break;
	case KMSC_IV_PLAIN64BE:
		put_be64_last(iv, out, number);
		break;
	case KMSC_IV_BENBI:
		put_be64_last(iv, out, (number << iv->shift) + 1);
		break;
	case KMSC_IV_RANDOM:
		get_random_bytes(out, iv->size);
		break;
	case KMSC_IV_PLAIN64:
	case KMSC_IV_NULL:
		break;
	}
}
