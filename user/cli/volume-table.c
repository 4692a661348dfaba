// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/volume-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "volume/luks.h"
#include "volume/mapping.h"
#include "volume/opening.h"
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

int volume_table(struct cli *cli, const char *device, struct mapping_table *ret)
{
	const struct luks_place place = { .device = device };

	return opening_table(&cli->op, &place,
			     options_has(cli, OPT_ALLOW_DISCARDS), ret);
}
