// SPDX-License-Identifier: GPL-2.0-or-later
/* header backup DEV FILE, header restore DEV FILE */
#include <errno.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume-table.h"
#include "cli/volume-use.h"
#include "kms/config.h"
#include "volume/backup.h"
#include "volume/luks.h"
#include "volume/probe.h"

static int report(struct cli *cli, const char *device, const char *file,
		  const struct header *h, bool changed, const char *done)
{
	struct json_object *obj;

	if (!cli->json) {
		output_line("header of volume %s, %s: %s %s; the KMS opens it",
			    h->uuid, device, done, file);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", h->uuid) ||
	    json_add_string(obj, "device", device) ||
	    json_add_string(obj, "file", file) ||
	    json_add_u64(obj, "bindings", h->nbindings) ||
	    json_add_u64(obj, "keyslots", h->keyslots) ||
	    json_add_bool(obj, "changed", changed)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

int cmd_header_backup(struct cli *cli)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_free_ char *device = NULL;
	const char *file = cli->args[1];
	struct luks_place place = { 0 };
	int r = volume_absolute(cli, cli->args[0], &device);

	place.device = device;
	if (!r)
		r = volume_accept(cli, &place);
	if (!r)
		r = backup_make(&cli->op, &place, file, &h);
	if (r)
		return r;
	if (h.keyslots)
		output_warning(cli,
			       "whoever has %s and one of its passphrases "
			       "opens the volume, also after that passphrase "
			       "was removed from %s",
			       file, device);
	return report(cli, device, file, &h, true, "saved to");
}

/* An open volume keeps its key; only force writes its header meanwhile. */
static int check_unused(struct cli *cli, const char *device, const char *file)
{
	const struct luks_place place = { .device = file };
	_cleanup_header_ struct header h = { 0 };
	int r = luks_read(&cli->op, &place, &h);

	if (r)
		return r;
	r = volume_check_closed(cli, h.uuid, device,
				"Close it first; --force writes the header "
				"nevertheless, and it stays open.");
	if (r && options_has(cli, OPT_FORCE)) {
		op_clear(&cli->op);
		return 0;
	}
	return r ? r : probe_unused(&cli->op, device);
}

int cmd_header_restore(struct cli *cli)
{
	struct backup_restore b = {
		.accept = options_has(cli, OPT_ACCEPT_HEADER),
		.force = options_has(cli, OPT_FORCE),
	};
	_cleanup_free_ char *device = NULL;
	const char *file = cli->args[1];
	struct luks_place place = { 0 };
	_cleanup_close_ int hold = -1;
	int r = volume_absolute(cli, cli->args[0], &device);

	place.device = device;
	/* No kms set that would end the generation that the backup has. */
	if (!r)
		r = config_hold(&cli->op, &hold);
	if (!r)
		r = check_unused(cli, device, file);
	if (!r)
		r = backup_restore(&cli->op, &place, file, &b);
	if (!r)
		r = report(cli, device, file, &b.header, b.changed,
			   b.changed ? "restored from" : "the same already as");
	header_free(&b.header);
	return r;
}
