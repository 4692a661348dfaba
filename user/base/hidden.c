// SPDX-License-Identifier: GPL-2.0-or-later
/* See hidden.h. */
#include "base/hidden.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

/* The pages that were touched: others are zero here and there. */
static int copy_touched(uint8_t *to, uint8_t *from, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), i;
	_cleanup_free_ char *there = calloc(len / page, 1);

	if (!there)
		return -ENOMEM;
	if (mincore(from, len, (unsigned char *)there) < 0)
		return -errno;
	for (i = 0; i < len / page; i++)
		if (there[i] & 1)
			memcpy(to + i * page, from + i * page, page);
	return 0;
}

int hidden_replace(void *start, size_t len)
{
	_cleanup_close_ int fd = -1;
	void *hidden;
	int r;

	fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)len) < 0)
		return -errno;
	hidden = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (hidden == MAP_FAILED)
		return -errno;
	r = copy_touched(hidden, start, len);
	/* in one step: a failure leaves what was there */
	if (!r && mremap(hidden, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			 start) == MAP_FAILED)
		r = -errno;
	if (r)
		munmap(hidden, len);
	return r;
}
