// SPDX-License-Identifier: GPL-2.0-or-later
/* forget UUID|DEV: a volume that is lost for good. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume-use.h"
#include "volume/header.h"
#include "volume/registry.h"
#include "volume/scan.h"

/*
 * Its record, by UUID or by where the registry has it: of several volumes that
 * were there one after the other, one that is lost.
 */
static const struct scan_item *find(const struct scan *s, const char *text)
{
	const struct scan_item *found = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct scan_item *item = &s->items[i];

		if (!item->registered || (found && !item->err))
			continue;
		if (!strcmp(item->uuid, text) || !strcmp(item->device, text))
			found = item;
	}
	return found;
}

static int check(struct cli *cli, const struct scan *s,
		 const struct scan_item *item)
{
	int r = volume_check_closed(cli, item->uuid, NULL, "Close it first.");

	if (r || options_has(cli, OPT_FORCE))
		return r;
	for (size_t i = 0; i < s->n; i++) {
		if (s->items[i].err || strcmp(s->items[i].uuid, item->uuid))
			continue;
		op_next(&cli->op, "If it is to be forgotten nevertheless, "
				  "repeat with --force; 'kmscrypt scan' would "
				  "find it again.");
		return op_fail(&cli->op, -EBUSY,
			       "volume %s is not lost: it is at %s", item->uuid,
			       s->items[i].device);
	}
	return 0;
}

static int report(struct cli *cli, const struct scan_item *item)
{
	struct json_object *obj;

	if (!cli->json) {
		output_line("volume %s (%s) is forgotten", item->uuid,
			    *item->device ? item->device : "place not known");
		output_note(cli, "a KMS generation that only it referred to "
				 "ends with the next 'kmscrypt kms rewrap'");
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", item->uuid) ||
	    json_add_string(obj, "device", item->device)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

int cmd_forget(struct cli *cli)
{
	_cleanup_scan_ struct scan s = { 0 };
	const struct scan_item *item;
	_cleanup_close_ int lock = -1;
	int r = scan_known(&cli->op, NULL, 0, &s);

	if (r)
		return r;
	item = find(&s, cli->args[0]);
	if (!item) {
		op_next(&cli->op, "'kmscrypt list' shows those that are.");
		return op_fail(&cli->op, -ENOENT,
			       "'%s' is no volume of this host's registry",
			       cli->args[0]);
	}
	r = check(cli, &s, item);
	if (!r)
		r = registry_lock(&cli->op, &lock);
	if (!r)
		r = registry_remove(&cli->op, item->uuid);
	return r ? r : report(cli, item);
}
