// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/change-report.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/volume-report.h"
#include "volume/change.h"

static const char *const kinds[] = {
	[CHANGE_NEW_ENTRY] = "new-entry",
	[CHANGE_UPDATED] = "updated",
	[CHANGE_GENERATION] = "new-key",
};

static const char *const outcomes[] = {
	[REBIND_NOTHING] = "nothing-to-do",
	[REBIND_DONE] = "rewrapped",
	[REBIND_CURRENT] = "current",
};

static void describe(const struct change *c, const struct change_item *i,
		     struct volume_report *ret)
{
	const char *outcome = outcomes[i->outcome];
	bool to_be = c->dry_run && i->outcome == REBIND_DONE;

	*ret = (struct volume_report){
		.uuid = i->uuid,
		.device = i->device,
		.result = i->err ? "failed" : outcome,
		.err = i->err,
		.why = i->why,
		.next = i->next,
	};
	if (i->err)
		snprintf(ret->words, sizeof(ret->words), "FAILED");
	else
		snprintf(ret->words, sizeof(ret->words), "%s%s",
			 to_be ? "to be " : "", outcome);
}

static struct json_object *item_json(const struct change *c,
				     const struct change_item *i)
{
	struct volume_report r;

	describe(c, i, &r);
	return volume_report_json(&r);
}

static int add_items(struct json_object *obj, const struct change *c)
{
	struct json_object *list = json_object_new_array();

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < c->n; i++) {
		struct json_object *item = item_json(c, &c->items[i]);

		if (!item || json_object_array_add(list, item)) {
			json_object_put(item);
			json_object_put(list);
			return -ENOMEM;
		}
	}
	return json_add(obj, "volumes", list);
}

static int add_counts(struct json_object *obj, const struct change *c)
{
	return json_add_u64(obj, "rewrapped", c->done)		?:
		       json_add_u64(obj, "current", c->current) ?:
		       json_add_u64(obj, "failed", c->failed)	?:
		       json_add_u64(obj, "retiring_generations", c->retiring);
}

static int print_json(const struct change *c)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "entry", c->name) ||
	    json_add_string(obj, "change", kinds[c->kind]) ||
	    json_add_bool(obj, "dry_run", c->dry_run) ||
	    json_add_string(obj, "server", c->health.server) ||
	    json_add_string(obj, "address", c->health.address) ||
	    (c->newest && json_add_u64(obj, "key_version", c->newest)) ||
	    (*c->oldest_key &&
	     json_add_string(obj, "oldest_key", c->oldest_key)) ||
	    (c->oldest_version &&
	     json_add_u64(obj, "oldest_key_version", c->oldest_version)) ||
	    (c->adopted && json_add_u64(obj, "adopted", c->adopted)) ||
	    add_counts(obj, c) || (!c->report && add_items(obj, c))) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return c->report ? output_json_line(obj) : output_json(obj);
}

void change_report_item(struct change *c, const struct change_item *item)
{
	struct change_progress *p = c->arg;
	struct volume_report r;

	describe(c, item, &r);
	volume_report_now(p->cli, p->bar, &r);
}

void change_report_tick(const struct change *c)
{
	struct change_progress *p = c->arg;

	if (p->bar)
		progress_show(p->bar, c->looked, c->total, c->failed);
}

static void print_items(const struct change *c)
{
	for (size_t i = 0; !c->report && i < c->n; i++) {
		struct volume_report r;

		describe(c, &c->items[i], &r);
		volume_report_line(&r);
	}
}

static void print_oldest(const struct change *c)
{
	/* Who retires older ones by this line must know whom it leaves out. */
	const char *whose = c->failed ? " by what was done" : "";

	if (*c->oldest_key && c->oldest_version)
		output_line("oldest master key in use%s: '%s', version %u",
			    whose, c->oldest_key, c->oldest_version);
	else if (*c->oldest_key)
		output_line("oldest master key in use%s: '%s'", whose,
			    c->oldest_key);
}

static void print_text(const struct change *c)
{
	static const char *const words[] = {
		[CHANGE_NEW_ENTRY] = "is set up and proven",
		[CHANGE_UPDATED] = "is proven and keeps its master key",
		[CHANGE_GENERATION] = "is proven and has a new master key",
	};

	output_line("entry '%s' %s%s%s%s", c->name, words[c->kind],
		    *c->health.address ? ", at " : "", c->health.address,
		    c->dry_run ? " (dry run: nothing is changed)" : "");
	if (c->adopted)
		output_line("it opens what %zu other entr%s wrapped",
			    c->adopted, c->adopted == 1 ? "y has" : "ies have");
	print_items(c);
	if (c->n)
		output_line("%zu %s, %zu current, %zu failed", c->done,
			    c->dry_run ? "to be rewrapped" : "rewrapped",
			    c->current, c->failed);
	print_oldest(c);
}

static int report_failed(struct cli *cli, const struct change *c)
{
	const char *first = NULL;
	char message[128];

	snprintf(message, sizeof(message),
		 "%zu of %zu volumes were not done, and what they need to open "
		 "is kept",
		 c->failed, c->n);
	for (size_t i = 0; i < c->n && !first; i++)
		if (c->items[i].err)
			first = error_words(c->items[i].err, NULL,
					    c->items[i].next)
					.next;
	return output_some_failed(cli, message, first);
}

int change_report(struct cli *cli, const struct change *c, int err)
{
	if (err) {
		/* What had happened before it broke off. */
		if (c->n && !cli->json)
			print_items(c);
		return err;
	}
	if (*c->health.warning)
		output_warning(cli, "%s", c->health.warning);
	if (cli->json) {
		int r = print_json(c);

		if (r)
			return r;
	} else {
		print_text(c);
	}
	if (c->failed)
		return report_failed(cli, c);
	return 0;
}
