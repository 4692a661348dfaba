// SPDX-License-Identifier: GPL-2.0-or-later
/* See luks-session.h. */
#include "volume/luks-session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <time.h>

#include <libcryptsetup.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/luks.h"

static void listen(int level, const char *msg, void *ptr)
{
	struct luks_session *s = ptr;
	size_t len;

	if (!s || level != CRYPT_LOG_ERROR)
		return;
	snprintf(s->said, sizeof(s->said), "%s", msg);
	len = strcspn(s->said, "\n");
	s->said[len] = '\0';
}

void luks_session_close(struct luks_session *s)
{
	/* wipes and unlocks the library's copy of a volume key */
	crypt_free(s->cd);
	s->cd = NULL;
}

int luks_session_fail(struct luks_session *s, int err)
{
	if (!s->said[0])
		return op_fail(s->op, err, "%s: %s", s->path, strerror(-err));
	return op_fail(s->op, err, "%s: %s", s->path, s->said);
}

static int check_path(struct op *op, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return op_fail(op, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return op_fail(op, -ENODEV,
			       "%s is neither a block device nor "
			       "an image file",
			       path);
	return 0;
}

int luks_session_init(struct luks_session *s, struct op *op,
		      const struct luks_place *place)
{
	int r;

	s->op = op;
	s->path = place->header ?: place->device;
	r = check_path(op, place->device);
	if (r == 0 && place->header)
		r = check_path(op, place->header);
	if (r < 0)
		return r;
	/* no code from outside: a token names its plugin by its type */
	crypt_token_external_disable();
	/* for what is said without a handle; the default prints it */
	crypt_set_log_callback(NULL, listen, NULL);
	if (place->header)
		r = crypt_init_data_device(&s->cd, place->header,
					   place->device);
	else
		r = crypt_init(&s->cd, place->device);
	if (r < 0)
		return op_fail(op, r, "cannot open %s: %s", s->path,
			       strerror(-r));
	crypt_set_log_callback(s->cd, listen, s);
	return 0;
}

/* The library says -EINVAL for both: damaged, and no LUKS2 at all. */
static bool has_magic(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[6];

	return fd >= 0 && pread(fd, buf, sizeof(buf), 0) == sizeof(buf) &&
	       !memcmp(buf, "LUKS\xba\xbe", sizeof(buf));
}

int luks_session_open(struct luks_session *s, struct op *op,
		      const struct luks_place *place)
{
	int r;

	r = luks_session_init(s, op, place);
	if (r < 0)
		return r;
	r = crypt_load(s->cd, CRYPT_LUKS2, NULL);
	if (r != -EINVAL && r != -ENOENT)
		return r < 0 ? luks_session_fail(s, r) : 0;
	/* what it says then is a debug message at best */
	if (has_magic(s->path))
		return op_fail(op, -EBADMSG,
			       "the LUKS2 header of %s is damaged in both "
			       "copies",
			       s->path);
	return op_fail(op, -ENODATA, "%s has no LUKS2 header", s->path);
}

/* Writers that collide must not stay in step. */
static void back_off(int try)
{
	struct timespec ts;

	/* 1 to 2 ms, with each try longer, at most 18 ms */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec = (ts.tv_nsec % 1000 + 1000) * 1000L * (MIN(try, 8) + 1);
	ts.tv_sec = 0;
	nanosleep(&ts, NULL);
}

int luks_session_write(struct op *op, const struct luks_place *place,
		       const char *uuid,
		       int (*once)(struct luks_session *s, void *arg),
		       void *arg)
{
	int try, r;

	for (try = 0; try < LUKS_TRIES; try++) {
		_cleanup_luks_session_ struct luks_session s = { 0 };

		r = luks_session_open(&s, op, place);
		if (r < 0)
			return r;
		if (strcmp(crypt_get_uuid(s.cd) ?: "", uuid))
			return op_fail(op, -EKEYREJECTED,
				       "%s is not volume %s any more", s.path,
				       uuid);
		r = once(&s, arg);
		if (r != -EINVAL)
			return r;
		back_off(try);
	}
	return -EAGAIN; /* with the library's words of the last try */
}
