/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What to look for: secrets, in all the forms in which they could lie about. */
#ifndef PATTERNS_H
#define PATTERNS_H

#include <stdint.h>
#include <stdio.h>

#define PATTERN_MIN 16 /* bytes: shorter ones are in any memory by chance */
#define PATTERN_MAX 32

struct pattern {
	uint8_t bytes[PATTERN_MAX];
	unsigned int len;
	char name[24]; /* of the secret, and which part of it */
	const char *form; /* raw, hex, HEX, base64-0, base64-1, base64-2 */
};

struct patterns {
	struct pattern *all;
	size_t n;
};

/** patterns_add() - 16 bytes at @block in each form */
void patterns_add(struct patterns *p, const char *name, const uint8_t *block);

/**
 * patterns_read() - from lines "key NAME HEX" and "bytes NAME HEX"
 *
 * A key is one of AES-XTS: each round key of both its halves, for encryption
 * and decryption, is looked for; the first ones are the key itself. Of bytes it
 * is each block of 16. Return: 0, or -1 when a line is malformed.
 */
int patterns_read(struct patterns *p, FILE *from);

#endif
