/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one table of errors: errno, name, exit code, reject errno, message, and
 * what to do next. Everything below the entry points passes -errno upwards.
 */
#ifndef _BASE_ERROR_H
#define _BASE_ERROR_H

#include <stdbool.h>

/* Exit codes: a contract with scripts, documented in kmscrypt(8). */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_WRONG_USAGE = 1, /* -EINVAL */
	EXIT_DENIED = 2, /* -EACCES, -EPERM */
	EXIT_UNREACHABLE = 3, /* -EHOSTUNREACH, -ETIMEDOUT and other net */
	EXIT_NOT_FOUND = 4, /* -ENODATA, -ENOENT, -ENODEV, -ENXIO */
	EXIT_REFUSED = 5, /* -EBUSY, -EEXIST: something depends on it */
	EXIT_CORRUPT = 6, /* -EKEYREJECTED, -EBADMSG */
	EXIT_PARTLY = 7, /* some of many failed (each named) */
	EXIT_OTHER = 8, /* -EPROTO, -ENOKEY, anything else */
	EXIT_REVOKED = 9, /* -EKEYREVOKED */
	EXIT_ENDS = 10, /* no error: it works, and a credential will end */
};

struct error_info {
	int err; /* positive errno */
	const char *name; /* "EKEYREVOKED" */
	enum exit_code code;
	bool retryable; /* trying again later can help */
	int reject; /* errno that the helper rejects a key with */
	const char *message; /* one clause, no full stop */
	const char *next; /* what to do next, a sentence */
};

/** error_info() - the row for @err (sign ignored); never NULL. */
const struct error_info *error_info(int err);

/**
 * error_words() - the row for @err (sign ignored), with the words of the place
 * that failed, which are closer to the user's, in place of its own
 * @why, @next: NULL or "": the row's stay; borrowed by what is returned
 */
struct error_info error_words(int err, const char *why, const char *next);

#endif
