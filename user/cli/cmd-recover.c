// SPDX-License-Identifier: GPL-2.0-or-later
/* recover DEV: a passphrase for the day on which there is no KMS. */
#include <errno.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/volume-table.h"
#include "volume/keyslots.h"
#include "volume/luks.h"
#include "volume/pins.h"
#include "volume/unlock.h"

#define ANY_SLOT (-1)

static bool has_large_ivs(const struct header *h)
{
	for (size_t i = 0; i < h->nbindings; i++)
		if (h->bindings[i].iv_large_sectors)
			return true;
	return false;
}

static int report(struct cli *cli, const char *device, const struct header *h,
		  int slot, bool added)
{
	const char *uuid = h->uuid;
	struct json_object *obj;

	if (has_large_ivs(h))
		output_warning(cli,
			       "%s counts IVs in large sectors, which "
			       "cryptsetup does not do under LUKS2: with the "
			       "passphrase 'kmscrypt enroll' can bind it to "
			       "another KMS, but cryptsetup cannot map it",
			       device);
	if (added)
		output_warning(cli,
			       "whoever knows the recovery passphrase opens "
			       "%s without any KMS, and no KMS can revoke that",
			       device);
	if (!cli->json) {
		output_line("keyslot %d of %s opens with the recovery "
			    "passphrase%s",
			    slot, device, added ? "" : " already");
		output_line("without a KMS: cryptsetup open %s NAME", device);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", uuid) ||
	    json_add_string(obj, "device", device) ||
	    json_add_u64(obj, "keyslot", (uint64_t)slot) ||
	    json_add_bool(obj, "changed", added)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

/* Ends with a keyslot that was seen to open. Returns its number. */
static int add(struct cli *cli, const struct luks_place *place,
	       const struct secret *passphrase, bool *added)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	int slot, r;

	r = pins_unlock(&cli->op, place, options_has(cli, OPT_ACCEPT_HEADER),
			&plan, &u);
	if (r)
		return r;
	/* Repeated: one keyslot for a passphrase is enough. */
	slot = plan.header.keyslots ?
		       keyslots_open(&cli->op, place, ANY_SLOT, passphrase) :
		       -EACCES;
	if (slot != -EACCES)
		return slot;
	op_clear(&cli->op);
	slot = keyslots_add(&cli->op, place, plan.header.uuid, &u.capsule.key,
			    passphrase);
	if (slot < 0)
		return slot;
	*added = true;
	return keyslots_open(&cli->op, place, slot, passphrase);
}

int cmd_recover(struct cli *cli)
{
	_cleanup_secret_ struct secret passphrase = SECRET_EMPTY;
	_cleanup_header_ struct header h = { 0 };
	_cleanup_free_ char *device = NULL;
	struct luks_place place = { 0 };
	bool added = false;
	int r = volume_absolute(cli, cli->args[0], &device);

	place.device = device;
	if (!r)
		r = luks_read(&cli->op, &place, &h);
	if (!r)
		r = terminal_passphrase(cli, "Recovery passphrase", true,
					&passphrase);
	if (r)
		return r;
	/* People are slow; the KMS has its whole time. */
	op_init(&cli->op, cli->timeout_ms);
	r = add(cli, &place, &passphrase, &added);
	return r < 0 ? r : report(cli, device, &h, r, added);
}
