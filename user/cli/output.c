// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"

#define JSON_STYLE                                           \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | \
	 JSON_C_TO_STRING_NOSLASHESCAPE)
#define JSON_LINE (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static char *format(const char *fmt, va_list args)
	__attribute__((format(printf, 1, 0)));

static char *format(const char *fmt, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		return NULL;
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return text;
}

void output_line(const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = format(fmt, args);
	va_end(args);
	puts(text ? text : "out of memory");
}

int output_json(struct json_object *obj)
{
	if (!obj)
		return -ENOMEM;
	puts(json_object_to_json_string_ext(obj, JSON_STYLE));
	json_object_put(obj);
	return 0;
}

int output_json_line(struct json_object *obj)
{
	if (!obj)
		return -ENOMEM;
	puts(json_object_to_json_string_ext(obj, JSON_LINE));
	json_object_put(obj);
	/* whoever reads it waits for it */
	fflush(stdout);
	return 0;
}

/* One line on standard error. Takes over @obj. */
static void complain(struct json_object *obj)
{
	if (obj)
		fprintf(stderr, "%s\n",
			json_object_to_json_string_ext(obj, JSON_LINE));
	json_object_put(obj);
}

static void say(const struct cli *cli, const char *kind, const char *text)
{
	struct json_object *obj;

	if (!text)
		return;
	if (!cli->json) {
		log_say(LOG_LEVEL_WARNING, "%s", text);
		return;
	}
	obj = json_object_new_object();
	if (obj)
		(void)json_add_string(obj, kind, text);
	complain(obj);
}

void output_warning(const struct cli *cli, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = format(fmt, args);
	va_end(args);
	say(cli, "warning", text);
}

void output_note(const struct cli *cli, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;

	if (cli->json)
		return;
	va_start(args, fmt);
	text = format(fmt, args);
	va_end(args);
	if (text)
		puts(text);
}

static int add_error(struct json_object *obj, const struct error_info *e)
{
	struct json_object *error = json_object_new_object();

	if (!error)
		return -ENOMEM;
	if (json_add_u64(error, "code", e->code) ||
	    json_add_string(error, "errno", e->name) ||
	    json_add_bool(error, "retryable", e->retryable) ||
	    json_add_string(error, "message", e->message) ||
	    json_add_string(error, "next", e->next)) {
		json_object_put(error);
		return -ENOMEM;
	}
	return json_add(obj, "error", error);
}

static int report(const struct cli *cli, const struct error_info *e)
{
	struct json_object *obj = cli->json ? json_object_new_object() : NULL;

	if (!obj || add_error(obj, e))
		log_say(LOG_LEVEL_ERROR, "%s. %s", e->message, e->next);
	else
		complain(json_object_get(obj));
	json_object_put(obj);
	return e->code;
}

int output_add_error(struct json_object *obj, int err, const char *why,
		     const char *next)
{
	const struct error_info e = error_words(err, why, next);

	return add_error(obj, &e);
}

int output_error(const struct cli *cli, int err)
{
	const struct error_info e =
		error_words(err, cli->op.detail, cli->op.next);

	return report(cli, &e);
}

int output_partly(const struct cli *cli, const char *message, const char *next)
{
	const struct error_info e = {
		.name = "PARTLY",
		.code = EXIT_PARTLY,
		.retryable = true,
		.message = message,
		.next = next,
	};

	return report(cli, &e);
}

int output_some_failed(const struct cli *cli, const char *message,
		       const char *first)
{
	char next[OP_TEXT_MAX + 128];

	snprintf(next, sizeof(next),
		 "Put right what is named above and run the same command "
		 "again.%s%s",
		 first ? " For the first: " : "", first ? first : "");
	return output_partly(cli, message, next);
}

int output_finish(void)
{
	if (fflush(stdout) || ferror(stdout))
		return errno ? -errno : -EIO;
	return 0;
}
