// SPDX-License-Identifier: GPL-2.0-or-later
/* See volume-report.h. */
#include "cli/volume-report.h"

#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"

struct json_object *volume_report_json(const struct volume_report *r)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return NULL;
	if (!json_add_string(obj, "uuid", r->uuid) &&
	    !json_add_string(obj, "device", r->device) &&
	    !json_add_string(obj, "result", r->result) &&
	    !(r->mapping && json_add_string(obj, "name", r->mapping)) &&
	    !(r->err && output_add_error(obj, r->err, r->why, r->next)))
		return obj;
	json_object_put(obj);
	return NULL;
}

void volume_report_line(const struct volume_report *r)
{
	const char *uuid = *r->uuid ? r->uuid : "-";
	const char *device = *r->device ? r->device : "-";

	if (r->err)
		output_line("  %s %s: %s: %s", uuid, device, r->words,
			    error_words(r->err, r->why, NULL).message);
	else
		output_line("  %s %s: %s", uuid, device, r->words);
}

void volume_report_now(const struct cli *cli, struct progress *bar,
		       const struct volume_report *r)
{
	if (cli->json) {
		(void)output_json_line(volume_report_json(r));
		return;
	}
	if (bar && !r->err)
		return;
	if (bar)
		progress_clear(bar);
	volume_report_line(r);
	fflush(stdout);
}
