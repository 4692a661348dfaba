/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of the entry points, the only code that prints: the helper's goes to
 * syslog (it has no terminal), the command line's to standard error.
 */
#ifndef _BASE_LOG_H
#define _BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

/** log_open() - @name as prefix; @to_syslog selects the place. */
void log_open(const char *name, bool to_syslog);

/** log_say() - one line; control characters are replaced. */
void log_say(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
