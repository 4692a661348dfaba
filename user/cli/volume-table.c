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
#include "volume/registry.h"

int volume_absolute(struct cli *cli, const char *path, char **ret)
{
	char *p = *path == '/' ? strdup(path) : realpath(path, NULL);

	if (!p)
		return op_fail(&cli->op, -errno, "%s: %s", path,
			       strerror(errno));
	*ret = p;
	return 0;
}

void volume_where_free(struct volume_where *w)
{
	free(w->device);
	free(w->header);
	free(w->mapping);
}

struct luks_place volume_where_place(const struct volume_where *w)
{
	return (struct luks_place){ .device = w->device, .header = w->header };
}

/* The header of an open volume is where the registry says. */
static int find_mapped(struct cli *cli, const struct mapping *m,
		       struct volume_where *ret)
{
	struct registry_volume v = { 0 };
	char device[MAPPING_DEVICE_MAX];
	int r = mapping_device(&cli->op, m->name, device);

	if (!r)
		r = registry_load(&cli->op, m->uuid, &v);
	if (r && r != -ENOENT)
		return r;
	op_clear(&cli->op);
	ret->device = strdup(device);
	ret->mapping = strdup(m->name);
	if (*v.header)
		ret->header = strdup(v.header);
	if (!ret->device || !ret->mapping || (*v.header && !ret->header))
		return -ENOMEM;
	return 0;
}

int volume_find(struct cli *cli, const char *text, struct volume_where *ret)
{
	struct mapping m = { 0 };

	if (mapping_name_ok(text) && !mapping_info(&cli->op, text, &m))
		return find_mapped(cli, &m, ret);
	op_clear(&cli->op);
	return volume_absolute(cli, text, &ret->device);
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
