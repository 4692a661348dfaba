// SPDX-License-Identifier: GPL-2.0-or-later
/* lock NAME */
#include <errno.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "volume/evict.h"
#include "volume/mapping.h"
#include "volume/mounts.h"
#include "volume/stack.h"
#include "volume/state.h"

/* What is done beside, and what came of it */
struct work {
	struct stack stack;
	struct mounts mounts;
	size_t frozen;
	size_t unmounted;
};

static int check_options(struct cli *cli)
{
	if (options_has(cli, OPT_FREEZE) && options_has(cli, OPT_UNMOUNT))
		return op_fail(&cli->op, -EINVAL,
			       "--freeze and --unmount do not go together");
	return 0;
}

static bool touches_data(const struct cli *cli)
{
	return options_has(cli, OPT_EVICT) || options_has(cli, OPT_FREEZE) ||
	       options_has(cli, OPT_UNMOUNT);
}

/*
 * Whoever locks the volume that the way to the key lies on does not get it
 * back: not even this program could be loaded again.
 */
static int check_ground(struct cli *cli, const struct stack *s)
{
	_cleanup_free_ char *config = file_path(PLACE_CONFIG, NULL, NULL, NULL);
	const char *paths[] = { "/", "/usr/sbin/kmscrypt-upcall", config };

	if (!config)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (!stack_carries(s, paths[i]))
			continue;
		op_next(&cli->op,
			"'dmsetup message %s 0 lock' does it "
			"nevertheless; then only a reboot helps.",
			cli->args[0]);
		return op_fail(&cli->op, -EBUSY,
			       "%s, which an unlock needs, is on the volume",
			       paths[i]);
	}
	return 0;
}

/* All that needs the volume's I/O */
static int before(struct cli *cli, struct work *w)
{
	struct volume_state s;
	int r = state_read(&cli->op, cli->args[0], &s);

	if (r || !touches_data(cli))
		return r;
	if (!state_is(&s, "active")) {
		if (!options_has(cli, OPT_FREEZE) &&
		    !options_has(cli, OPT_UNMOUNT))
			return 0;
		op_next(&cli->op, "Unlock it first.");
		return op_fail(&cli->op, -EBUSY, "%s is locked already",
			       cli->args[0]);
	}
	w->unmounted = options_has(cli, OPT_UNMOUNT) ? w->mounts.n : 0;
	if (w->unmounted) {
		r = mounts_unmount(&cli->op, &w->mounts);
		mounts_free(&w->mounts);
	}
	if (!r && options_has(cli, OPT_EVICT))
		r = evict_flush(&cli->op, &w->stack, &w->mounts);
	if (!r && options_has(cli, OPT_FREEZE))
		r = mounts_freeze(&cli->op, &w->mounts, &w->frozen);
	return r;
}

static void warn(const struct cli *cli, const struct work *w)
{
	if (!options_has(cli, OPT_EVICT))
		return;
	if (!evict_freed_is_wiped())
		output_warning(
			cli, "the kernel does not clear memory that is freed, "
			     "so the data may still be there; boot it with "
			     "init_on_free=1");
	if (w->mounts.n)
		output_warning(
			cli, "a file system stays mounted: what programs have "
			     "mapped of its files, and its inodes, stay in "
			     "memory; --unmount removes them");
}

static int print(struct cli *cli, const struct work *w)
{
	struct json_object *obj;
	struct volume_state s;
	int r = state_read(&cli->op, cli->args[0], &s);

	if (r)
		return r;
	if (!cli->json) {
		output_line("/dev/mapper/%s is %s (%s), volume %s",
			    cli->args[0], s.state, s.reason, w->stack.uuid);
		if (w->frozen)
			output_line("  %zu file systems frozen until it is "
				    "unlocked",
				    w->frozen);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "name", cli->args[0]) ||
	    json_add_string(obj, "uuid", w->stack.uuid) ||
	    json_add_string(obj, "state", s.state) ||
	    json_add_string(obj, "reason", s.reason) ||
	    json_add_u64(obj, "frozen", w->frozen) ||
	    json_add_u64(obj, "unmounted", w->unmounted) ||
	    json_add_bool(obj, "evicted", options_has(cli, OPT_EVICT))) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

/* A failure leaves it as it was, but for what was unmounted. */
static int lock(struct cli *cli, struct work *w)
{
	size_t thawed;
	struct op op;
	int r = before(cli, w);

	if (r)
		return r;
	r = mapping_message(&cli->op, cli->args[0],
			    options_has(cli, OPT_SLEEP) ? "lock sleep" : "lock",
			    NULL);
	if (r && w->frozen) {
		op_init(&op, 0);
		(void)mounts_thaw(&op, &w->mounts, &thawed);
	}
	if (!r && options_has(cli, OPT_EVICT))
		r = evict_drop(&cli->op, &w->stack, w->mounts.n);
	return r;
}

int cmd_lock(struct cli *cli)
{
	struct work w = { 0 };
	int r = check_options(cli);

	if (!r)
		r = stack_find(&cli->op, cli->args[0], &w.stack);
	if (!r)
		r = check_ground(cli, &w.stack);
	if (!r)
		r = mounts_find(&cli->op, &w.stack, &w.mounts);
	if (!r)
		r = lock(cli, &w);
	if (!r) {
		warn(cli, &w);
		r = print(cli, &w);
	}
	mounts_free(&w.mounts);
	return r;
}
