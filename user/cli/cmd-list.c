// SPDX-License-Identifier: GPL-2.0-or-later
/* list, scan: the volumes that this host knows, or can find. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/volume-use.h"
#include "kms/config.h"
#include "volume/luks.h"
#include "volume/mapping.h"
#include "volume/scan.h"

/* What a list shows beside the volumes. */
struct view {
	struct scan scan;
	struct mapping *mappings;
	size_t nmappings;
};

static void view_free(struct view *v)
{
	scan_free(&v->scan);
	free(v->mappings);
}

#define _cleanup_view_ __attribute__((cleanup(view_free)))

static const char *mapping_of(const struct view *v, const char *uuid)
{
	for (size_t i = 0; i < v->nmappings; i++)
		if (!strcmp(v->mappings[i].uuid, uuid))
			return v->mappings[i].name;
	return "";
}

/* The entry of a generation, "" when this host has none. */
static void entry_of(const char *id, char ret[CONFIG_ENTRY_NAME_MAX])
{
	struct generation g = { 0 };
	struct op op;

	op_init(&op, 0);
	if (config_find(&op, id, &g, ret))
		*ret = '\0';
	generation_free(&g);
}

static struct json_object *entries_json(const struct scan_item *item)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list && i < item->nids; i++) {
		char name[CONFIG_ENTRY_NAME_MAX];
		struct json_object *obj = json_object_new_object();

		entry_of(item->ids[i], name);
		if (obj && !json_add_string(obj, "generation", item->ids[i]) &&
		    !json_add_string(obj, "entry", *name ? name : NULL) &&
		    !json_object_array_add(list, obj))
			continue;
		json_object_put(obj);
		json_object_put(list);
		return NULL;
	}
	return list;
}

static struct json_object *item_json(const struct view *v,
				     const struct scan_item *item)
{
	struct json_object *obj = json_object_new_object();
	const char *name = mapping_of(v, item->uuid);

	if (!obj)
		return NULL;
	if (!json_add_string(obj, "uuid", item->uuid) &&
	    !json_add_string(obj, "device", item->device) &&
	    !json_add_string(obj, "label", item->label) &&
	    !json_add_bool(obj, "registered", item->registered) &&
	    !json_add_bool(obj, "reached", !item->err) &&
	    !json_add_string(obj, "open_as", *name ? name : NULL) &&
	    !(item->err && json_add_string(obj, "why", item->why)) &&
	    !json_add(obj, "bindings", entries_json(item)))
		return obj;
	json_object_put(obj);
	return NULL;
}

static int print_json(const struct view *v)
{
	_cleanup_json_ struct json_object *list = json_object_new_array();
	struct json_object *obj;

	for (size_t i = 0; list && i < v->scan.n; i++) {
		struct json_object *item = item_json(v, &v->scan.items[i]);

		if (!item || json_object_array_add(list, item)) {
			json_object_put(item);
			return -ENOMEM;
		}
	}
	obj = json_object_new_object();
	if (!obj || !list || json_add(obj, "volumes", json_object_get(list))) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

/* Which entry opens it, in a word. */
static const char *bound_to(const struct scan_item *item,
			    char buf[CONFIG_ENTRY_NAME_MAX])
{
	if (!item->nids)
		return "(no binding)";
	entry_of(item->ids[0], buf);
	return *buf ? buf : "(no entry)";
}

static void print_item(const struct view *v, const struct scan_item *item)
{
	char name[CONFIG_ENTRY_NAME_MAX];
	const char *open_as = mapping_of(v, item->uuid);
	const char *device = *item->device ? item->device : "-";
	const char *entry = bound_to(item, name);
	const char *why = *item->why ? item->why :
				       error_info(item->err)->message;

	if (item->err)
		output_line("%-36s  %-20s  %-12s  NOT REACHED: %s", item->uuid,
			    device, entry, why);
	else
		output_line("%-36s  %-20s  %-12s  %s%s", item->uuid, device,
			    entry, *open_as ? "open as " : "closed", open_as);
}

static int print(struct cli *cli, struct view *v)
{
	struct op op;

	/* Without device-mapper (a container) nothing is open. */
	op_init(&op, 0);
	(void)mapping_list(&op, &v->mappings, &v->nmappings);
	if (cli->json)
		return print_json(v);
	for (size_t i = 0; i < v->scan.n; i++)
		print_item(v, &v->scan.items[i]);
	if (!v->scan.n)
		output_note(cli, "no volumes; 'kmscrypt scan' looks for them, "
				 "'kmscrypt format' makes one");
	return 0;
}

int cmd_list(struct cli *cli)
{
	_cleanup_view_ struct view v = { 0 };
	int r = scan_registry(&cli->op, &v.scan);

	return r ? r : print(cli, &v);
}

/* With --accept-header: what the header holds is pinned, if the KMS opens it. */
static int accept(struct cli *cli, struct scan_item *item)
{
	const struct luks_place place = scan_place(item);
	int r;

	op_init(&cli->op, cli->timeout_ms);
	r = item->nids ? volume_accept(cli, &place) : 0;
	if (r && r != -ENOMEM) {
		item->err = r;
		snprintf(item->why, sizeof(item->why), "%s",
			 *cli->op.detail ? cli->op.detail :
					   error_info(r)->message);
		op_clear(&cli->op);
		return 0;
	}
	return r;
}

/* Each volume once: a clone does not take the record over. */
static int register_all(struct cli *cli, struct scan *s)
{
	for (size_t i = 0; i < s->n; i++) {
		bool first = !s->items[i].err;
		int r;

		for (size_t k = 0; first && k < i; k++)
			first = strcmp(s->items[k].uuid, s->items[i].uuid) != 0;
		if (!first)
			continue;
		r = scan_register(&cli->op, &s->items[i]);
		if (!r)
			r = accept(cli, &s->items[i]);
		if (r)
			return r;
	}
	return 0;
}

int cmd_scan(struct cli *cli)
{
	_cleanup_view_ struct view v = { 0 };
	int r = scan_known(&cli->op, (const char *const *)cli->args, cli->nargs,
			   &v.scan);

	if (!r)
		r = register_all(cli, &v.scan);
	if (!r)
		r = print(cli, &v);
	if (r || !options_has(cli, OPT_ACCEPT_HEADER))
		return r;
	for (size_t i = 0; i < v.scan.n; i++)
		if (v.scan.items[i].err)
			return output_partly(cli,
					     "not every volume was reached and "
					     "opened by its KMS; what was "
					     "pinned of those stays",
					     "Put right what is named above "
					     "and repeat.");
	return 0;
}
