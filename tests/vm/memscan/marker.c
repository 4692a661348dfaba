// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * usage: marker		print it, in hex
 *	  marker FILE MIB	fill a file with it
 *
 * Sixteen bytes that are nowhere but where this program has put them: it makes
 * them when it runs.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP (1024 * 1024)

static void make(uint8_t marker[16])
{
	/* not known to the compiler, which would do the sum itself */
	uint64_t state = (uint64_t)getpagesize() * 0x9e3779b97f4a7c15;

	for (int i = 0; i < 16; i++) {
		state = state * 6364136223846793005 + 1442695040888963407;
		marker[i] = (uint8_t)(state >> 33);
	}
}

int main(int argc, char **argv)
{
	static uint8_t step[STEP];
	uint8_t marker[16];
	int fd;

	make(marker);
	if (argc != 3) {
		for (int i = 0; i < 16; i++)
			printf("%02x", marker[i]);
		putchar('\n');
		return 0;
	}
	for (int i = 0; i < STEP; i += 16)
		memcpy(step + i, marker, 16);
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	for (int n = atoi(argv[2]); n > 0; n--)
		if (write(fd, step, STEP) != STEP) {
			perror("marker");
			return 1;
		}
	return fsync(fd) < 0;
}
