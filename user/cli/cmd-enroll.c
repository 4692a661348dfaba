// SPDX-License-Identifier: GPL-2.0-or-later
/* enroll DEV */
#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/entry.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/volume-table.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "volume/enroll.h"
#include "volume/keyslots.h"
#include "volume/luks.h"

static int report(struct cli *cli, const char *device, const struct enroll *e)
{
	struct json_object *obj;

	if (!cli->json) {
		output_line("%s is volume %s, %s to entry '%s'", device,
			    e->header.uuid, e->had ? "bound already" : "bound",
			    e->entry);
		if (e->stale)
			output_line("%zu stale binding%s of the entry %s "
				    "removed",
				    e->stale, e->stale == 1 ? "" : "s",
				    e->stale == 1 ? "was" : "were");
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", e->header.uuid) ||
	    json_add_string(obj, "device", device) ||
	    json_add_string(obj, "entry", e->entry) ||
	    json_add_bool(obj, "changed", !e->had) ||
	    json_add_u64(obj, "stale_removed", e->stale) ||
	    json_add_u64(obj, "keyslots", e->header.keyslots)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

/* The header first: nobody types a passphrase for what is no volume. */
static int find_key(struct cli *cli, const struct luks_place *place,
		    struct secret *ret)
{
	_cleanup_secret_ struct secret passphrase = SECRET_EMPTY;
	_cleanup_header_ struct header h = { 0 };
	_cleanup_free_ char *what = NULL;
	int r = luks_read(&cli->op, place, &h);

	if (r)
		return r;
	if (asprintf(&what, "Passphrase of %s", place->device) < 0) {
		what = NULL;
		return -ENOMEM;
	}
	r = terminal_passphrase(cli, what, false, &passphrase);
	if (!r)
		r = keyslots_key(&cli->op, place, &passphrase, ret);
	return r;
}

int cmd_enroll(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { 0 };
	_cleanup_secret_ struct secret key = SECRET_EMPTY;
	_cleanup_kms_ struct kms *kms = NULL;
	_cleanup_free_ char *device = NULL;
	_cleanup_close_ int hold = -1;
	struct enroll e = { .generation = &g, .key = &key };
	struct luks_place place = { 0 };
	int r = options_entry(cli, &e.entry);

	if (!r)
		r = volume_absolute(cli, cli->args[0], &device);
	place.device = device;
	if (!r)
		r = find_key(cli, &place, &key);
	if (r)
		return r;
	/* People and argon2id are slow; the KMS has its whole time. */
	op_init(&cli->op, cli->timeout_ms);
	/* No kms set that would end the generation before it is bound. */
	r = config_hold(&cli->op, &hold);
	if (!r)
		r = entry_open(cli, e.entry, &g, &kms);
	e.kms = kms;
	e.accept = options_has(cli, OPT_ACCEPT_HEADER);
	if (!r)
		r = enroll_volume(&cli->op, &place, &e);
	if (!r)
		r = report(cli, device, &e);
	header_free(&e.header);
	return r;
}
