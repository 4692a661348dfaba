/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random words and bytes, the same for the same seed. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t hostile_state;

/* splitmix64, which is good enough to be hostile with */
static inline uint64_t hostile_next(void)
{
	uint64_t z = hostile_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline unsigned int hostile_below(unsigned int n)
{
	return (unsigned int)(hostile_next() % n);
}

/* A few bits, bytes or values at the edge, anywhere in @bytes */
static inline void hostile_bytes(uint8_t *bytes, unsigned int len)
{
	static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xff };
	unsigned int n = 1 + hostile_below(4);

	while (n--) {
		unsigned int at = hostile_below(len);

		switch (hostile_below(3)) {
		case 0:
			bytes[at] ^= (uint8_t)(1U << hostile_below(8));
			break;
		case 1:
			bytes[at] = (uint8_t)hostile_next();
			break;
		default:
			for (unsigned int i = at; i < len && i < at + 8; i++)
				bytes[i] = edges[hostile_below(5)];
		}
	}
}

#endif
