// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/volume-use.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "volume/luks.h"
#include "volume/mapping.h"
#include "volume/pins.h"
#include "volume/unlock.h"

/* Is mapping @m on @device? An image file may be below any loop device. */
static bool is_on(const struct mapping *m, const char *device)
{
	char below[MAPPING_DEVICE_MAX];
	struct stat a, b;
	struct op op;

	op_init(&op, 0);
	if (stat(device, &a) || mapping_device(&op, m->name, below))
		return true;
	if (S_ISREG(a.st_mode))
		return !strncmp(below, "/dev/loop", strlen("/dev/loop"));
	return stat(below, &b) || a.st_rdev == b.st_rdev;
}

int volume_check_closed(struct cli *cli, const char *uuid, const char *device,
			const char *next)
{
	struct mapping *all = NULL;
	struct op op;
	size_t n = 0;
	int r = 0;

	op_init(&op, 0);
	/* Without device-mapper (a container) nothing is open. */
	(void)mapping_list(&op, &all, &n);
	for (size_t i = 0; !r && i < n; i++)
		if (!strcmp(all[i].uuid, uuid) &&
		    (!device || is_on(&all[i], device)))
			r = op_fail(&cli->op, -EBUSY, "volume %s is open as %s",
				    uuid, all[i].name);
	if (r)
		op_next(&cli->op, "%s", next);
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
