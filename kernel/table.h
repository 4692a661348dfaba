/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The target's table line: one parser, one emitter
 *
 * What ti->error can say because of the line alone (user interface; README
 * explains each, tests compare them):
 *
 *   Wrong number of arguments
 *   Cipher specification is too long or malformed
 *   A raw key in a table is refused: use :<bytes>:kmscrypt:<uuid>
 *   Key length must be a number from 1 to 96
 *   Key type must be kmscrypt
 *   Volume UUID must be 36 lower-case characters
 *   IV offset is not a number
 *   Device offset is not a number
 *   Number of options does not match
 *   Unknown option
 *   integrity must be <tag bytes>:aead, with 1 to 480 bytes
 *   Option integrity_key_size is not supported
 *   Option is given twice
 *   sector_size must be 512, 1024, 2048 or 4096
 *   IV offset is not a multiple of the sector size
 *   Offset is not a multiple of the sector size
 *   Length is not a multiple of the sector size
 */
#ifndef _KMSC_TABLE_H
#define _KMSC_TABLE_H

#include <linux/bits.h>
#include <linux/types.h>

#include "params.h"

#define KMSC_OPT_ALLOW_DISCARDS BIT(0)
#define KMSC_OPT_IV_LARGE_SECTORS BIT(1)
#define KMSC_OPT_SAME_CPU_CRYPT BIT(2)
#define KMSC_OPT_HIGH_PRIORITY BIT(3)
#define KMSC_OPT_SUBMIT_FROM_CRYPT_CPUS BIT(4)
#define KMSC_OPT_NO_READ_WORKQUEUE BIT(5)
#define KMSC_OPT_NO_WRITE_WORKQUEUE BIT(6)

/**
 * struct kmsc_table - a parsed table line
 * @params:	what is compared with the key's binding
 * @uuid:	volume UUID
 * @options:	KMSC_OPT_* bits
 */
struct kmsc_table {
	struct kmsc_params params;
	char uuid[KMSC_UUID_STR_LEN + 1];
	unsigned long options;
};

/* Room for any line that kmsc_table_emit() makes of a parsed one. */
#define KMSC_TABLE_LINE_MAX 512

int kmsc_table_parse(struct kmsc_table *table, unsigned int argc, char **argv,
		     u64 len, const char **ret_device, char **why);
int kmsc_table_emit(const struct kmsc_table *table, const char *device,
		    char *buf, size_t size);
int kmsc_table_selftest(void);

#endif /* _KMSC_TABLE_H */
