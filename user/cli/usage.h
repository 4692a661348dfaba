/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help texts, generated from the tables. */
#ifndef _CLI_USAGE_H
#define _CLI_USAGE_H

#include <stdio.h>

struct command;

/** usage_all() - one line a command whose path starts with @prefix ("": all) */
void usage_all(FILE *f, const char *prefix);

/** usage_command() - synopsis and options of one command. */
void usage_command(FILE *f, const struct command *c);

/** usage_below() - does @path start with the whole words @prefix? */
int usage_below(const char *path, const char *prefix);

#endif
