// SPDX-License-Identifier: GPL-2.0-or-later
/* See schedule.h; FIPS-197, section 5.2 and, for decryption, 5.3.5. */
#include "schedule.h"

#include <string.h>

static uint8_t sbox[256];

static uint8_t times2(uint8_t x)
{
	return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

static uint8_t times(uint8_t x, uint8_t y)
{
	uint8_t sum = 0;

	for (; y; y >>= 1, x = times2(x))
		if (y & 1)
			sum ^= x;
	return sum;
}

static uint8_t rotate(uint8_t x, int by)
{
	return (uint8_t)(x << by | x >> (8 - by));
}

/* The inverse in the field, then the affine map */
static void make_sbox(void)
{
	for (int x = 0; x < 256; x++) {
		uint8_t inverse = 0;

		for (int y = 1; x && y < 256; y++)
			if (times((uint8_t)x, (uint8_t)y) == 1)
				inverse = (uint8_t)y;
		sbox[x] = inverse ^ rotate(inverse, 1) ^ rotate(inverse, 2) ^
			  rotate(inverse, 3) ^ rotate(inverse, 4) ^ 0x63;
	}
}

static void inverse_mix(uint8_t out[4], const uint8_t in[4])
{
	for (int i = 0; i < 4; i++)
		out[i] = times(in[i], 14) ^ times(in[(i + 1) % 4], 11) ^
			 times(in[(i + 2) % 4], 13) ^ times(in[(i + 3) % 4], 9);
}

static void expand(uint8_t *words, unsigned int n, unsigned int key_words)
{
	uint8_t rcon = 1;

	for (unsigned int i = key_words; i < n; i++) {
		uint8_t t[4], first;

		memcpy(t, words + 4 * (i - 1), 4);
		if (i % key_words == 0) {
			first = t[0];
			t[0] = sbox[t[1]] ^ rcon;
			t[1] = sbox[t[2]];
			t[2] = sbox[t[3]];
			t[3] = sbox[first];
			rcon = times2(rcon);
		} else if (key_words > 6 && i % key_words == 4) {
			for (int k = 0; k < 4; k++)
				t[k] = sbox[t[k]];
		}
		for (int k = 0; k < 4; k++)
			words[4 * i + k] = words[4 * (i - key_words) + k] ^
					   t[k];
	}
}

void schedule_make(struct schedule *s, const uint8_t *key, unsigned int len)
{
	unsigned int key_words = len / 4;

	if (!sbox[0])
		make_sbox();
	memset(s, 0, sizeof(*s));
	s->n = key_words + 7;
	memcpy(s->encrypt, key, len);
	expand(s->encrypt[0], s->n * 4, key_words);
	for (unsigned int r = 0; r < s->n; r++) {
		const uint8_t *from = s->encrypt[s->n - 1 - r];

		if (r == 0 || r == s->n - 1) {
			memcpy(s->decrypt[r], from, SCHEDULE_BLOCK);
			continue;
		}
		for (int c = 0; c < SCHEDULE_BLOCK; c += 4)
			inverse_mix(s->decrypt[r] + c, from + c);
	}
}
