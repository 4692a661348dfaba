// SPDX-License-Identifier: GPL-2.0-or-later
/* See log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "base/text.h"

#define LINE_MAX_LEN 2048

static const char *prefix = "kmscrypt";
static bool to_log;

void log_open(const char *name, bool to_syslog)
{
	prefix = name;
	to_log = to_syslog;
	/* NDELAY: the helper's sandbox later allows no new socket */
	if (to_syslog)
		openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_say(enum log_level level, const char *fmt, ...)
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARNING] = LOG_WARNING,
		[LOG_LEVEL_INFO] = LOG_INFO,
	};
	static const char *const words[] = {
		[LOG_LEVEL_ERROR] = "",
		[LOG_LEVEL_WARNING] = "warning: ",
		[LOG_LEVEL_INFO] = "",
	};
	char line[LINE_MAX_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	text_clean(line);
	if (to_log)
		syslog(priorities[level], "%s%s", words[level], line);
	else
		fprintf(stderr, "%s: %s%s\n", prefix, words[level], line);
}
