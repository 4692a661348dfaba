// SPDX-License-Identifier: GPL-2.0-or-later
/* reidentify DEV: a copy becomes a volume of its own. */
#include <errno.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume-table.h"
#include "cli/volume-use.h"
#include "kms/config.h"
#include "volume/header.h"
#include "volume/identity.h"
#include "volume/luks.h"
#include "volume/probe.h"

static int report(struct cli *cli, const char *device,
		  const struct identity *id)
{
	struct json_object *obj;

	if (id->dropped)
		output_warning(cli,
			       "%zu binding%s that did not open %s removed",
			       id->dropped, id->dropped == 1 ? "" : "s",
			       id->dropped == 1 ? "is" : "are");
	if (!cli->json) {
		output_line("%s is volume %s now; it was %s", device, id->uuid,
			    id->before);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", id->uuid) ||
	    json_add_string(obj, "before", id->before) ||
	    json_add_string(obj, "device", device) ||
	    json_add_u64(obj, "bindings", id->bindings) ||
	    json_add_u64(obj, "dropped", id->dropped)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

int cmd_reidentify(struct cli *cli)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_free_ char *device = NULL;
	_cleanup_close_ int hold = -1;
	struct identity id = {
		.accept = options_has(cli, OPT_ACCEPT_HEADER),
		.force = options_has(cli, OPT_FORCE),
	};
	struct luks_place place = { 0 };
	int r = volume_absolute(cli, cli->args[0], &device);

	place.device = device;
	if (!r)
		r = luks_read(&cli->op, &place, &h);
	/* The original may be open meanwhile, on its own device. */
	if (!r)
		r = volume_check_closed(cli, h.uuid, device,
					"Close it first: the kernel would go "
					"on asking for the old UUID.");
	if (!r)
		r = probe_unused(&cli->op, device);
	/* No kms set that would move or end what the bindings are sealed with. */
	if (!r)
		r = config_hold(&cli->op, &hold);
	if (!r)
		r = identity_renew(&cli->op, &place, &id);
	return r ? r : report(cli, device, &id);
}
