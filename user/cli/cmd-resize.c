// SPDX-License-Identifier: GPL-2.0-or-later
/* resize DEV|NAME: as long as its device is now. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume-table.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/mapping.h"

struct size {
	const char *uuid, *name; /* name: NULL, it is not open */
	uint64_t before, now; /* sectors */
	bool fixed; /* the header says so */
};

static int report(struct cli *cli, const struct size *s)
{
	bool changed = s->before != s->now;
	struct json_object *obj;

	if (!cli->json) {
		if (!s->name)
			output_line("volume %s has %" PRIu64 " sectors%s; it "
				    "is not open",
				    s->uuid, s->now,
				    s->fixed ? ", fixed by its header" : "");
		else
			output_line("/dev/mapper/%s has %" PRIu64 " sectors%s",
				    s->name, s->now,
				    changed ? " now" : " already");
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", s->uuid) ||
	    json_add_string(obj, "name", s->name) ||
	    json_add_u64(obj, "sectors_before", s->before) ||
	    json_add_u64(obj, "sectors", s->now) ||
	    json_add_bool(obj, "fixed", s->fixed) ||
	    json_add_bool(obj, "changed", changed)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

/* A device by its path: as which mapping is it open? "" for none. */
static int find_mapping(struct cli *cli, const struct volume_where *where,
			const char *uuid, char ret[MAPPING_NAME_MAX])
{
	char dm_uuid[MAPPING_UUID_MAX];
	struct mapping *all = NULL;
	size_t n = 0;
	int r;

	*ret = '\0';
	if (where->mapping) {
		strcpy(ret, where->mapping);
		return 0;
	}
	r = mapping_find(&cli->op, uuid, where->device, false, &all, &n);
	for (size_t i = 0; i < n && !*ret; i++)
		/* One that dmsetup made may be short on purpose. */
		if (!mapping_dm_uuid(uuid, all[i].name, dm_uuid) &&
		    !strcmp(dm_uuid, all[i].dm_uuid))
			strcpy(ret, all[i].name);
	free(all);
	return r;
}

int cmd_resize(struct cli *cli)
{
	_cleanup_where_ struct volume_where where = { 0 };
	_cleanup_header_ struct header h = { 0 };
	char name[MAPPING_NAME_MAX];
	struct luks_place place;
	struct size s = { 0 };
	int r = volume_find(cli, cli->args[0], &where);

	if (r)
		return r;
	place = volume_where_place(&where);
	r = luks_read(&cli->op, &place, &h);
	if (!r && !h.nbindings)
		r = op_fail(&cli->op, -ENODATA, "%s has no kmscrypt binding",
			    where.device);
	if (!r && *h.segment.integrity)
		r = op_fail(&cli->op, -EOPNOTSUPP,
			    "%s has integrity tags: dm-integrity keeps the "
			    "size that it was made with",
			    where.device);
	if (!r)
		r = luks_data_sectors(&cli->op, &place, &h, &s.now);
	if (r)
		return r;
	s.uuid = h.uuid;
	s.fixed = h.segment.size;
	s.before = s.now;
	r = find_mapping(cli, &where, h.uuid, name);
	if (!r && *name) {
		s.name = name;
		r = mapping_resize(&cli->op, name, s.now, &s.before);
	}
	if (!r && s.now < s.before)
		output_warning(cli,
			       "/dev/mapper/%s is shorter than before: what "
			       "was at its end is gone",
			       name);
	return r ? r : report(cli, &s);
}
