/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table line of the contract (include/uapi/kmscrypt.h), as text. Pure. */
#ifndef _VOLUME_MAPPING_TABLE_H
#define _VOLUME_MAPPING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

#include "volume/header.h"

struct op;

#define MAPPING_DEVICE_MAX 1024

/* One line of a table. */
struct mapping_table {
	uint64_t start; /* 512-byte sectors */
	uint64_t len; /* 512-byte sectors */
	char cipher[KMSC_CIPHER_MAX];
	uint32_t key_bytes;
	char uuid[KMSC_UUID_STR_LEN + 1];
	uint64_t iv_offset; /* 512-byte sectors */
	char device[MAPPING_DEVICE_MAX]; /* path or major:minor */
	uint64_t offset; /* 512-byte sectors */
	uint32_t sector_size; /* bytes */
	uint32_t flags; /* KMSC_DESC_* */
	bool allow_discards;
	char integrity[KMSC_INTEGRITY_MAX]; /* <tag bytes>:aead, "": none */
	/* With it @device is a dm-integrity device, which stands on: */
	char beneath[MAPPING_DEVICE_MAX]; /* path, "": none */
	uint64_t beneath_offset; /* 512-byte sectors */
	bool no_journal; /* what is cut off half-way is lost anyway */
	char options[256]; /* further ones, spaces between */
};

/**
 * mapping_fill() - the table that opens the volume of @h
 * @device:	path of the data device (no blanks)
 * @key_bytes, @flags:	of the binding
 * @len:	luks_data_sectors()
 *
 * With integrity tags the table's device is /dev/mapper/<uuid>_dif, which
 * mapping_create() makes with the name that it is given.
 * Return: 0, -EINVAL (path does not fit or holds blanks), -EOPNOTSUPP.
 */
int mapping_fill(struct op *op, const struct header *h, const char *device,
		 uint32_t key_bytes, uint32_t flags, uint64_t len,
		 struct mapping_table *ret);

/** mapping_params() - all after the target's name; the caller frees it. */
int mapping_params(const struct mapping_table *t, char **ret);

/**
 * mapping_beneath_params() - the same for the dm-integrity device, of a table
 * that has one; cryptsetup's options
 */
int mapping_beneath_params(const struct mapping_table *t, char **ret);

/** mapping_beneath_line() - "<start> <len> integrity <params>" */
int mapping_beneath_line(const struct mapping_table *t, char **ret);

/** mapping_line() - "<start> <len> kmscrypt <params>"; the caller frees it. */
int mapping_line(const struct mapping_table *t, char **ret);

#endif
