// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/volume-use.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "volume/luks.h"
#include "volume/mapping.h"
#include "volume/pins.h"
#include "volume/unlock.h"

int volume_check_closed(struct cli *cli, const char *uuid, const char *device,
			const char *next)
{
	struct mapping *all = NULL;
	size_t n = 0;
	int r = mapping_find(&cli->op, uuid, device, true, &all, &n);

	if (!r && n) {
		r = op_fail(&cli->op, -EBUSY, "volume %s is open as %s", uuid,
			    all[0].name);
		op_next(&cli->op, "%s", next);
	}
	free(all);
	return r;
}

int volume_accept(struct cli *cli, const struct luks_place *place)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	int r;

	if (!options_has(cli, OPT_ACCEPT_HEADER))
		return 0;
	r = pins_unlock(&cli->op, place, true, &plan, &u);
	if (!r)
		op_init(&cli->op, cli->timeout_ms);
	return r;
}
