/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One operation of an entry point: its deadline and the words of its failure.
 *
 * Library code returns negative errnos and never prints. Where it alone knows
 * what went wrong in the user's words (which address, which file, which HTTP
 * status) it records that here and returns the errno in one go:
 *
 *	return op_fail(op, -EACCES, "%s refuses the token (HTTP 403)", url);
 *
 * Never put a secret, or bytes that came from a server unescaped, into it.
 */
#ifndef _BASE_OP_H
#define _BASE_OP_H

#include <stdbool.h>
#include <stdint.h>

#define OP_TEXT_MAX 512

struct op {
	int64_t deadline_ms; /* CLOCK_BOOTTIME, 0: none */
	char detail[OP_TEXT_MAX]; /* what failed, "" if nothing was said */
	char next[OP_TEXT_MAX]; /* what to do next, "" for the table's */
};

/** op_init() - start an operation that may take @timeout_ms (0: no limit). */
void op_init(struct op *op, int64_t timeout_ms);

/**
 * op_init_part() - start a part of @whole that may take no more than
 * @timeout_ms, and no longer than that
 */
void op_init_part(struct op *op, const struct op *whole, int64_t timeout_ms);

/**
 * op_left_ms() - time left, at most @cap_ms
 * Return: > 0, or -ETIMEDOUT when the deadline has passed.
 */
int64_t op_left_ms(const struct op *op, int64_t cap_ms);

/**
 * op_fail() - record what failed and return @err
 *
 * The last call wins: a caller that knows more replaces the words. Control
 * characters are replaced by '?', so that a server cannot paint a terminal.
 */
int op_fail(struct op *op, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** op_next() - record what the user should do next. */
void op_next(struct op *op, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** op_clear() - forget the words (before another try). */
void op_clear(struct op *op);

#endif
