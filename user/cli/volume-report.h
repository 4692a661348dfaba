/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of one of many volumes: a line, or with --json an object, as soon
 * as it is known.
 */
#ifndef _CLI_VOLUME_REPORT_H
#define _CLI_VOLUME_REPORT_H

#include "volume/mapping.h"

struct cli;
struct json_object;
struct progress;

struct volume_report {
	const char *uuid, *device; /* "" where unknown */
	const char *result; /* the word that --json has for it */
	const char *mapping; /* its name, NULL: there is none */
	char words[MAPPING_NAME_MAX + 32]; /* for people; what comes before why */
	int err; /* 0: it is done */
	const char *why, *next; /* "": the table of errors has the words */
};

/** volume_report_json() - NULL: out of memory. The caller's to free. */
struct json_object *volume_report_json(const struct volume_report *r);

/** volume_report_line() - a line for people */
void volume_report_line(const struct volume_report *r);

/**
 * volume_report_now() - say it at once, in the form that is wanted
 * @bar: NULL, or a bar that says how many are done: then only the others are
 * named
 */
void volume_report_now(const struct cli *cli, struct progress *bar,
		       const struct volume_report *r);

#endif
