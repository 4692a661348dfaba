/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UUIDs (RFC 4122): random ones, and how they are written */
#ifndef _BASE_UUID_H
#define _BASE_UUID_H

#include <stdint.h>

#define UUID_BYTES 16
#define UUID_TEXT_LEN 36

/** uuid_random() - a new one, of version 4. Return: 0, -EIO. */
int uuid_random(uint8_t ret[UUID_BYTES]);

/** uuid_text() - in lower case, with hyphens and a NUL */
void uuid_text(const uint8_t uuid[UUID_BYTES], char ret[UUID_TEXT_LEN + 1]);

#endif
