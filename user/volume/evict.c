// SPDX-License-Identifier: GPL-2.0-or-later
/* See evict.h. */
#include "volume/evict.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/mounts.h"
#include "volume/stack.h"

#define DROP_CACHES "/proc/sys/vm/drop_caches"
#define DROP_PAGES "1"
#define DROP_PAGES_AND_NAMES "3"
#define CMDLINE_MAX 4096
#define CONFIG_MAX (1024 * 1024)

/* Also what a failure has left: it is the kernel's word for the whole machine */
static int drop_caches(struct op *op, const char *what)
{
	_cleanup_close_ int fd = open(DROP_CACHES, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, what, 1) != 1)
		return op_fail(op, -errno, DROP_CACHES ": %s", strerror(errno));
	return 0;
}

/* What stands on a device before the device itself */
int evict_flush(struct op *op, const struct stack *s, const struct mounts *m)
{
	int r = mounts_sync(op, m);

	for (size_t i = s->n; !r && i-- > 0;) {
		_cleanup_close_ int fd = stack_open(op, s, i);

		if (fd < 0)
			return fd;
		if (fsync(fd) || ioctl(fd, BLKFLSBUF, 0))
			r = op_fail(op, -errno, "cannot flush: %s",
				    strerror(errno));
	}
	if (!r && m->n)
		r = drop_caches(op, DROP_PAGES_AND_NAMES);
	return r;
}

int evict_drop(struct op *op, const struct stack *s, bool mounted)
{
	int r = 0;

	for (size_t i = s->n; !r && i-- > 0;) {
		_cleanup_close_ int fd = stack_open(op, s, i);

		if (fd < 0)
			return fd;
		r = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (r)
			r = op_fail(op, r, "cannot drop pages: %s",
				    strerror(-r));
	}
	/* Pages alone: to let go of names and inodes may take I/O. */
	return !r && mounted ? drop_caches(op, DROP_PAGES) : r;
}

/* The last init_on_free= that was given at boot: 1, 0; none: -1 */
static int from_boot(void)
{
	static const char name[] = "init_on_free=";
	_cleanup_free_ char *text = NULL;
	const char *at;
	size_t len;
	int value = -1;

	if (file_read("/proc/cmdline", CMDLINE_MAX, &text, &len))
		return -1;
	for (at = text; (at = strstr(at, name)); at++)
		if (at == text || at[-1] == ' ')
			value = strchr("1yYtT", at[strlen(name)]) != NULL ||
				!strncmp(at + strlen(name), "on", 2);
	return value;
}

bool evict_freed_is_wiped(void)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int boot = from_boot();
	struct utsname u;
	size_t len;

	if (boot >= 0)
		return boot;
	if (uname(&u) || asprintf(&path, "/boot/config-%s", u.release) < 0) {
		path = NULL;
		return false;
	}
	return !file_read(path, CONFIG_MAX, &text, &len) &&
	       strstr(text, "\nCONFIG_INIT_ON_FREE_DEFAULT_ON=y\n");
}
