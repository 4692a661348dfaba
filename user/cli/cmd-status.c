// SPDX-License-Identifier: GPL-2.0-or-later
/* status NAME */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "volume/mapping.h"
#include "volume/state.h"

struct view {
	struct mapping m;
	struct volume_state s;
	char *status; /* as the kernel says it; NULL: no table */
	char *table;
};

static int add_state(struct json_object *obj, const struct volume_state *s)
{
	const char *err = s->error ? error_info(-s->error)->name : NULL;

	if (json_add_string(obj, "state", s->state) ||
	    json_add_string(obj, "reason", s->reason) ||
	    json_add_string(obj, "error", err) ||
	    json_add_u64(obj, "epoch", s->epoch) ||
	    json_add_u64(obj, "lease_s", s->lease_s) ||
	    json_add_u64(obj, "left_s", s->left_s) ||
	    json_add_string(obj, "on_lock", s->on_lock) ||
	    json_add_u64(obj, "queue_cap_s", s->cap_s) ||
	    json_add_u64(obj, "held", s->held) ||
	    json_add_u64(obj, "held_bytes", s->held_bytes))
		return -ENOMEM;
	return 0;
}

static int print_json(const struct view *v)
{
	struct json_object *obj = json_object_new_object();
	const struct mapping *m = &v->m;

	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "name", m->name) ||
	    json_add_string(obj, "uuid", m->uuid) ||
	    json_add_u64(obj, "major", m->major) ||
	    json_add_u64(obj, "minor", m->minor) ||
	    json_add_u64(obj, "open_count", (uint64_t)m->open_count) ||
	    json_add_bool(obj, "suspended", m->suspended) ||
	    json_add_bool(obj, "read_only", m->read_only) ||
	    json_add_bool(obj, "live", m->live) ||
	    (v->status && add_state(obj, &v->s)) ||
	    json_add_string(obj, "status", v->status) ||
	    json_add_string(obj, "table", v->table)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

static void print_state(const struct volume_state *s)
{
	const char *why = s->error ? error_info(-s->error)->message : "";

	output_line("  state    %s%s%s%s%s", s->state,
		    strcmp(s->reason, "none") ? ", " : "",
		    strcmp(s->reason, "none") ? s->reason : "",
		    *why ? ": " : "", why);
	if (s->lease_s)
		output_line("  lease    %ju s, %ju s left",
			    (uintmax_t)s->lease_s, (uintmax_t)s->left_s);
}

static void print_text(const struct view *v)
{
	const struct mapping *m = &v->m;

	output_line("/dev/mapper/%s (%u:%u)", m->name, m->major, m->minor);
	output_line("  volume   %s", m->uuid);
	if (v->status)
		print_state(&v->s);
	output_line("  status   %s", v->status ? v->status : "no table");
	output_line("  table    %s", v->table ? v->table : "none");
	output_line("  flags    %s%s, open count %d",
		    m->suspended ? "suspended, " : "",
		    m->read_only ? "read-only" : "read-write", m->open_count);
}

/* A script sees why a volume does not work, and who may help. */
static int exit_code(const struct volume_state *s)
{
	if (!strcmp(s->reason, "unreachable"))
		return EXIT_UNREACHABLE;
	if (!strcmp(s->reason, "revoked"))
		return EXIT_REVOKED;
	if (!strcmp(s->reason, "admin") || !strcmp(s->reason, "sleep"))
		return EXIT_REFUSED;
	return 0;
}

static int look(struct cli *cli, struct view *v)
{
	int r = mapping_info(&cli->op, cli->args[0], &v->m);

	if (r || !v->m.live)
		return r;
	r = mapping_status(&cli->op, v->m.name, &v->status);
	if (!r)
		r = state_parse(v->status, &v->s);
	if (r == -EBADMSG)
		return op_fail(&cli->op, r, "%s has an odd status", v->m.name);
	return r ? r : mapping_table_text(&cli->op, v->m.name, &v->table);
}

int cmd_status(struct cli *cli)
{
	struct view v = { 0 };
	int r = look(cli, &v);

	if (!r && cli->json)
		r = print_json(&v);
	else if (!r)
		print_text(&v);
	free(v.status);
	free(v.table);
	return r ? r : exit_code(&v.s);
}
