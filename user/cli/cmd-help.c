// SPDX-License-Identifier: GPL-2.0-or-later
/* help, version, and the hidden listing that completion and tests read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/usage.h"

int cmd_help(struct cli *cli)
{
	char path[128] = "";
	const struct command *exact = NULL;
	size_t used = 0, found = 0;

	for (size_t i = 0; i < cli->nargs && used < sizeof(path); i++)
		used += (size_t)snprintf(path + used, sizeof(path) - used,
					 "%s%s", i ? " " : "", cli->args[i]);
	for (size_t i = 0; i < commands_count; i++) {
		if (*path && !strcmp(commands[i].path, path))
			exact = &commands[i];
		found += usage_below(commands[i].path, path) != 0;
	}
	/* "kms" is a command and a group: then the group is shown. */
	if (exact && found == 1) {
		usage_command(stdout, exact);
		return 0;
	}
	if (!found) {
		op_fail(&cli->op, -EINVAL, "there is no command '%s'", path);
		op_next(&cli->op, "See 'kmscrypt help'.");
		return -EINVAL;
	}
	usage_all(stdout, path);
	return 0;
}

int cmd_version(struct cli *cli)
{
	struct json_object *obj;

	if (!cli->json) {
		output_line("kmscrypt %s", KMSCRYPT_VERSION);
		return 0;
	}
	obj = json_object_new_object();
	if (obj)
		(void)json_add_string(obj, "version", KMSCRYPT_VERSION);
	return output_json(obj);
}
