// SPDX-License-Identifier: GPL-2.0-or-later
/* See login-state.h. */
#include "kms/login-state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/op.h"

#define FOLDER "tokens"
#define HEAD_MAX 256
#define FILE_MAX (128 * 1024)
#define LOCK_POLL_MS 20
#define LOCK_MAX_MS 30000
/* Say so when the credential is gone within this time. */
#define EXPIRES_SOON_S (7 * 24 * 3600)

struct login_state {
	int fd;
};

void login_record_free(struct login_record *r)
{
	secret_free(&r->token);
}

uint64_t login_now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec;
}

int64_t login_left_s(const struct login_record *r)
{
	uint64_t gone = login_now_s() - r->since_s;

	if (!r->ttl_s)
		return -1;
	if (gone >= r->ttl_s)
		return 0;
	return (int64_t)((r->ttl_s - gone) & INT64_MAX);
}

bool login_renewal_due(const struct login_record *r)
{
	/* a renewal is a use */
	if (!r->renewable || !r->ttl_s || r->uses)
		return false;
	return (uint64_t)login_left_s(r) <= r->full_s / 2;
}

const char *login_warning(const struct login_record *r, bool again)
{
	if (again)
		return NULL;
	if (r->uses)
		return "The token works only a limited number of times.";
	if (!r->ttl_s)
		return NULL;
	if (!r->renewable)
		return "The token expires and cannot be renewed.";
	if (r->failed)
		return "The token could not be renewed; see 'kmscrypt kms "
		       "renew'.";
	if (r->max_ttl_s)
		return "The token has an explicit maximum TTL, after which it "
		       "cannot be renewed.";
	if (r->period_s)
		return NULL;
	if ((uint64_t)login_left_s(r) < EXPIRES_SOON_S)
		return "The token expires soon; only a periodic token can be "
		       "renewed for ever.";
	return "The token is not periodic: it ends for good at its maximum "
	       "TTL.";
}

struct login_state *login_state_open(const char *id)
{
	_cleanup_free_ char *path = file_path(PLACE_RUN, FOLDER, id, NULL);
	struct login_state *s = path ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return NULL;
	s->fd = file_mkdirs(path);
	if (!s->fd)
		s->fd = open(path,
			     O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
				     O_NOCTTY,
			     0600);
	if (s->fd < 0) {
		free(s);
		return NULL;
	}
	return s;
}

void login_state_close(struct login_state *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}

int login_state_lock(struct op *op, struct login_state *s)
{
	int64_t waited = 0;

	while (flock(s->fd, LOCK_EX | LOCK_NB) < 0) {
		const struct timespec ts = { 0, LOCK_POLL_MS * 1000000 };

		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (op_left_ms(op, 1) < 0 || waited > LOCK_MAX_MS)
			return op_fail(op, -ETIMEDOUT,
				       "another login to the KMS does not end");
		nanosleep(&ts, NULL);
		waited += LOCK_POLL_MS;
	}
	return 0;
}

void login_state_unlock(struct login_state *s)
{
	flock(s->fd, LOCK_UN);
}

/*
 * A line of numbers, the last of which is the token's length, then the token
 * and a line feed. A writer that is killed leaves something shorter.
 */
static const char head_in[] = "kmscrypt-login 1 %" SCNu64 " %" SCNu64
			      " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			      " %d %d %zu%n";
static const char head_out[] = "kmscrypt-login 1 %" PRIu64 " %" PRIu64
			       " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			       " %d %d %zu\n";

static int parse(const struct secret *text, struct login_record *ret)
{
	struct login_record r = { .since_s = 0 };
	int renewable, failed, at = 0;
	size_t len = 0;

	if (!text->len ||
	    sscanf((const char *)text->data, head_in, &r.since_s, &r.ttl_s,
		   &r.full_s, &r.uses, &r.period_s, &r.max_ttl_s, &renewable,
		   &failed, &len, &at) != 9)
		return -ENODATA;
	if (len > FILE_MAX || text->len != (size_t)at + 1 + len + 1 ||
	    text->data[at] != '\n' || text->data[text->len - 1] != '\n' ||
	    r.since_s > login_now_s())
		return -ENODATA;
	r.renewable = renewable;
	r.failed = failed;
	if (len && secret_copy(&r.token, text->data + at + 1, len) < 0)
		return -ENOMEM;
	*ret = r;
	return 0;
}

static int read_fd(int fd, struct login_record *ret)
{
	_cleanup_secret_ struct secret text = SECRET_EMPTY;
	struct stat st;
	ssize_t n;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return -ENODATA;
	r = secret_alloc(&text, (size_t)st.st_size + 1);
	if (r < 0)
		return r;
	n = pread(fd, text.data, text.len, 0);
	if (n < 0)
		return -errno;
	secret_truncate(&text, (size_t)n);
	return parse(&text, ret);
}

int login_state_read(struct login_state *s, struct login_record *ret)
{
	return read_fd(s->fd, ret);
}

int login_state_write(struct login_state *s, const struct login_record *r)
{
	_cleanup_secret_ struct secret text = SECRET_EMPTY;
	char head[HEAD_MAX];
	size_t capacity = 0;
	int err;

	/* first: what is cut off must not look whole */
	if (ftruncate(s->fd, 0) < 0)
		return -errno;
	if (!r)
		return 0;
	snprintf(head, sizeof(head), head_out, r->since_s, r->ttl_s, r->full_s,
		 r->uses, r->period_s, r->max_ttl_s, r->renewable, r->failed,
		 r->token.len);
	err = secret_append(&text, &capacity, head, strlen(head));
	if (!err && r->token.len)
		err = secret_append(&text, &capacity, r->token.data,
				    r->token.len);
	err = err ?: secret_append(&text, &capacity, "\n", 1);
	if (err < 0)
		return err;
	if (pwrite(s->fd, text.data, text.len, 0) != (ssize_t)text.len)
		return -EIO;
	return 0;
}

int login_state_drop(const char *id)
{
	_cleanup_free_ char *path = file_path(PLACE_RUN, FOLDER, id, NULL);

	return path ? file_remove(path) : -ENOMEM;
}

int login_state_peek(const char *id, struct login_record *ret)
{
	_cleanup_free_ char *path = file_path(PLACE_RUN, FOLDER, id, NULL);
	_cleanup_close_ int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? -ENODATA : -errno;
	return read_fd(fd, ret);
}
