// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In the guest: what memory the hits of memscan lie in.
 *
 * Lines "OFFSET NAME FORM" of standard input become "PLACE OFFSET NAME FORM",
 * where PLACE is
 *	free	of nobody
 *	slab	small objects of the kernel
 *	user	of a process
 *	file	page cache
 *	table	of page tables
 *	kernel	others, stacks and buffers among them
 *
 * Offsets in the image are physical addresses: the machine has less memory
 * than the hole below 4 GiB begins at.
 */
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kernel-page-flags.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096
#define PAGE_STRUCT 64
#define PAGE_REFCOUNT 52 /* of its members, the same for many years */

static int flags_fd, core_fd;
static uint64_t vmemmap;
static off_t vmemmap_at;

/*
 * A page that a processor keeps ready to be allocated is as free as any, but
 * kpageflags does not say so: nobody refers to it. The array of struct page is
 * where it is without nokaslr: 0xffffea0000000000.
 */
static bool find_vmemmap(void)
{
	Elf64_Ehdr head;
	Elf64_Phdr p;

	if (pread(core_fd, &head, sizeof(head), 0) != sizeof(head))
		return false;
	for (unsigned int i = 0; i < head.e_phnum; i++) {
		if (pread(core_fd, &p, sizeof(p),
			  (off_t)(head.e_phoff + i * sizeof(p))) != sizeof(p))
			return false;
		if (p.p_vaddr >> 40 == 0xffffea) {
			vmemmap = p.p_vaddr;
			vmemmap_at = (off_t)p.p_offset;
			return true;
		}
	}
	return false;
}

static bool is_referred_to(uint64_t page)
{
	uint64_t at = 0xffffea0000000000 + page * PAGE_STRUCT + PAGE_REFCOUNT;
	int32_t count = 1;

	if (pread(core_fd, &count, sizeof(count),
		  vmemmap_at + (off_t)(at - vmemmap)) != sizeof(count))
		perror("places: /proc/kcore");
	return count;
}

static const char *place(uint64_t page)
{
	uint64_t flags = 0;

	if (pread(flags_fd, &flags, sizeof(flags), (off_t)(page * 8)) != 8)
		return "unknown";
	if (flags & 1ULL << KPF_BUDDY)
		return "free";
	if (flags & 1ULL << KPF_SLAB)
		return "slab";
	/* memfd_secret(2)'s are of a file as little as others' */
	if (flags & (1ULL << KPF_ANON | 1ULL << KPF_UNEVICTABLE))
		return "user";
	if (flags & (1ULL << KPF_LRU | 1ULL << KPF_UPTODATE))
		return "file";
	if (flags & 1ULL << KPF_PGTABLE)
		return "table";
	return is_referred_to(page) ? "kernel" : "free";
}

int main(void)
{
	char rest[80];
	uint64_t at;

	flags_fd = open("/proc/kpageflags", O_RDONLY);
	core_fd = open("/proc/kcore", O_RDONLY);
	if (flags_fd < 0 || core_fd < 0 || !find_vmemmap()) {
		fprintf(stderr, "places: no kpageflags, or no kcore\n");
		return 1;
	}
	while (scanf("%" SCNx64 " %79[^\n]", &at, rest) == 2)
		printf("%s %" PRIx64 " %s\n", place(at / PAGE), at, rest);
	return 0;
}
