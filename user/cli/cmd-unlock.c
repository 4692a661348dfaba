// SPDX-License-Identifier: GPL-2.0-or-later
/* unlock NAME */
#include <errno.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "volume/mapping.h"
#include "volume/mounts.h"
#include "volume/stack.h"
#include "volume/state.h"

/*
 * The kernel starts the upcall before the message returns, so what is not
 * "unlocking" any more after it has ended: the state says how.
 */
static int unlock(struct cli *cli)
{
	const char *name = cli->args[0];
	struct volume_state s = { 0 };
	int r = mapping_message(&cli->op, name, "unlock", NULL);

	if (!r)
		r = state_settle(&cli->op, name, &s);
	if (r || state_is(&s, "active"))
		return r;
	/* ECANCELED: the kernel dropped it for a lock that came later */
	if (!s.error || s.error == ECANCELED)
		return op_fail(&cli->op, -EBUSY,
			       "%s was locked again meanwhile (%s)", name,
			       s.reason);
	return op_fail(&cli->op, -s.error, "%s stays locked (%s): %s", name,
		       s.reason, error_info(-s.error)->message);
}

static int print(struct cli *cli, const char *uuid, size_t thawed)
{
	struct json_object *obj;

	if (!cli->json) {
		output_line("/dev/mapper/%s is active, volume %s", cli->args[0],
			    uuid);
		if (thawed)
			output_line("  %zu file systems thawed", thawed);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "name", cli->args[0]) ||
	    json_add_string(obj, "uuid", uuid) ||
	    json_add_string(obj, "state", "active") ||
	    json_add_u64(obj, "thawed", thawed)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

int cmd_unlock(struct cli *cli)
{
	_cleanup_mounts_ struct mounts mounts = { 0 };
	struct stack stack;
	size_t thawed = 0;
	int r = stack_find(&cli->op, cli->args[0], &stack);

	if (!r)
		r = unlock(cli);
	/* Only now: a file system that thaws writes. */
	if (!r)
		r = mounts_find(&cli->op, &stack, &mounts);
	if (!r)
		r = mounts_thaw(&cli->op, &mounts, &thawed);
	return r ? r : print(cli, stack.uuid, thawed);
}
