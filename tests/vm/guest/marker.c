// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A marker on a file system, and in the machine's memory.
 *
 *	marker print		the sixteen bytes that it is, in hex
 *	marker write FILE MIB	fill FILE with it, and sync it
 *	marker count		print how often it is in physical memory
 *
 * It is put together in registers, a word at a time, so that no copy of it is
 * in this program. What is read of /proc/kcore is a copy of what is there
 * already, in a buffer of one page, and counts once more at most.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096
#define WORDS (PAGE / sizeof(uint64_t))
#define MASK UINT64_C(0x5a5a5a5a5a5a5a5a)

#define HIDDEN UINT64_C(0x1122334455667788)
static uint64_t page[WORDS] __attribute__((aligned(PAGE)));

/* Its two words in turn */
static uint64_t word(size_t i)
{
	uint64_t seed = HIDDEN;

	/* or the compiler would put the result into the program */
	__asm__("" : "+r"(seed));
	return (seed ^ MASK) * (2 * (i % 2) + 1);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int write_marker(const char *path, long mib)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	size_t i;
	long n;

	if (fd < 0)
		die(path);
	for (i = 0; i < WORDS; i++)
		page[i] = word(i);
	for (n = 0; n < mib * (1024 * 1024 / PAGE); n++)
		if (write(fd, page, PAGE) != PAGE)
			die(path);
	memset(page, 0, sizeof(page));
	if (fsync(fd))
		die(path);
	return close(fd);
}

/* Both words at their places: sixteen bytes */
static unsigned long in_page(void)
{
	unsigned long hits = 0;
	size_t i;

	for (i = 0; i + 1 < WORDS; i += 2)
		hits += page[i] == word(i) && page[i + 1] == word(i + 1);
	return hits;
}

/* The kernel's map of physical memory: the segments that have an address. */
static int count(void)
{
	int fd = open("/proc/kcore", O_RDONLY);
	unsigned long hits = 0, pages = 0;
	Elf64_Ehdr ehdr;
	Elf64_Phdr ph;
	uint64_t at;
	int i;

	if (fd < 0 || pread(fd, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr))
		die("/proc/kcore");
	for (i = 0; i < ehdr.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), ehdr.e_phoff + i * sizeof(ph)) !=
		    sizeof(ph))
			die("/proc/kcore");
		/* vmalloc and modules have none, the kernel's text has 0 */
		if (ph.p_type != PT_LOAD || ph.p_paddr == UINT64_MAX ||
		    ph.p_vaddr >= UINT64_C(0xffffffff80000000))
			continue;
		for (at = 0; at < ph.p_filesz; at += PAGE) {
			if (pread(fd, page, PAGE, ph.p_offset + at) != PAGE)
				continue;
			pages++;
			hits += in_page();
		}
	}
	memset(page, 0, sizeof(page));
	if (pages < 64 * 1024 * 1024 / PAGE) {
		fprintf(stderr, "only %lu pages could be read\n", pages);
		return 1;
	}
	printf("%lu\n", hits);
	return 0;
}

/* As it lies in memory, a byte at a time: no copy of it is made. */
static int print(void)
{
	size_t i, k;

	for (i = 0; i < 2; i++)
		for (k = 0; k < sizeof(uint64_t); k++)
			printf("%02x", (unsigned int)(word(i) >> 8 * k & 0xff));
	putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "write"))
		return write_marker(argv[2], atol(argv[3]));
	if (argc == 2 && !strcmp(argv[1], "print"))
		return print();
	if (argc == 2 && !strcmp(argv[1], "count"))
		return count();
	fprintf(stderr, "usage: marker print | write FILE MIB | count\n");
	return 1;
}
