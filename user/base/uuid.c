// SPDX-License-Identifier: GPL-2.0-or-later
/* See uuid.h. */
#include "base/uuid.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/rand.h>

int uuid_random(uint8_t ret[UUID_BYTES])
{
	if (RAND_bytes(ret, UUID_BYTES) != 1)
		return -EIO;
	ret[6] = (ret[6] & 0x0f) | 0x40; /* version */
	ret[8] = (ret[8] & 0x3f) | 0x80; /* variant */
	return 0;
}

void uuid_text(const uint8_t b[UUID_BYTES], char ret[UUID_TEXT_LEN + 1])
{
	snprintf(ret, UUID_TEXT_LEN + 1,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
		 b[10], b[11], b[12], b[13], b[14], b[15]);
}
