// SPDX-License-Identifier: GPL-2.0-or-later
/* table DEV: the line for dmsetup(8) or dm-mod.create= */
#include <errno.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume-table.h"
#include "volume/mapping.h"

static int beneath(struct cli *cli, const struct mapping_table *t, char **ret)
{
	if (*t->beneath)
		return mapping_beneath_line(t, ret);
	return op_fail(&cli->op, -EINVAL,
		       "%s has no integrity tags: nothing goes beneath its "
		       "table",
		       cli->args[0]);
}

int cmd_table(struct cli *cli)
{
	_cleanup_free_ char *line = NULL;
	struct mapping_table table;
	struct json_object *obj;
	int r = volume_table(cli, cli->args[0], &table);

	if (!r && options_has(cli, OPT_BENEATH))
		r = beneath(cli, &table, &line);
	else if (!r)
		r = mapping_line(&table, &line);
	if (r)
		return r;
	if (!cli->json) {
		output_line("%s", line);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", table.uuid) ||
	    json_add_string(obj, "table", line) ||
	    (*table.beneath &&
	     json_add_string(obj, "dif_device", table.device)) ||
	    json_add_u64(obj, "sectors", table.len)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}
