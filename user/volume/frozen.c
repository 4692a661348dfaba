// SPDX-License-Identifier: GPL-2.0-or-later
/* See frozen.h. */
#include "volume/frozen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/op.h"

#define LINE_MAX_BYTES 24
#define TEXT_MAX (FROZEN_MAX * LINE_MAX_BYTES)

static char *path_of(const char *uuid)
{
	return file_path(PLACE_RUN, "frozen", uuid, NULL);
}

int frozen_load(struct op *op, const char *uuid, struct frozen *ret)
{
	_cleanup_free_ char *path = path_of(uuid), *text = NULL;
	struct frozen f = { 0 };
	char *line, *at;
	size_t len;
	int r;

	memset(ret, 0, sizeof(*ret));
	snprintf(f.uuid, sizeof(f.uuid), "%s", uuid);
	if (!path)
		return -ENOMEM;
	r = file_read(path, TEXT_MAX, &text, &len);
	if (r && r != -ENOENT)
		return op_fail(op, r, "%s: %s", path, strerror(-r));
	line = text ? strtok_r(text, "\n", &at) : NULL;
	for (; line; line = strtok_r(NULL, "\n", &at)) {
		unsigned int major, minor;

		if (f.n == FROZEN_MAX ||
		    sscanf(line, "%u:%u", &major, &minor) != 2)
			return op_fail(op, -EBADMSG, "%s is damaged", path);
		f.fs[f.n++] = makedev(major, minor);
	}
	*ret = f;
	return 0;
}

bool frozen_has(const struct frozen *f, dev_t fs)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->fs[i] == fs)
			return true;
	return false;
}

static int save(struct op *op, const struct frozen *f)
{
	_cleanup_free_ char *path = path_of(f->uuid);
	char text[TEXT_MAX];
	size_t len = 0;
	int r;

	if (!path)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%u:%u\n", major(f->fs[i]),
					minor(f->fs[i]));
	r = file_mkdirs(path);
	if (!r)
		r = file_write(path, text, len);
	return r ? op_fail(op, r, "%s: %s", path, strerror(-r)) : 0;
}

int frozen_add(struct op *op, struct frozen *f, dev_t fs)
{
	if (frozen_has(f, fs))
		return 0;
	if (f->n == FROZEN_MAX)
		return op_fail(op, -ENOSPC, "more than %d file systems",
			       FROZEN_MAX);
	f->fs[f->n++] = fs;
	return save(op, f);
}

int frozen_drop(struct op *op, struct frozen *f, dev_t fs)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->fs[i] != fs)
			continue;
		f->fs[i] = f->fs[--f->n];
		return f->n ? save(op, f) : frozen_forget(op, f->uuid);
	}
	return 0;
}

int frozen_forget(struct op *op, const char *uuid)
{
	_cleanup_free_ char *path = path_of(uuid);
	int r;

	if (!path)
		return -ENOMEM;
	r = file_remove(path);
	/* nothing was ever frozen: not even the folder is there */
	if (!r || r == -ENOENT)
		return 0;
	return op_fail(op, r, "%s: %s", path, strerror(-r));
}
