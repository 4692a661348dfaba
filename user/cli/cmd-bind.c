// SPDX-License-Identifier: GPL-2.0-or-later
/* bind DEV, unbind DEV */
#include <errno.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume-table.h"
#include "cli/volume-use.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "volume/bindings.h"
#include "volume/luks.h"

static int report(struct cli *cli, const char *entry, const char *result,
		  const struct bindings_change *c)
{
	struct json_object *obj;

	if (!cli->json) {
		output_line("volume %s is %s entry '%s', %zu binding%s now",
			    c->uuid, result, entry, c->left,
			    c->left == 1 ? "" : "s");
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", c->uuid) ||
	    json_add_string(obj, "entry", entry) ||
	    json_add_bool(obj, "changed", c->changed) ||
	    json_add_u64(obj, "bindings", c->left)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

int cmd_bind(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { 0 };
	_cleanup_kms_ struct kms *kms = NULL;
	_cleanup_free_ char *device = NULL;
	_cleanup_close_ int lock = -1;
	struct bindings_change change;
	struct luks_place place = { 0 };
	struct kms_health health;
	const char *entry;
	int r = options_entry(cli, &entry);

	if (!r)
		r = volume_absolute(cli, cli->args[0], &device);
	/* No kms set meanwhile: the entry must stay what it is. */
	if (!r)
		r = config_lock(&cli->op, &lock);
	if (!r)
		r = config_current(&cli->op, entry, &g);
	if (!r)
		r = kms_open(&cli->op, &g, &kms);
	if (!r)
		r = kms_check_saved(&cli->op, kms, &health);
	if (r)
		return r;
	place.device = device;
	r = volume_accept(cli, &place);
	if (!r)
		r = bindings_bind(&cli->op, &place, entry, &g, kms, &change);
	return r ? r :
		   report(cli, entry,
			  change.changed ? "bound to" : "already bound to",
			  &change);
}

int cmd_unbind(struct cli *cli)
{
	_cleanup_free_ char *device = NULL;
	_cleanup_close_ int lock = -1;
	struct bindings_change change;
	struct luks_place place = { 0 };
	const char *entry;
	int r = options_entry(cli, &entry);

	if (!r)
		r = volume_absolute(cli, cli->args[0], &device);
	if (!r)
		r = config_lock(&cli->op, &lock);
	if (r)
		return r;
	place.device = device;
	r = volume_accept(cli, &place);
	if (!r)
		r = bindings_unbind(&cli->op, &place, entry,
				    options_has(cli, OPT_FORCE), &change);
	if (r)
		return r;
	if (!change.left)
		output_warning(cli,
			       "volume %s has no binding any more: only its "
			       "keyslots open it, and no KMS is asked",
			       change.uuid);
	return report(cli, entry, "unbound from", &change);
}
