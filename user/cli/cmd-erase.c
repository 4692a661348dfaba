// SPDX-License-Identifier: GPL-2.0-or-later
/* erase DEV */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/volume-table.h"
#include "cli/volume-use.h"
#include "volume/keyslots.h"
#include "volume/luks.h"
#include "volume/places.h"
#include "volume/probe.h"
#include "volume/registry.h"

static int report(struct cli *cli, const char *device, const char *uuid,
		  const struct keyslots_erased *e)
{
	struct json_object *obj;

	if (!cli->json) {
		output_line("%s: %u token%s and %u keyslot%s of volume %s are "
			    "destroyed",
			    device, e->tokens, e->tokens == 1 ? "" : "s",
			    e->keyslots, e->keyslots == 1 ? "" : "s", uuid);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", uuid) ||
	    json_add_string(obj, "device", device) ||
	    json_add_u64(obj, "tokens", e->tokens) ||
	    json_add_u64(obj, "keyslots", e->keyslots)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

/* Ours, or once ours: an erase that was killed has removed the token first. */
static int check_ours(struct cli *cli, const struct luks_place *place,
		      const struct header *h)
{
	struct registry_volume v = { 0 };
	int r = 0;

	if (!h->nbindings && strcmp(h->subsystem, LUKS_SUBSYSTEM) &&
	    h->keyslots)
		r = registry_load(&cli->op, h->uuid, &v);
	if (!r || r == -EBADMSG) {
		op_clear(&cli->op);
		return 0;
	}
	op_next(&cli->op, "'cryptsetup erase' is for those.");
	return op_fail(&cli->op, -ENODATA, "%s is not a kmscrypt volume",
		       place->device);
}

static int check(struct cli *cli, const struct luks_place *place,
		 struct header *h)
{
	int r = luks_read(&cli->op, place, h);

	if (!r)
		r = check_ours(cli, place, h);
	if (r || options_has(cli, OPT_FORCE))
		return r;
	r = volume_check_closed(cli, h->uuid, NULL,
				"Close it first; --force erases the keys "
				"nevertheless, and it stays open.");
	return r ? r : probe_unused(&cli->op, place->device);
}

/*
 * Last: until then the registry says that it was ours. Where the registry has
 * the volume elsewhere this was a copy, and the record is the other's: its pins,
 * and what keeps the generation that it needs.
 */
static int forget(struct cli *cli, const struct luks_place *place,
		  const char *uuid)
{
	struct registry_volume v = { 0 };
	_cleanup_close_ int lock = -1;
	int r = registry_lock(&cli->op, &lock);

	if (!r)
		r = registry_load(&cli->op, uuid, &v);
	if (!r && *v.device && !places_is_known(place, &v)) {
		output_note(cli,
			    "the registry keeps volume %s, which it has at %s; "
			    "if that is lost, too: 'kmscrypt forget %s'",
			    uuid, v.device, uuid);
		return 0;
	}
	op_clear(&cli->op);
	return !r || r == -ENOENT || r == -EBADMSG ?
		       registry_remove(&cli->op, uuid) :
		       r;
}

int cmd_erase(struct cli *cli)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_free_ char *device = NULL;
	_cleanup_free_ char *question = NULL;
	struct keyslots_erased erased;
	struct luks_place place = { 0 };
	int r = volume_absolute(cli, cli->args[0], &device);

	place.device = device;
	if (!r)
		r = check(cli, &place, &h);
	if (r)
		return r;
	if (asprintf(&question, "All data of volume %s on %s is lost.", h.uuid,
		     device) < 0) {
		question = NULL;
		return -ENOMEM;
	}
	r = terminal_confirm(cli, question);
	if (!r)
		r = keyslots_erase(&cli->op, &place, h.uuid, &erased);
	if (!r)
		r = forget(cli, &place, h.uuid);
	return r ? r : report(cli, device, h.uuid, &erased);
}
