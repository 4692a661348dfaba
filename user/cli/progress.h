/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bar on the terminal: how far, how fast, how long still. */
#ifndef _CLI_PROGRESS_H
#define _CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	uint64_t start_ms; /* CLOCK_MONOTONIC, 0: not yet */
	uint64_t shown_ms;
	bool there; /* a bar stands on the line */
};

/** progress_wanted() - is standard error a terminal? */
bool progress_wanted(void);

/**
 * progress_show() - draw it on standard error, at most ten times a second
 * @failed:	how many of the @done have failed
 */
void progress_show(struct progress *p, size_t done, size_t total,
		   size_t failed);

/** progress_clear() - take it away, so that something else can be printed. */
void progress_clear(struct progress *p);

#endif
