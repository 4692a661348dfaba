/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many items worked off by several processes.
 *
 * Processes and not threads: neither libcryptsetup nor json-c promises to be
 * thread-safe, and writers of LUKS2 headers lock between processes anyway. A
 * worker dies with its parent, whatever kills that one.
 */
#ifndef _VOLUME_CREW_H
#define _VOLUME_CREW_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define CREW_RESULT_MAX PIPE_BUF /* what one write(2) passes on whole */
#define CREW_WORKERS_MAX 64

struct crew_post;

struct crew {
	size_t n; /* items */
	size_t chunk; /* how many a worker takes at a time */
	unsigned int workers; /* at most */
	size_t result_size; /* bytes, at most CREW_RESULT_MAX */
	/*
	 * In a worker: does items [@from, @to) and posts a result for each.
	 * Sessions and descriptors with a position or a lock have to be the
	 * worker's own, opened after crew_run(); @alone says that there is
	 * no other process.
	 */
	void (*work)(struct crew_post *post, size_t from, size_t to, bool alone,
		     void *arg);
	/* In the caller's process, as they come. */
	void (*result)(const void *result, void *arg);
	void *arg;
};

/**
 * crew_run() - have all items done
 *
 * What fits into one chunk is done in this process. Return: 0; -ECHILD: a
 * worker ended early, and what it had taken has no result; -errno of making
 * the workers.
 */
int crew_run(const struct crew *c);

/** crew_post() - hand a result of result_size bytes to the caller's process. */
void crew_post(struct crew_post *post, const void *result);

#endif
