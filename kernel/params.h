/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a volume is encrypted: what a table asks for, and what a key is bound to
 */
#ifndef _KMSC_PARAMS_H
#define _KMSC_PARAMS_H

#include <linux/types.h>

#include <uapi/kmscrypt.h>

/**
 * struct kmsc_params - one side of the comparison that binds a key
 * @cipher:	cipher spec, NUL-padded
 * @integrity:	integrity spec (see aead.h), NUL-padded; empty: none
 * @key_bytes:	length of the volume key
 * @sector_size: bytes of an encryption sector
 * @flags:	KMSC_DESC_* bits
 * @iv_offset:	added to the IV's sector number, in 512-byte sectors
 * @offset:	where the data starts on the device, in 512-byte sectors
 * @len:	of the data, in 512-byte sectors; on a key's side, 0 is any
 */
struct kmsc_params {
	char cipher[KMSC_CIPHER_MAX];
	char integrity[KMSC_INTEGRITY_MAX];
	u32 key_bytes;
	u32 sector_size;
	u32 flags;
	u64 iv_offset;
	u64 offset;
	u64 len;
};

bool kmsc_params_same(const struct kmsc_params *a, const struct kmsc_params *b);
char *kmsc_params_difference(const struct kmsc_params *bound,
			     const struct kmsc_params *asked);

#endif /* _KMSC_PARAMS_H */
