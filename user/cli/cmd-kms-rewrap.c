// SPDX-License-Identifier: GPL-2.0-or-later
/* kms rewrap */
#include <errno.h>
#include <stdlib.h>

#include "cli/change-report.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "volume/change.h"
#include "volume/crew.h"

/* FILE... and --volume are the same; scripts have used the one or the other. */
static const char **all_paths(const struct cli *cli, size_t *ret_n)
{
	const char **paths;

	*ret_n = cli->nargs + cli->nvolumes;
	paths = calloc(*ret_n + 1, sizeof(*paths));
	if (!paths)
		return NULL;
	for (size_t i = 0; i < cli->nargs; i++)
		paths[i] = cli->args[i];
	for (size_t i = 0; i < cli->nvolumes; i++)
		paths[cli->nargs + i] = cli->volumes[i];
	return paths;
}

int cmd_kms_rewrap(struct cli *cli)
{
	struct progress bar = { 0 };
	struct change_progress progress = { .cli = cli };
	_cleanup_change_ struct change c = {
		.timeout_ms = cli->timeout_ms,
		.dry_run = options_has(cli, OPT_DRY_RUN),
		.all = options_has(cli, OPT_ALL),
		.report = change_report_item,
		.tick = change_report_tick,
		.arg = &progress,
	};
	const char **paths = all_paths(cli, &c.npaths);
	int r = paths ? options_entry(cli, &c.name) : -ENOMEM;

	if (!r)
		r = options_u32(cli, OPT_CONNECTIONS, 1, CREW_WORKERS_MAX,
				&c.connections);

	if (!cli->json && progress_wanted())
		progress.bar = &bar;
	c.paths = paths;
	if (!r)
		r = change_rewrap(&cli->op, &c, cli->opt[OPT_NEW_KEY_UID]);
	progress_clear(&bar);
	r = change_report(cli, &c, r);
	free(paths);
	return r;
}
