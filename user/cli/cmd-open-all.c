// SPDX-License-Identifier: GPL-2.0-or-later
/* open --all */
#include <errno.h>
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/volume-report.h"
#include "volume/opening.h"

static const char *const fates[] = {
	[OPENING_FAILED] = "failed",
	[OPENING_OPENED] = "opened",
	[OPENING_OPEN] = "open",
	[OPENING_ABSENT] = "absent",
};

struct view {
	struct cli *cli;
	struct progress *bar; /* or NULL */
};

static bool is_mapped(const struct opening_result *r)
{
	return r->fate == OPENING_OPENED || r->fate == OPENING_OPEN;
}

static void describe(const struct opening_result *r, struct volume_report *ret)
{
	*ret = (struct volume_report){
		.uuid = r->uuid,
		.device = r->device,
		.result = fates[r->fate],
		.mapping = is_mapped(r) ? r->name : NULL,
		.err = is_mapped(r) ? 0 : r->err,
		.why = r->why,
		.next = r->next,
	};
	if (is_mapped(r))
		snprintf(ret->words, sizeof(ret->words), "%s as /dev/mapper/%s",
			 r->fate == OPENING_OPEN ? "open already" : "open",
			 r->name);
	else
		snprintf(ret->words, sizeof(ret->words), "%s",
			 r->fate == OPENING_ABSENT ? "absent" : "FAILED");
}

static void report(const struct opening *o, const struct opening_result *r)
{
	const struct view *v = o->arg;
	struct volume_report said;

	describe(r, &said);
	volume_report_now(v->cli, v->bar, &said);
	if (v->bar)
		progress_show(v->bar, o->done, o->total,
			      o->count[OPENING_FAILED]);
}

static int print_json(const struct opening *o)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(fates) / sizeof(*fates); i++)
		if (json_add_u64(obj, fates[i], o->count[i])) {
			json_object_put(obj);
			return -ENOMEM;
		}
	return output_json_line(obj);
}

static void print_text(struct cli *cli, const struct opening *o)
{
	if (!o->total)
		output_note(cli, "no volumes; 'kmscrypt scan' looks for them, "
				 "'kmscrypt format' makes one");
	else if (o->count[OPENING_OPEN] == o->total)
		output_line("all %zu were open already", o->total);
	else
		output_line("%zu opened, %zu open already, %zu absent, %zu "
			    "failed",
			    o->count[OPENING_OPENED], o->count[OPENING_OPEN],
			    o->count[OPENING_ABSENT], o->count[OPENING_FAILED]);
}

static int finish(struct cli *cli, const struct opening *o)
{
	char message[128];
	int r = 0;

	if (cli->json)
		r = print_json(o);
	else
		print_text(cli, o);
	if (r || !o->count[OPENING_FAILED])
		return r;
	snprintf(message, sizeof(message), "%zu of %zu volumes do not open",
		 o->count[OPENING_FAILED], o->total);
	return output_some_failed(
		cli, message,
		error_words(o->first.err, NULL, o->first.next).next);
}

int cmd_open_all(struct cli *cli)
{
	struct progress bar = { 0 };
	struct view view = { .cli = cli };
	struct opening o = {
		.read_only = options_has(cli, OPT_READONLY),
		.allow_discards = options_has(cli, OPT_ALLOW_DISCARDS),
		.timeout_ms = cli->timeout_ms,
		.report = report,
		.arg = &view,
	};
	int r;

	if (cli->nargs)
		return op_fail(&cli->op, -EINVAL,
			       "'%s' is too much: --all takes no device",
			       cli->args[0]);
	/* A header that is not as it was is looked at one by one. */
	if (options_has(cli, OPT_ACCEPT_HEADER))
		return op_fail(&cli->op, -EINVAL,
			       "--accept-header does not go with --all");
	if (!cli->json && progress_wanted())
		view.bar = &bar;
	r = opening_all(&cli->op, &o);
	progress_clear(&bar);
	return r ? r : finish(cli, &o);
}
