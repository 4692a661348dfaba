// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/entry.h"

#include <errno.h>

#include "cli/cli.h"
#include "kms/config.h"
#include "kms/kms.h"

int entry_open(struct cli *cli, const char *name, struct generation *g,
	       struct kms **ret)
{
	struct kms_health health;
	int r = config_current(&cli->op, name, g);

	if (r == -ENODATA)
		op_next(&cli->op,
			"Set one up with 'kmscrypt kms set vault', 'kms set "
			"kmip', or, without a KMS, 'kms set local'.");
	/* before anything is overwritten */
	if (!r)
		r = kms_may_wrap(&cli->op, g);
	if (!r)
		r = kms_open(&cli->op, g, ret);
	return r ? r : kms_check_saved(&cli->op, *ret, &health);
}
