// SPDX-License-Identifier: GPL-2.0-or-later
/* open DEV NAME, close NAME; for open --all see cmd-open-all.c */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume-table.h"
#include "cli/volume-use.h"
#include "volume/luks.h"
#include "volume/mapping.h"
#include "volume/opening.h"

static int check_name(struct cli *cli, const char *name)
{
	if (mapping_name_ok(name))
		return 0;
	return op_fail(&cli->op, -EINVAL, "'%s' cannot be a mapping's name",
		       name);
}

static int check_device(struct cli *cli, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return op_fail(&cli->op, -errno, "%s: %s", path,
			       strerror(errno));
	if (S_ISBLK(st.st_mode))
		return 0;
	op_next(&cli->op, "Attach it first: losetup --find --show %s", path);
	return op_fail(&cli->op, -ENODEV, "%s is not a block device", path);
}

static int report(struct cli *cli, const char *name, const char *uuid,
		  const char *done)
{
	struct json_object *obj;

	if (!cli->json) {
		output_line("/dev/mapper/%s is %s%s%s", name, done,
			    *uuid ? ", volume " : "", uuid);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "name", name) ||
	    json_add_string(obj, "state", done) ||
	    (*uuid && json_add_string(obj, "uuid", uuid))) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

int cmd_open(struct cli *cli)
{
	const struct luks_place place = { .device = cli->args[0] };
	struct mapping_table table;
	int r = 0;

	if (options_has(cli, OPT_ALL))
		return cmd_open_all(cli);
	if (cli->nargs < 2)
		r = op_fail(&cli->op, -EINVAL,
			    "'open' needs DEV NAME, or --all");
	if (!r)
		r = check_name(cli, cli->args[1]);
	if (!r)
		r = check_device(cli, cli->args[0]);
	if (!r)
		r = volume_table(cli, cli->args[0], &table);
	/* The helper asks the pins: what they are to be comes first. */
	if (!r)
		r = volume_accept(cli, &place);
	if (!r)
		r = opening_map(&cli->op, cli->args[1], &table,
				options_has(cli, OPT_READONLY));
	return r ? r : report(cli, cli->args[1], table.uuid, "open");
}

int cmd_close(struct cli *cli)
{
	int r = check_name(cli, cli->args[0]);

	if (!r)
		r = mapping_remove(&cli->op, cli->args[0], false);
	return r ? r : report(cli, cli->args[0], "", "closed");
}
