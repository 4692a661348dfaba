// SPDX-License-Identifier: GPL-2.0-or-later
/* See blank.h. */
#include "volume/blank.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/dif.h"
#include "volume/mapping.h"
#include "volume/opening.h"
#include "volume/state.h"

#define CHUNK ((size_t)1 << 20) /* a multiple of every sector size */
#define GONE_TRIES 200 /* naps */

static void name_of(const char *uuid, char ret[MAPPING_NAME_MAX])
{
	snprintf(ret, MAPPING_NAME_MAX, "kmscrypt-format-%s", uuid);
}

static int fail(struct op *op, const char *what)
{
	return op_fail(op, -errno, "the volume's first write, %s: %s", what,
		       strerror(errno));
}

/* @len: 512-byte sectors */
static int write_all(struct op *op, int fd, uint64_t len,
		     void (*progress)(void *arg, uint64_t done, uint64_t total),
		     void *arg)
{
	_cleanup_free_ char *zeroes = aligned_alloc(4096, CHUNK);
	uint64_t done = 0;

	if (!zeroes)
		return -ENOMEM;
	memset(zeroes, 0, CHUNK);
	while (done < len) {
		size_t want = (size_t)MIN(CHUNK, (len - done) * 512);
		ssize_t n = write(fd, zeroes, want);

		/* Direct I/O ends at sectors, or fails. */
		if (n <= 0 || n % 512)
			return fail(op, "writing");
		done += (uint64_t)n / 512;
		if (progress)
			progress(arg, done, len);
	}
	return fsync(fd) ? fail(op, "flushing") : 0;
}

/* The kernel removes them in its own time, the one after the other. */
static int wait_gone(struct op *op, const char *name)
{
	int tries = GONE_TRIES;

	while (dif_exists(name)) {
		if (!tries--)
			return op_fail(op, -EBUSY, "'%s' does not go away",
				       name);
		state_nap();
	}
	return 0;
}

int blank_volume(struct op *op, const struct mapping_table *t,
		 void (*progress)(void *arg, uint64_t done, uint64_t total),
		 void *arg)
{
	char name[MAPPING_NAME_MAX], path[MAPPING_NAME_MAX + 16];
	struct mapping_table own = *t;
	int fd, r;

	own.no_journal = true;
	name_of(t->uuid, name);
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	r = opening_map(op, name, &own, false);
	if (r)
		return r;
	fd = open(path, O_WRONLY | O_DIRECT | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		r = fail(op, path);
	/* From here on a kill takes them away; without a descriptor it is now. */
	if (fd < 0)
		blank_clear(t->uuid);
	else
		r = mapping_remove(op, name, true);
	if (!r)
		r = write_all(op, fd, t->len, progress, arg);
	file_close_fd(&fd);
	return r ?: wait_gone(op, name);
}

void blank_clear(const char *uuid)
{
	char name[MAPPING_NAME_MAX];
	struct op op;

	op_init(&op, 0);
	name_of(uuid, name);
	(void)mapping_remove(&op, name, false);
}
