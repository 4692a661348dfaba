/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AES key schedules, to know what to look for in a machine's memory. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdint.h>

#define SCHEDULE_BLOCK 16
#define SCHEDULE_ROUNDS_MAX 15

struct schedule {
	unsigned int n; /* round keys: 11, 13 or 15 */
	/* as FIPS-197 has them; for decryption in the order of use */
	uint8_t encrypt[SCHEDULE_ROUNDS_MAX][SCHEDULE_BLOCK];
	uint8_t decrypt[SCHEDULE_ROUNDS_MAX][SCHEDULE_BLOCK];
};

/** schedule_make() - of a key of @len bytes: 16, 24 or 32 */
void schedule_make(struct schedule *s, const uint8_t *key, unsigned int len);

#endif
