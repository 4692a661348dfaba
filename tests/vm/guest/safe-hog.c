// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wants more memory than there is, or writes files through the page cache, and
 * says whether each page still holds what was put there.
 *
 * usage: safe-hog memory MIB SECONDS
 *        safe-hog file PATH MIB SECONDS
 *        safe-hog asked MIB
 *
 * The first two change and check pages at random for so long, then check them
 * all and print "checked=N wrong=N"; the status is 0 if nothing was wrong. The
 * third does what its standard input says, with a line for an answer: "out"
 * tells the kernel to swap all out, and says how much is out; "put N" changes
 * the first N pages; "check N" looks at them, and says how many could not be
 * read, a SIGBUS each.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define WORDS (PAGE / sizeof(uint64_t))

/* the kernel's value, which older C libraries do not name */
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static uint64_t *memory;
static uint32_t *turns, turn;
static unsigned long count, checked, wrong, failed;
static int file = -1;
static sigjmp_buf unreadable;

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

/* How many pages are not in memory */
static unsigned long absent(void)
{
	unsigned char *here = malloc(count);
	unsigned long i, n = 0;

	if (!here || mincore(memory, count * PAGE, here))
		die("mincore");
	for (i = 0; i < count; i++)
		n += !(here[i] & 1);
	free(here);
	return n;
}

static void bus_error(int sig)
{
	(void)sig;
	siglongjmp(unreadable, 1);
}

static void try(unsigned long i)
{
	if (sigsetjmp(unreadable, 1))
		failed++;
	else
		get(i);
}

static int asked(void)
{
	struct sigaction action = { .sa_handler = bus_error };
	unsigned long i, n;
	char line[64];

	if (sigaction(SIGBUS, &action, NULL))
		die("sigaction");
	setvbuf(stdout, NULL, _IOLBF, 0);
	all(put);
	while (fgets(line, sizeof(line), stdin)) {
		checked = failed = 0;
		if (sscanf(line, "check %lu", &n) == 1) {
			for (i = 0; i < n && i < count; i++)
				try(i);
			printf("checked=%lu failed=%lu wrong=%lu\n", checked,
			       failed, wrong);
		} else if (sscanf(line, "put %lu", &n) == 1) {
			for (i = 0; i < n && i < count; i++)
				put(i);
			printf("put=%lu\n", n);
		} else if (!madvise(memory, count * PAGE, MADV_PAGEOUT)) {
			printf("out=%lu\n", absent());
		} else {
			die("madvise");
		}
	}
	return wrong != 0;
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
	} else if (argc == 3 && !strcmp(argv[1], "asked")) {
		count_set(argv[2]);
		memory_get();
		return asked();
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
