// SPDX-License-Identifier: GPL-2.0-or-later
/* See progress.h. */
#include "cli/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 24
#define EVERY_MS 100

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool progress_wanted(void)
{
	return isatty(STDERR_FILENO);
}

void progress_show(struct progress *p, size_t done, size_t total, size_t failed)
{
	static const char full[] = "########################";
	uint64_t now = now_ms(), spent, left;
	int filled;

	if (!p->start_ms)
		p->start_ms = now;
	if (!total || !done || (done < total && now < p->shown_ms + EVERY_MS))
		return;
	p->shown_ms = now;
	p->there = true;
	spent = now - p->start_ms + 1;
	left = spent * (total - done) / done / 1000;
	filled = (int)(WIDTH * done / total);
	fprintf(stderr, "\r\033[K[%.*s%*s] %zu/%zu", filled, full,
		WIDTH - filled, "", done, total);
	if (failed)
		fprintf(stderr, ", %zu failed", failed);
	fprintf(stderr, ", %llu/s, %llu:%02llu left",
		(unsigned long long)(done * 1000 / spent),
		(unsigned long long)(left / 60),
		(unsigned long long)(left % 60));
	fflush(stderr);
}

void progress_clear(struct progress *p)
{
	if (!p->there)
		return;
	p->there = false;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
