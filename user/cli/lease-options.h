/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --lease, --none, --on-lock and --queue-cap, for format and lease. */
#ifndef _CLI_LEASE_OPTIONS_H
#define _CLI_LEASE_OPTIONS_H

#include <stdbool.h>

struct bindings_lease;
struct cli;

/** lease_options_check() - do they go together? 0, -EINVAL. */
int lease_options_check(struct cli *cli);

/** lease_options_given() - is there any? */
bool lease_options_given(const struct cli *cli);

/** lease_options_apply() - change @lease as they say. 0, -EINVAL. */
int lease_options_apply(struct cli *cli, struct bindings_lease *lease);

#endif
