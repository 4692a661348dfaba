/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder for one test program, which is also the root of its configuration,
 * and a KMS entry in it. Included by tests only.
 */
#ifndef _UNIT_SCRATCH_H
#define _UNIT_SCRATCH_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"

static char scratch[] = "/tmp/kmscrypt-unit-XXXXXX";

static inline int scratch_setup(void)
{
	if (secret_init() < 0 || !mkdtemp(scratch))
		return -1;
	setenv("KMSCRYPT_ROOT", scratch, 1);
	file_allow_root();
	return 0;
}

static inline void scratch_remove(void)
{
	char command[sizeof(scratch) + 16];

	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	if (system(command))
		fprintf(stderr, "cannot remove %s\n", scratch);
}

static inline char *scratch_path(const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", scratch, name) < 0 ? NULL : path;
}

/* A sparse file of @bytes, new. */
static inline char *scratch_image(const char *name, off_t bytes)
{
	char *path = scratch_path(name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || ftruncate(fd, bytes) < 0)
		abort();
	close(fd);
	return path;
}

/* Saves entry @name with one local generation, and gives that generation. */
static inline int scratch_entry(const char *name, struct generation *ret)
{
	struct entry e = { .ngenerations = 1 };
	struct generation g = { .provider = KMS_LOCAL };
	struct op op;
	int r;

	op_init(&op, 0);
	r = generation_new_id(g.id);
	if (r == 0)
		r = secret_random(&g.local_key, 32);
	if (r < 0)
		return r;
	snprintf(e.name, sizeof(e.name), "%s", name);
	e.generations = &g;
	r = config_save_credentials(&op, &g);
	if (r == 0)
		r = config_save(&op, &e);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", name, op.detail);
	*ret = g;
	return r;
}

#endif
