// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/lease-options.h"

#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "volume/bindings.h"

#define LEASE_MAX_S (366 * 24 * 3600)
#define QUEUE_CAP_MAX_S 3600

int lease_options_check(struct cli *cli)
{
	if (options_has(cli, OPT_LEASE) && options_has(cli, OPT_NONE))
		return op_fail(&cli->op, -EINVAL,
			       "--lease and --none exclude each other");
	return 0;
}

bool lease_options_given(const struct cli *cli)
{
	return options_has(cli, OPT_LEASE) || options_has(cli, OPT_NONE) ||
	       options_has(cli, OPT_ON_LOCK) || options_has(cli, OPT_QUEUE_CAP);
}

int lease_options_apply(struct cli *cli, struct bindings_lease *lease)
{
	int r = lease_options_check(cli);

	if (!r)
		r = options_u32(cli, OPT_LEASE, KMSC_LEASE_MIN_S, LEASE_MAX_S,
				&lease->lease_s);
	if (!r)
		r = options_u32(cli, OPT_QUEUE_CAP, 1, QUEUE_CAP_MAX_S,
				&lease->queue_cap_s);
	if (r)
		return r;
	if (options_has(cli, OPT_NONE))
		lease->lease_s = 0;
	if (options_has(cli, OPT_ON_LOCK)) {
		lease->policy &= ~KMSC_POLICY_ON_LOCK_QUEUE;
		if (!strcmp(cli->opt[OPT_ON_LOCK], "queue"))
			lease->policy |= KMSC_POLICY_ON_LOCK_QUEUE;
	}
	return 0;
}
