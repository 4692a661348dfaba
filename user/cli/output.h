/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the command line prints: results on standard output (one JSON document
 * with --json), errors and warnings on standard error (with --json one JSON
 * object a line). Control characters are replaced everywhere: labels, key ids
 * and messages of servers are not ours.
 */
#ifndef _CLI_OUTPUT_H
#define _CLI_OUTPUT_H

struct cli;
struct json_object;

/** output_line() - print to standard output; control characters become '?'. */
void output_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** output_json() - print @obj; takes it over. 0, -ENOMEM when it is NULL. */
int output_json(struct json_object *obj);

/** output_json_line() - the same, compact, and at once */
int output_json_line(struct json_object *obj);

/** output_warning() - a sentence for standard error. */
void output_warning(const struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** output_note() - the same, only for people (nothing with --json). */
void output_note(const struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** output_error() - report @err with the words in cli->op. The exit code. */
int output_error(const struct cli *cli, int err);

/**
 * output_add_error() - add @err to @obj as its member "error"
 * @why, @next: NULL or "": the table of errors has the words. 0, -ENOMEM.
 */
int output_add_error(struct json_object *obj, int err, const char *why,
		     const char *next);

/** output_partly() - report EXIT_PARTLY; the volumes were named before. */
int output_partly(const struct cli *cli, const char *message, const char *next);

/**
 * output_some_failed() - the same where to run the command again is what to do
 * @first: what to do about the first that failed, NULL: unknown
 */
int output_some_failed(const struct cli *cli, const char *message,
		       const char *first);

/** output_finish() - flush standard output. 0, -errno when that failed. */
int output_finish(void);

#endif
