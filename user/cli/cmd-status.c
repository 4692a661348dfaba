// SPDX-License-Identifier: GPL-2.0-or-later
/* status NAME */
#include <errno.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "volume/mapping.h"

static int print_json(const struct mapping *m, const char *status,
		      const char *table)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "name", m->name) ||
	    json_add_string(obj, "uuid", m->uuid) ||
	    json_add_u64(obj, "major", m->major) ||
	    json_add_u64(obj, "minor", m->minor) ||
	    json_add_u64(obj, "open_count", (uint64_t)m->open_count) ||
	    json_add_bool(obj, "suspended", m->suspended) ||
	    json_add_bool(obj, "read_only", m->read_only) ||
	    json_add_bool(obj, "live", m->live) ||
	    json_add_string(obj, "status", status) ||
	    json_add_string(obj, "table", table)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

static void print_text(const struct mapping *m, const char *status,
		       const char *table)
{
	output_line("/dev/mapper/%s (%u:%u)", m->name, m->major, m->minor);
	output_line("  volume   %s", m->uuid);
	output_line("  status   %s", status ? status : "no table");
	output_line("  table    %s", table ? table : "none");
	output_line("  flags    %s%s, open count %d",
		    m->suspended ? "suspended, " : "",
		    m->read_only ? "read-only" : "read-write", m->open_count);
}

int cmd_status(struct cli *cli)
{
	_cleanup_free_ char *status = NULL, *table = NULL;
	struct mapping m = { 0 };
	int r = mapping_info(&cli->op, cli->args[0], &m);

	if (!r && m.live)
		r = mapping_status(&cli->op, m.name, &status);
	if (!r && m.live)
		r = mapping_table_text(&cli->op, m.name, &table);
	if (r)
		return r;
	if (cli->json)
		return print_json(&m, status, table);
	print_text(&m, status, table);
	return 0;
}
