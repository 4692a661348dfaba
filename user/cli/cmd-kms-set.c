// SPDX-License-Identifier: GPL-2.0-or-later
/* kms set vault | kmip | local */
#include "cli/change-report.h"
#include "cli/cli.h"
#include "cli/kms-options.h"
#include "cli/output.h"
#include "kms/config.h"
#include "volume/change.h"

static int set(struct cli *cli, struct generation *g)
{
	_cleanup_change_ struct change c = {
		.paths = cli->volumes,
		.npaths = cli->nvolumes,
		.timeout_ms = cli->timeout_ms,
	};
	int r = options_entry(cli, &c.name);

	if (!r)
		r = change_set(&cli->op, &c, g);
	if (!r && g->open_only && !c.adopted && c.kind == CHANGE_NEW_ENTRY)
		output_warning(cli, "no volume of this key was found, so "
				    "nothing was opened: repeat this with "
				    "--volume once there is one");
	return change_report(cli, &c, r);
}

int cmd_kms_set_vault(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { .provider = KMS_VAULT };
	int r = kms_options_vault(cli, &g);

	return r ? r : set(cli, &g);
}

int cmd_kms_set_kmip(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { .provider = KMS_KMIP };
	int r = kms_options_kmip(cli, &g);

	return r ? r : set(cli, &g);
}

int cmd_kms_set_local(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { .provider = KMS_LOCAL };

	return set(cli, &g);
}
