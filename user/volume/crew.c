// SPDX-License-Identifier: GPL-2.0-or-later
/* See crew.h. */
#include "volume/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"

struct crew_post {
	const struct crew *crew;
	int fd; /* -1: there is no other process */
};

void crew_post(struct crew_post *post, const void *result)
{
	size_t size = post->crew->result_size;
	ssize_t n;

	if (post->fd < 0) {
		post->crew->result(result, post->crew->arg);
		return;
	}
	do {
		n = write(post->fd, result, size);
	} while (n < 0 && errno == EINTR);
	/* Nobody listens any more: nothing more may happen. */
	if (n != (ssize_t)size)
		_exit(1);
}

static void work_off(const struct crew *c, atomic_size_t *next, int fd)
{
	struct crew_post post = { c, fd };
	size_t from;

	while ((from = atomic_fetch_add(next, c->chunk)) < c->n)
		c->work(&post, from, MIN(from + c->chunk, c->n), fd < 0,
			c->arg);
}

static void __attribute__((noreturn))
worker(const struct crew *c, atomic_size_t *next, int fd, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    secret_lock_again())
		_exit(1);
	work_off(c, next, fd);
	_exit(0);
}

/* Until every worker has closed its end. */
static int collect(const struct crew *c, int fd)
{
	char result[CREW_RESULT_MAX];
	size_t have = 0;

	for (;;) {
		ssize_t n = read(fd, result + have, c->result_size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		have += (size_t)n;
		if (have < c->result_size)
			continue;
		c->result(result, c->arg);
		have = 0;
	}
}

static int join(const pid_t *pids, unsigned int n)
{
	int r = 0;

	for (unsigned int i = 0; i < n; i++) {
		int status = 1;

		while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
			;
		if (status)
			r = -ECHILD;
	}
	return r;
}

static int run_workers(const struct crew *c, atomic_size_t *next,
		       unsigned int workers)
{
	pid_t pids[CREW_WORKERS_MAX], parent = getpid();
	int ends[2], r = 0, s;
	unsigned int n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	for (n = 0; n < workers; n++) {
		pids[n] = fork();
		if (!pids[n]) {
			close(ends[0]);
			worker(c, next, ends[1], parent);
		}
		if (pids[n] < 0) {
			/* Those that are there do it all. */
			r = n ? 0 : -errno;
			break;
		}
	}
	close(ends[1]);
	if (!r)
		r = collect(c, ends[0]);
	close(ends[0]);
	s = join(pids, n);
	return r ? r : s;
}

int crew_run(const struct crew *c)
{
	size_t chunks = (c->n + c->chunk - 1) / c->chunk;
	atomic_size_t *next, mine = 0;
	int r;

	if (c->result_size > CREW_RESULT_MAX)
		return -EINVAL;
	if (chunks <= 1 || c->workers <= 1) {
		work_off(c, &mine, -1);
		return 0;
	}
	next = mmap(NULL, sizeof(*next), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (next == MAP_FAILED)
		return -errno;
	atomic_init(next, 0);
	r = run_workers(c, next,
			(unsigned int)MIN(MIN(chunks, c->workers),
					  CREW_WORKERS_MAX));
	munmap(next, sizeof(*next));
	return r;
}
