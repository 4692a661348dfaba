// SPDX-License-Identifier: GPL-2.0-or-later
/* format DEV */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/entry.h"
#include "cli/lease-options.h"
#include "cli/output.h"
#include "cli/volume-table.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "volume/bindings.h"
#include "volume/create.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/probe.h"

static int parse(struct cli *cli, struct create *c)
{
	struct bindings_lease lease = { .queue_cap_s =
						KMSC_QUEUE_CAP_DEFAULT_S };
	uint32_t bits = LUKS_KEY_BYTES_DEFAULT * 8;
	int r = options_entry(cli, &c->entry);

	c->cipher = cli->opt[OPT_CIPHER];
	c->label = cli->opt[OPT_LABEL];
	if (c->label && strlen(c->label) >= HEADER_LABEL_MAX)
		return op_fail(&cli->op, -EINVAL,
			       "a label has at most %d bytes",
			       HEADER_LABEL_MAX - 1);
	if (options_has(cli, OPT_IV_LARGE_SECTORS))
		c->flags |= KMSC_DESC_IV_LARGE_SECTORS;
	if (!r)
		r = options_u32(cli, OPT_KEY_SIZE, 1, KMSC_KEY_MAX * 8, &bits);
	if (!r)
		r = options_u32(cli, OPT_SECTOR_SIZE, KMSC_SECTOR_MIN,
				KMSC_SECTOR_MAX, &c->sector_size);
	if (!r)
		r = lease_options_apply(cli, &lease);
	c->key_bytes = bits / 8;
	c->policy = lease.policy;
	c->lease_s = lease.lease_s;
	c->queue_cap_s = lease.queue_cap_s;
	return r;
}

static int report(struct cli *cli, const char *device, const struct create *c,
		  const struct header *h)
{
	struct json_object *obj;

	if (!cli->json) {
		output_line("%s is volume %s, bound to entry '%s'", device,
			    h->uuid, c->entry);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", h->uuid) ||
	    json_add_string(obj, "device", device) ||
	    json_add_string(obj, "entry", c->entry) ||
	    json_add_string(obj, "cipher", h->segment.cipher) ||
	    json_add_u64(obj, "key_bytes", c->key_bytes) ||
	    json_add_u64(obj, "sector_size", h->segment.sector_size) ||
	    json_add_u64(obj, "lease_s", c->lease_s)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

int cmd_format(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { 0 };
	_cleanup_header_ struct header h = { 0 };
	_cleanup_kms_ struct kms *kms = NULL;
	_cleanup_free_ char *device = NULL;
	_cleanup_close_ int hold = -1;
	struct create c = { .generation = &g };
	struct luks_place place = { 0 };
	int r = parse(cli, &c);

	if (!r)
		r = volume_absolute(cli, cli->args[0], &device);
	if (!r)
		r = options_has(cli, OPT_FORCE) ?
			    probe_unused(&cli->op, device) :
			    probe_empty(&cli->op, device);
	/* No kms set that would end the generation before it is bound. */
	if (!r)
		r = config_hold(&cli->op, &hold);
	/* Before anything is overwritten. */
	if (!r)
		r = entry_open(cli, c.entry, &g, &kms);
	if (r)
		return r;
	place.device = device;
	c.kms = kms;
	r = create_volume(&cli->op, &place, &c, &h);
	return r ? r : report(cli, device, &c, &h);
}
