// SPDX-License-Identifier: GPL-2.0-or-later
/* kms unset, kms reset */
#include <errno.h>

#include "base/json.h"
#include "cli/change-report.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "volume/change.h"

static int downgrade(struct cli *cli, struct change *c)
{
	int r = change_downgrade(&cli->op, c);

	/* The KMS does not give the keys any more, so nothing was begun. */
	if (r && r != -EBUSY && r != -ENODATA && !c->n)
		op_next(&cli->op,
			"Nothing is changed. Left to do: bring the KMS, or a "
			"replica of it, back and run this again ('kmscrypt "
			"kms set' takes a new address); or 'kmscrypt unbind' "
			"the volumes that another entry opens; or give the "
			"others up with --forget.");
	if (!r)
		output_warning(cli,
			       "the volumes of entry '%s' now open with a key "
			       "file on this host alone: no KMS is asked, and "
			       "nobody outside can refuse or revoke them",
			       c->name);
	return change_report(cli, c, r);
}

/* Who depends on it is the answer here, also with --json. */
static struct json_object *volumes_json(const struct change *c)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list && i < c->n; i++) {
		struct json_object *v = json_object_new_object();

		if (v && !json_add_string(v, "uuid", c->items[i].uuid) &&
		    !json_add_string(v, "device", c->items[i].device) &&
		    !json_object_array_add(list, v))
			continue;
		json_object_put(v);
		json_object_put(list);
		return NULL;
	}
	return list;
}

static int print_json(const struct change *c, bool removed)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "entry", c->name) ||
	    json_add_bool(obj, "removed", removed) ||
	    json_add(obj, "volumes", volumes_json(c))) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

static int refused(struct cli *cli, const struct change *c, int err)
{
	if (cli->json)
		(void)print_json(c, false);
	else
		for (size_t i = 0; i < c->n; i++)
			output_line("  %s %s", c->items[i].uuid,
				    c->items[i].device);
	op_next(&cli->op,
		"Move them with 'kmscrypt kms set', or 'kmscrypt "
		"unbind' those that another entry opens%s",
		c->local ? "; --forget destroys the key file, and what it "
			   "alone opens is lost for good." :
			   ", or keep them on this host's own key with "
			   "--allow-downgrade; --forget drops the entry, and "
			   "they do not open here any more.");
	return err;
}

static int unset(struct cli *cli, struct change *c)
{
	bool forget = options_has(cli, OPT_FORGET);
	int r = change_unset(&cli->op, c, forget);

	if (r == -EBUSY && c->n)
		return refused(cli, c, r);
	if (r)
		return r;
	if (c->n)
		output_warning(cli,
			       "%zu known volume%s not open %s any more, "
			       "unless another entry or a passphrase opens "
			       "them",
			       c->n, c->n == 1 ? " does" : "s do",
			       c->local ? "anywhere" : "on this host");
	if (cli->json)
		return print_json(c, true);
	output_line("entry '%s' is removed, with its credentials", c->name);
	return 0;
}

int cmd_kms_unset(struct cli *cli)
{
	_cleanup_change_ struct change c = {
		.paths = cli->volumes,
		.npaths = cli->nvolumes,
		.timeout_ms = cli->timeout_ms,
	};
	int r = options_entry(cli, &c.name);

	if (r)
		return r;
	if (!options_has(cli, OPT_ALLOW_DOWNGRADE))
		return unset(cli, &c);
	if (options_has(cli, OPT_FORGET))
		return op_fail(&cli->op, -EINVAL,
			       "--allow-downgrade and --forget exclude each "
			       "other");
	return downgrade(cli, &c);
}
