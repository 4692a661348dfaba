// SPDX-License-Identifier: GPL-2.0-or-later
/* See file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define LOCK_POLL_MS 20
#define READ_STEP 4096

static const char *const places[] = {
	[PLACE_CONFIG] = "/etc/kmscrypt",
	[PLACE_STATE] = "/var/lib/kmscrypt",
	[PLACE_RUN] = "/run/kmscrypt",
	[PLACE_RULES] = "/etc/request-key.d",
};

static const char *root = "";

void file_allow_root(void)
{
	const char *env = secure_getenv("KMSCRYPT_ROOT");

	if (env && env[0] == '/' && getuid() == 0 && geteuid() == 0)
		root = env;
}

char *file_path(enum place place, const char *a, const char *b, const char *c)
{
	char *path;
	int len;

	b = a ? b : NULL;
	c = b ? c : NULL;
	len = asprintf(&path, "%s%s%s%s%s%s%s%s", root, places[place],
		       a ? "/" : "", a ? a : "", b ? "/" : "", b ? b : "",
		       c ? "/" : "", c ? c : "");
	return len < 0 ? NULL : path;
}

/* The folder that @path is in, opened, and the name within it. */
static int open_folder(const char *path, const char **ret_name)
{
	_cleanup_free_ char *folder = NULL;
	const char *slash = strrchr(path, '/');
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (!**ret_name)
		return -EISDIR;
	folder = slash ? strndup(path, slash - path + (slash == path)) :
			 strdup(".");
	if (!folder)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int file_sync_folder(const char *path)
{
	_cleanup_close_ int dir = -1;
	const char *name;

	dir = open_folder(path, &name);
	if (dir < 0)
		return dir;
	return fsync(dir) < 0 ? -errno : 0;
}

int file_mkdirs(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	char *slash;

	if (!copy)
		return -ENOMEM;
	for (slash = strchr(copy + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		int r = 0;

		*slash = '\0';
		if (!mkdir(copy, 0700))
			r = file_sync_folder(copy);
		else if (errno != EEXIST)
			r = -errno;
		if (r < 0)
			return r;
		*slash = '/';
	}
	return 0;
}

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= n;
	}
	return 0;
}

/*
 * Always the same name, so that what a killed run left goes with the next one.
 * Those who write one file at the same time hold a lock.
 */
static int make_temp(int dir, const char *temp)
{
	static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
	int fd = openat(dir, temp, flags, 0600);

	if (fd < 0 && errno == EEXIST && !unlinkat(dir, temp, 0))
		fd = openat(dir, temp, flags, 0600);
	return fd < 0 ? -errno : fd;
}

static int write_temp(int dir, const char *temp, const void *data, size_t len)
{
	_cleanup_close_ int fd = make_temp(dir, temp);
	int r;

	if (fd < 0)
		return fd;
	r = write_all(fd, data, len);
	/* whatever the umask was */
	if (!r && fchmod(fd, 0600) < 0)
		r = -errno;
	if (!r && fsync(fd) < 0)
		r = -errno;
	/* it may be a secret: it rests on disk, and not in the page cache */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return r;
}

/* The dot hides what a power cut may leave from listings. */
static int temp_of(const char *name, char ret[NAME_MAX + 1])
{
	int len = snprintf(ret, NAME_MAX + 1, ".%s.kmscrypt-new", name);

	return len < 0 || len > NAME_MAX ? -ENAMETOOLONG : 0;
}

char *file_new_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash - path) + 1 : 0;
	char temp[NAME_MAX + 1], *ret;

	if (temp_of(path + dir, temp) ||
	    asprintf(&ret, "%.*s%s", dir, path, temp) < 0)
		return NULL;
	return ret;
}

static int settle(int dir, const char *temp, const char *name)
{
	if (!renameat2(dir, temp, dir, name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* a file system that knows no such rename (NFS) */
	if (linkat(dir, temp, dir, name, 0) < 0)
		return -errno;
	unlinkat(dir, temp, 0);
	return 0;
}

/* The folder of @path, open; its last name, and that of its new file */
static int open_both(const char *path, const char **name,
		     char temp[NAME_MAX + 1])
{
	int dir = open_folder(path, name);
	int r = dir < 0 ? dir : temp_of(*name, temp);

	if (r < 0 && dir >= 0)
		close(dir);
	return r < 0 ? r : dir;
}

int file_settle(const char *path)
{
	_cleanup_close_ int dir = -1;
	char temp[NAME_MAX + 1];
	const char *name;
	int r;

	dir = open_both(path, &name, temp);
	if (dir < 0)
		return dir;
	r = settle(dir, temp, name);
	if (r)
		return r;
	return fsync(dir) < 0 ? -errno : 0;
}

static int write_file(const char *path, const void *data, size_t len, bool over)
{
	_cleanup_close_ int dir = -1;
	char temp[NAME_MAX + 1];
	const char *name;
	int r;

	dir = open_both(path, &name, temp);
	if (dir < 0)
		return dir;
	r = write_temp(dir, temp, data, len);
	if (r == -EEXIST) /* another's */
		return r;
	if (!r && !over)
		r = settle(dir, temp, name);
	else if (!r && renameat(dir, temp, dir, name) < 0)
		r = -errno;
	if (r) {
		unlinkat(dir, temp, 0);
		return r;
	}
	return fsync(dir) < 0 ? -errno : 0;
}

int file_write(const char *path, const void *data, size_t len)
{
	return write_file(path, data, len, true);
}

int file_write_new(const char *path, const void *data, size_t len)
{
	return write_file(path, data, len, false);
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *buf = NULL;
	_cleanup_close_ int fd = -1;
	size_t len = 0, size = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n;

		/* one byte more than @max tells that there is more */
		if (len == size) {
			size_t more = size ? size * 2 : READ_STEP;
			char *larger = realloc(buf, more + 1);

			if (!larger)
				return -ENOMEM;
			buf = larger;
			size = more;
		}
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += n;
		if (len > max)
			return -EFBIG;
	}
	buf[len] = '\0';
	*ret = buf;
	buf = NULL;
	*ret_len = len;
	return 0;
}

int file_remove(const char *path)
{
	_cleanup_close_ int dir = -1;
	char temp[NAME_MAX + 1];
	const char *name;

	dir = open_folder(path, &name);
	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return dir;
	if (!temp_of(name, temp) && unlinkat(dir, temp, 0) < 0 &&
	    errno != ENOENT)
		return -errno;
	if (unlinkat(dir, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(dir) < 0 ? -errno : 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int take_lock(const char *path, int timeout_ms, int how)
{
	_cleanup_close_ int fd = -1;
	int64_t end = now_ms() + timeout_ms;
	int ret;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (now_ms() >= end)
			return -EBUSY;
		usleep(LOCK_POLL_MS * 1000);
	}
	ret = fd;
	fd = -1;
	return ret;
}

int file_lock(const char *path, int timeout_ms)
{
	return take_lock(path, timeout_ms, LOCK_EX);
}

int file_lock_shared(const char *path, int timeout_ms)
{
	return take_lock(path, timeout_ms, LOCK_SH);
}
