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
#include "cli/progress.h"
#include "cli/volume-table.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "volume/bindings.h"
#include "volume/create.h"
#include "volume/header.h"
#include "volume/integrity.h"
#include "volume/luks.h"
#include "volume/probe.h"

/* What cryptsetup's manual proposes; the key has room for 96 bytes in all. */
static const struct {
	const char *kind; /* of the option */
	const char *cipher; /* NULL: as without tags */
	uint32_t bits; /* of its key */
} tagged[] = {
	{ "aead", "aes-gcm-random", 256 },
	{ "poly1305", "chacha20-random", 256 },
	{ "hmac-sha256", NULL, 512 },
	{ "hmac-sha512", NULL, 256 },
};

static int parse_integrity(struct cli *cli, struct create *c, uint32_t *bits)
{
	const char *kind = cli->opt[OPT_INTEGRITY];

	c->no_wipe = options_has(cli, OPT_INTEGRITY_NO_WIPE);
	if (!kind)
		return c->no_wipe ? op_fail(&cli->op, -EINVAL,
					    "--integrity-no-wipe goes with "
					    "--integrity") :
				    0;
	c->integrity = integrity_type(kind);
	for (size_t i = 0; i < sizeof(tagged) / sizeof(*tagged); i++) {
		if (strcmp(tagged[i].kind, kind) != 0)
			continue;
		c->cipher = tagged[i].cipher;
		*bits = tagged[i].bits;
	}
	return 0;
}

static int parse(struct cli *cli, struct create *c)
{
	struct bindings_lease lease = { .queue_cap_s =
						KMSC_QUEUE_CAP_DEFAULT_S };
	uint32_t bits = LUKS_KEY_BYTES_DEFAULT * 8;
	int r = options_entry(cli, &c->entry);

	if (!r)
		r = parse_integrity(cli, c, &bits);
	if (options_has(cli, OPT_CIPHER))
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
	if (c->integrity)
		c->key_bytes += integrity_mac_bytes(c->integrity);
	if (!r && c->key_bytes > KMSC_KEY_MAX)
		r = op_fail(&cli->op, -EINVAL,
			    "the keys of cipher and %s have more than %d bits "
			    "together",
			    cli->opt[OPT_INTEGRITY], KMSC_KEY_MAX * 8);
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
	    (c->integrity &&
	     json_add_string(obj, "integrity", h->segment.integrity)) ||
	    json_add_u64(obj, "key_bytes", c->key_bytes) ||
	    json_add_u64(obj, "sector_size", h->segment.sector_size) ||
	    json_add_u64(obj, "lease_s", c->lease_s)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

static void show(void *arg, uint64_t done, uint64_t total)
{
	progress_show(arg, done / 2048, total / 2048, 0);
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
	struct progress bar = { 0 };
	int r = parse(cli, &c);

	if (!r)
		r = volume_absolute(cli, cli->args[0], &device);
	place.device = device;
	/* Before anything is overwritten. */
	if (!r)
		r = create_check(&cli->op, &place, &c);
	if (!r)
		r = options_has(cli, OPT_FORCE) ?
			    probe_unused(&cli->op, device) :
			    probe_empty(&cli->op, device);
	/* No kms set that would end the generation before it is bound. */
	if (!r)
		r = config_hold(&cli->op, &hold);
	if (!r)
		r = entry_open(cli, c.entry, &g, &kms);
	if (r)
		return r;
	c.kms = kms;
	c.arg = &bar;
	if (!cli->json && progress_wanted())
		c.progress = show;
	r = create_volume(&cli->op, &place, &c, &h);
	/* What follows may take hours. */
	file_close_fd(&hold);
	if (!r)
		r = create_wipe(&cli->op, &place, &c);
	progress_clear(&bar);
	return r ? r : report(cli, device, &c, &h);
}
