// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/usage.h"

#include <string.h>

#include "cli/cli.h"

#define USAGE_COLUMNS 78

int usage_below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return !n || (!strncmp(path, prefix, n) &&
		      (path[n] == ' ' || path[n] == '\0'));
}

void usage_all(FILE *f, const char *prefix)
{
	fprintf(f, "usage: kmscrypt COMMAND [ARGUMENTS] [OPTIONS]\n\n");
	for (size_t i = 0; i < commands_count; i++) {
		const struct command *c = &commands[i];

		if (c->hidden || !usage_below(c->path, prefix))
			continue;
		fprintf(f, "  %s%s%s\n      %s\n", c->path, *c->args ? " " : "",
			c->args, c->help);
	}
	fprintf(f, "\n'kmscrypt help COMMAND' shows the options, kmscrypt(8) "
		   "explains them.\n");
}

static void print_option(FILE *f, const struct option_spec *o, bool required,
			 int *column)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%s--%s%s%s%s",
			 required ? "" : "[", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "", required ? "" : "]");

	if (*column + n + 1 > USAGE_COLUMNS) {
		fprintf(f, "\n       ");
		*column = 7;
	}
	fprintf(f, " %s", text);
	*column += n + 1;
}

void usage_command(FILE *f, const struct command *c)
{
	int column = fprintf(f, "usage: kmscrypt %s%s%s", c->path,
			     *c->args ? " " : "", c->args);

	for (size_t i = 0; i < OPT_HELP; i++)
		if (c->options & (UINT64_C(1) << i))
			print_option(f, &options[i],
				     c->required & (UINT64_C(1) << i), &column);
	fprintf(f, "\n\n%s\n", c->help);
	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct option_spec *o = &options[i];

		if (!(c->options & (UINT64_C(1) << i)))
			continue;
		fprintf(f, "  --%s%s%s\n      %s", o->name, o->arg ? " " : "",
			o->arg ? o->arg : "", o->help);
		if (o->values)
			fprintf(f, " (%s)", o->values);
		fprintf(f, "\n");
	}
}
