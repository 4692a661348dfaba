// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wants more memory than there is, or writes files through the page cache, and
 * says whether each page still holds what was put there.
 *
 * usage: safe-hog memory MIB SECONDS
 *        safe-hog file PATH MIB SECONDS
 *
 * Changes and checks pages at random for so long, then checks them all and
 * prints "checked=N wrong=N"; the status is 0 if nothing was wrong.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define WORDS (PAGE / sizeof(uint64_t))

static uint64_t *memory;
static uint32_t *turns, turn;
static unsigned long count, checked, wrong;
static int file = -1;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static uint64_t first_word(unsigned long i)
{
	return ((uint64_t)turns[i] << 32 | i) + 1;
}

static uint64_t next(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

static void fill(uint64_t *page, unsigned long i)
{
	uint64_t x = first_word(i);
	unsigned int w;

	for (w = 0; w < WORDS; w++, x = next(x))
		page[w] = x;
}

static void look(const uint64_t *page, unsigned long i)
{
	uint64_t x = first_word(i);
	unsigned int w;

	checked++;
	for (w = 0; w < WORDS; w++, x = next(x))
		if (page[w] != x) {
			if (!wrong++)
				fprintf(stderr, "page %lu: %016llx at %u\n", i,
					(unsigned long long)page[w], w);
			return;
		}
}

/* A page of the file is in a buffer meanwhile. */
static void put(unsigned long i)
{
	uint64_t page[WORDS];

	turns[i] = ++turn;
	if (file < 0) {
		fill(memory + i * WORDS, i);
		return;
	}
	fill(page, i);
	if (pwrite(file, page, PAGE, (off_t)i * PAGE) != PAGE)
		die("write");
}

static void get(unsigned long i)
{
	uint64_t page[WORDS];

	if (file < 0) {
		look(memory + i * WORDS, i);
		return;
	}
	if (pread(file, page, PAGE, (off_t)i * PAGE) != PAGE)
		die("read");
	look(page, i);
}

static void all(void (*op)(unsigned long))
{
	unsigned long i;

	for (i = 0; i < count; i++)
		op(i);
}

static void some(int seconds)
{
	time_t end = time(NULL) + seconds;
	unsigned long n, i;

	for (n = 1; time(NULL) < end; n++) {
		i = random() % count;
		get(i);
		if (n % 2)
			put(i);
		if (file >= 0 && n % 1024 == 0 && fdatasync(file))
			die("fdatasync");
	}
}

static void count_set(const char *mib)
{
	count = strtoul(mib, NULL, 10) * 1024 * 1024 / PAGE;
	turns = calloc(count, sizeof(*turns));
	if (!count || !turns)
		die("nothing to do");
	srandom(count);
}

static void memory_get(void)
{
	memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	/* whole huge pages are split before they go: not what is tested */
	if (memory == MAP_FAILED ||
	    madvise(memory, count * PAGE, MADV_NOHUGEPAGE))
		die("mmap");
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "file")) {
		count_set(argv[3]);
		file = open(argv[2], O_RDWR | O_CREAT, 0600);
		if (file < 0)
			die(argv[2]);
	} else if (argc == 4 && !strcmp(argv[1], "memory")) {
		count_set(argv[2]);
		memory_get();
	} else {
		return 2;
	}

	all(put);
	some(atoi(argv[argc - 1]));
	if (file >= 0 &&
	    (fsync(file) || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)))
		die("fsync");
	all(get);
	printf("checked=%lu wrong=%lu\n", checked, wrong);
	return wrong != 0;
}
