// SPDX-License-Identifier: GPL-2.0-or-later
/* lease DEV|NAME */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/lease-options.h"
#include "cli/output.h"
#include "cli/volume-table.h"
#include "cli/volume-use.h"
#include "kms/config.h"
#include "volume/bindings.h"
#include "volume/luks.h"
#include "volume/mapping.h"
#include "volume/state.h"

static const char *on_lock(const struct bindings_lease *l)
{
	return l->policy & KMSC_POLICY_ON_LOCK_QUEUE ? "queue" : "error";
}

static int print_json(const struct bindings_lease *l,
		      const struct bindings_change *c)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "uuid", c->uuid) ||
	    json_add_u64(obj, "lease_s", l->lease_s) ||
	    json_add_string(obj, "on_lock", on_lock(l)) ||
	    json_add_u64(obj, "queue_cap_s", l->queue_cap_s) ||
	    json_add_u64(obj, "bindings", c->left) ||
	    json_add_u64(obj, "rewrapped", c->changed)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

static int print(struct cli *cli, const struct bindings_lease *l,
		 const struct bindings_change *c)
{
	if (cli->json)
		return print_json(l, c);
	output_line("volume %s", c->uuid);
	if (l->lease_s)
		output_line("  lease    %u s", l->lease_s);
	else
		output_line("  lease    none: open until closed or locked");
	if (l->policy & KMSC_POLICY_ON_LOCK_QUEUE)
		output_line("  on lock  hold I/O for %u s", l->queue_cap_s);
	else
		output_line("  on lock  fail I/O");
	return 0;
}

/*
 * Let the kernel fetch it now instead of at the next renewal, of which there
 * is none without a lease. The new wrap has a higher epoch, so that is what
 * shows that it has arrived.
 */
static void renew(struct cli *cli, const char *name)
{
	struct volume_state before = { 0 }, s = { 0 };
	struct op op;
	int r;

	op_init(&op, cli->timeout_ms);
	r = state_read(&op, name, &before);
	if (!r)
		r = mapping_message(&op, name, "renew", NULL);
	while (!r) {
		r = state_read(&op, name, &s);
		if (r || s.epoch > before.epoch)
			break;
		if (s.error && !before.error)
			r = -s.error;
		else if (op_left_ms(&op, 1) < 0)
			r = -ETIMEDOUT;
		else
			state_nap();
	}
	if (!r)
		return;
	output_warning(cli,
		       "/dev/mapper/%s does not have it yet: %s; it gets it "
		       "when it is renewed or opened next",
		       name, *op.detail ? op.detail : error_info(r)->message);
}

static void renew_all(struct cli *cli, const char *uuid)
{
	struct mapping *all = NULL;
	struct op op;
	size_t n = 0;

	op_init(&op, 0);
	/* The lease is changed; who has it open gets it at the next renewal. */
	(void)mapping_find(&op, uuid, NULL, true, &all, &n);
	for (size_t i = 0; i < n; i++)
		if (all[i].live)
			renew(cli, all[i].name);
	free(all);
}

static int change_lease(struct cli *cli, const struct luks_place *place,
			const struct bindings_lease *lease,
			struct bindings_change *change)
{
	_cleanup_close_ int hold = -1;
	int r;

	op_init(&cli->op, cli->timeout_ms);
	/* No kms set meanwhile that moves the bindings. */
	r = config_hold(&cli->op, &hold);
	return r ? r : bindings_relet(&cli->op, place, lease, change);
}

int cmd_lease(struct cli *cli)
{
	_cleanup_where_ struct volume_where where = { 0 };
	struct bindings_lease lease = { 0 };
	struct bindings_change change = { 0 };
	struct luks_place place;
	int r = lease_options_check(cli);

	if (!r)
		r = volume_find(cli, cli->args[0], &where);
	if (r)
		return r;
	place = volume_where_place(&where);
	r = volume_accept(cli, &place);
	if (!r)
		r = bindings_lease(&cli->op, &place, &lease, &change);
	if (!r && lease_options_given(cli)) {
		r = lease_options_apply(cli, &lease);
		if (!r)
			r = change_lease(cli, &place, &lease, &change);
		if (!r && change.changed)
			renew_all(cli, change.uuid);
	}
	return r ? r : print(cli, &lease, &change);
}
