// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/volume-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "volume/binding.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/mapping.h"

int volume_absolute(struct cli *cli, const char *path, char **ret)
{
	char *p = *path == '/' ? strdup(path) : realpath(path, NULL);

	if (!p)
		return op_fail(&cli->op, -errno, "%s: %s", path,
			       strerror(errno));
	*ret = p;
	return 0;
}

/* The first that can be read; they all have to say the same. */
static const struct binding *pick(const struct header *h)
{
	for (size_t i = 0; i < h->nbindings; i++)
		if (!h->bindings[i].err)
			return &h->bindings[i];
	return NULL;
}

int volume_table(struct cli *cli, const char *device, struct mapping_table *ret)
{
	const struct luks_place place = { .device = device };
	_cleanup_header_ struct header h = { 0 };
	const struct binding *b;
	uint64_t len;
	int r = luks_read(&cli->op, &place, &h);

	if (r)
		return r;
	b = pick(&h);
	if (!b && h.nbindings)
		return op_fail(&cli->op, -EBADMSG, "%s: %s", device,
			       h.bindings[0].why);
	if (!b)
		return op_fail(&cli->op, -ENODATA,
			       "%s has a LUKS2 header without a kmscrypt "
			       "binding",
			       device);
	r = luks_data_sectors(&cli->op, &place, &h, &len);
	if (!r)
		r = mapping_fill(&cli->op, &h, device, b->key_bytes,
				 binding_flags(b), len, ret);
	if (r)
		return r;
	ret->allow_discards = options_has(cli, OPT_ALLOW_DISCARDS);
	return 0;
}
