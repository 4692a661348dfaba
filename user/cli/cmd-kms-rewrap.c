// SPDX-License-Identifier: GPL-2.0-or-later
/* kms rewrap */
#include "cli/change-report.h"
#include "cli/cli.h"
#include "volume/change.h"

int cmd_kms_rewrap(struct cli *cli)
{
	_cleanup_change_ struct change c = {
		.paths = cli->volumes,
		.npaths = cli->nvolumes,
		.timeout_ms = cli->timeout_ms,
		.dry_run = options_has(cli, OPT_DRY_RUN),
		.all = options_has(cli, OPT_ALL),
	};
	int r = options_entry(cli, &c.name);

	if (!r)
		r = change_rewrap(&cli->op, &c, cli->opt[OPT_NEW_KEY_UID]);
	return change_report(cli, &c, r);
}
