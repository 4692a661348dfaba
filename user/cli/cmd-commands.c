// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * commands: the tables for shell completion and for the test that compares
 * them with the manual. A line a command: path, arguments, help, options, with
 * tabs between; an option is --name, --name=ARGUMENT or --name=word|word.
 * "commands entries" and "commands volumes" list names that exist now.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "kms/config.h"
#include "volume/mapping.h"

static bool accepts(const struct command *c, size_t option)
{
	return c->options & (UINT64_C(1) << option);
}

static void print_line(const struct command *c)
{
	printf("%s\t%s\t%s\t", c->path, c->args, c->help);
	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct option_spec *o = &options[i];

		if (!accepts(c, i))
			continue;
		printf("--%s", o->name);
		if (o->arg)
			printf("=%s", o->values ? o->values : o->arg);
		putchar(' ');
	}
	putchar('\n');
}

static struct json_object *option_json(const struct option_spec *o,
				       bool required)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return NULL;
	if (!json_add_string(obj, "name", o->name) &&
	    !json_add_string(obj, "argument", o->arg) &&
	    !json_add_string(obj, "values", o->values) &&
	    !json_add_string(obj, "help", o->help) &&
	    !json_add_bool(obj, "required", required))
		return obj;
	json_object_put(obj);
	return NULL;
}

static struct json_object *command_json(const struct command *c)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *list = json_object_new_array();
	int r = obj && list ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < OPT_COUNT; i++) {
		struct json_object *o;

		if (!accepts(c, i))
			continue;
		o = option_json(&options[i], c->required & (UINT64_C(1) << i));
		if (!o || json_object_array_add(list, o)) {
			json_object_put(o);
			r = -ENOMEM;
		}
	}
	if (!r && !json_add_string(obj, "path", c->path) &&
	    !json_add_string(obj, "arguments", c->args) &&
	    !json_add_string(obj, "help", c->help) &&
	    !json_add_bool(obj, "hidden", c->hidden) &&
	    !json_add(obj, "options", json_object_get(list))) {
		json_object_put(list);
		return obj;
	}
	json_object_put(list);
	json_object_put(obj);
	return NULL;
}

static int list_json(void)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list && i < commands_count; i++) {
		struct json_object *c = command_json(&commands[i]);

		if (c && !json_object_array_add(list, c))
			continue;
		json_object_put(c);
		json_object_put(list);
		return -ENOMEM;
	}
	return output_json(list);
}

static int list_entries(struct cli *cli)
{
	char **names = NULL;
	size_t n = 0;
	int r = config_list(&cli->op, &names, &n);

	for (size_t i = 0; i < n; i++) {
		output_line("%s", names[i]);
		free(names[i]);
	}
	free(names);
	return r;
}

static int list_volumes(struct cli *cli)
{
	struct mapping *all = NULL;
	size_t n = 0;
	int r = mapping_list(&cli->op, &all, &n);

	for (size_t i = 0; !r && i < n; i++)
		output_line("%s", all[i].name);
	free(all);
	return r;
}

int cmd_commands(struct cli *cli)
{
	if (cli->nargs && !strcmp(cli->args[0], "entries"))
		return list_entries(cli);
	if (cli->nargs && !strcmp(cli->args[0], "volumes"))
		return list_volumes(cli);
	if (cli->nargs)
		return op_fail(&cli->op, -EINVAL, "there is no list of '%s'",
			       cli->args[0]);
	if (cli->json)
		return list_json();
	for (size_t i = 0; i < commands_count; i++)
		if (!commands[i].hidden)
			print_line(&commands[i]);
	return 0;
}
