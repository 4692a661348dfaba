// SPDX-License-Identifier: GPL-2.0-or-later
/* See mounts.h. */
#include "volume/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/frozen.h"
#include "volume/stack.h"

#define MOUNTINFO "/proc/self/mountinfo"

void mounts_free(struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->list[i].path);
	free(m->list);
	memset(m, 0, sizeof(*m));
}

/* proc(5): space, tab, newline and backslash stand there as \NNN, octal. */
static void unescape(char *text)
{
	char *to = text;
	unsigned int c;

	for (const char *from = text; *from; to++) {
		if (*from == '\\' && sscanf(from + 1, "%3o", &c) == 1) {
			*to = (char)c;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/*
 * A file system with several devices (btrfs) has a number of its own: then the
 * device that was mounted tells.
 */
static bool is_on(const struct stack *s, dev_t fs, char *source)
{
	struct stat st;

	if (stack_has(s, fs))
		return true;
	unescape(source);
	return !major(fs) && !strncmp(source, "/dev/", 5) &&
	       !stat(source, &st) && S_ISBLK(st.st_mode) &&
	       stack_has(s, st.st_rdev);
}

static int append(struct mounts *m, const struct mounts_item *item)
{
	struct mounts_item *bigger;

	bigger = reallocarray(m->list, m->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	m->list = bigger;
	m->list[m->n] = *item;
	m->list[m->n].path = strdup(item->path);
	if (!m->list[m->n].path)
		return -ENOMEM;
	m->n++;
	return 0;
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - TYPE SOURCE OPTIONS */
static int take(struct mounts *m, const struct stack *s, char *line)
{
	char *word[5] = { NULL }, *at, *rest = strstr(line, " - ");
	unsigned int major, minor;
	struct mounts_item item;

	if (!rest)
		return 0;
	*rest = '\0';
	for (size_t i = 0; i < 5; i++)
		word[i] = strtok_r(i ? NULL : line, " ", &at);
	rest = strtok_r(rest + 3, " ", &at) ? strtok_r(NULL, " ", &at) : NULL;
	if (!rest || !word[4] || sscanf(word[2], "%u:%u", &major, &minor) != 2)
		return 0;
	item.id = strtoull(word[0], NULL, 10);
	item.fs = makedev(major, minor);
	item.path = word[4];
	if (!is_on(s, item.fs, rest))
		return 0;
	unescape(item.path);
	return append(m, &item);
}

int mounts_find(struct op *op, const struct stack *s, struct mounts *ret)
{
	struct mounts m = { 0 };
	char *line = NULL;
	size_t size = 0;
	FILE *f;
	int r = 0;

	f = fopen(MOUNTINFO, "re");
	if (!f)
		return op_fail(op, -errno, MOUNTINFO ": %s", strerror(errno));
	snprintf(m.uuid, sizeof(m.uuid), "%s", s->uuid);
	while (!r && getline(&line, &size, f) > 0)
		r = take(&m, s, line);
	free(line);
	fclose(f);
	if (r) {
		mounts_free(&m);
		return r;
	}
	*ret = m;
	return 0;
}

/* Its root; -EBUSY when another mount stands over it. */
static int open_root(const struct mounts_item *item)
{
	struct statx stx;
	int fd;

	fd = open(item->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) ||
	    !(stx.stx_mask & STATX_MNT_ID) || stx.stx_mnt_id != item->id) {
		close(fd);
		return -EBUSY;
	}
	return fd;
}

/* Any way into the file system of @m->list[@i] */
static int open_fs(struct op *op, const struct mounts *m, size_t i)
{
	int fd = -EBUSY;

	for (size_t k = i; k < m->n; k++) {
		if (m->list[k].fs != m->list[i].fs)
			continue;
		fd = open_root(&m->list[k]);
		if (fd >= 0)
			return fd;
	}
	return op_fail(op, fd, "%s: cannot be reached: %s", m->list[i].path,
		       strerror(-fd));
}

/* Is it the first mount of its file system? */
static bool is_first(const struct mounts *m, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (m->list[k].fs == m->list[i].fs)
			return false;
	return true;
}

int mounts_sync(struct op *op, const struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++) {
		_cleanup_close_ int fd = -1;

		if (!is_first(m, i))
			continue;
		fd = open_fs(op, m, i);
		if (fd < 0)
			return fd;
		if (syncfs(fd))
			return op_fail(op, -errno, "%s: %s", m->list[i].path,
				       strerror(errno));
	}
	return 0;
}

/*
 * Noted before it is done: after a kill in between, an unlock thaws what may
 * be frozen, and thawing what is not does no harm.
 */
static int freeze(struct op *op, const struct mounts *m, size_t i,
		  struct frozen *f)
{
	_cleanup_close_ int fd = open_fs(op, m, i);
	bool ours = frozen_has(f, m->list[i].fs);
	int r;

	if (fd < 0)
		return fd;
	r = frozen_add(op, f, m->list[i].fs);
	if (r || !ioctl(fd, FIFREEZE, 0))
		return r;
	r = -errno;
	/* somebody else has frozen it: not ours to thaw */
	if (!ours)
		(void)frozen_drop(op, f, m->list[i].fs);
	if (r == -EBUSY)
		return 0;
	return op_fail(op, r, "%s cannot be frozen: %s", m->list[i].path,
		       strerror(-r));
}

int mounts_freeze(struct op *op, const struct mounts *m, size_t *ret)
{
	struct frozen f;
	struct op other;
	size_t n;
	int r = frozen_load(op, m->uuid, &f);

	for (size_t i = 0; !r && i < m->n; i++)
		if (is_first(m, i))
			r = freeze(op, m, i, &f);
	*ret = f.n;
	if (r) {
		op_init(&other, 0);
		(void)mounts_thaw(&other, m, &n);
	}
	return r;
}

int mounts_thaw(struct op *op, const struct mounts *m, size_t *ret)
{
	struct frozen f;
	int first = frozen_load(op, m->uuid, &f);

	*ret = 0;
	for (size_t i = 0; !first && i < m->n; i++) {
		_cleanup_close_ int fd = -1;
		int r = 0;

		if (!frozen_has(&f, m->list[i].fs))
			continue;
		fd = open_fs(op, m, i);
		if (fd < 0)
			return fd;
		if (ioctl(fd, FITHAW, 0) && errno != EINVAL)
			r = op_fail(op, -errno, "%s cannot be thawed: %s",
				    m->list[i].path, strerror(errno));
		else
			r = frozen_drop(op, &f, m->list[i].fs);
		*ret += !r;
		first = r;
	}
	/* what is not mounted any more is not frozen either */
	return first ? first : frozen_forget(op, m->uuid);
}

int mounts_unmount(struct op *op, const struct mounts *m)
{
	for (size_t i = m->n; i-- > 0;) {
		if (!umount2(m->list[i].path, UMOUNT_NOFOLLOW))
			continue;
		if (errno == EBUSY)
			op_next(op, "End what uses it (fuser -m %s).",
				m->list[i].path);
		return op_fail(op, -errno, "%s cannot be unmounted: %s",
			       m->list[i].path, strerror(errno));
	}
	return 0;
}
