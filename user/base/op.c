// SPDX-License-Identifier: GPL-2.0-or-later
/* See op.h. */
#include "base/op.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/text.h"

/* BOOTTIME: a machine that slept has used up its time, too. */
static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void op_init(struct op *op, int64_t timeout_ms)
{
	op->deadline_ms = timeout_ms > 0 ? now_ms() + timeout_ms : 0;
	op_clear(op);
}

void op_init_part(struct op *op, const struct op *whole, int64_t timeout_ms)
{
	op_init(op, timeout_ms);
	if (whole->deadline_ms && whole->deadline_ms < op->deadline_ms)
		op->deadline_ms = whole->deadline_ms;
}

int64_t op_left_ms(const struct op *op, int64_t cap_ms)
{
	int64_t left;

	if (!op->deadline_ms)
		return cap_ms;
	left = op->deadline_ms - now_ms();
	if (left <= 0)
		return -ETIMEDOUT;
	return left < cap_ms ? left : cap_ms;
}

int op_fail(struct op *op, int err, const char *fmt, ...)
{
	/* not in place: the old words may be among the arguments */
	char text[OP_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(text);
	snprintf(op->detail, sizeof(op->detail), "%s", text);
	return err;
}

void op_next(struct op *op, const char *fmt, ...)
{
	char text[OP_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(text);
	snprintf(op->next, sizeof(op->next), "%s", text);
}

void op_clear(struct op *op)
{
	op->detail[0] = '\0';
	op->next[0] = '\0';
}
