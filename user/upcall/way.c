// SPDX-License-Identifier: GPL-2.0-or-later
/* See way.h. */
#include "upcall/way.h"

#include <errno.h>

#include "kms/config.h"
#include "kms/endpoint.h"
#include "upcall/netchild.h"

int way_ours(int err)
{
	return err == -EACCES || err == -EPERM ? -ENOKEY : err;
}

int way_open(struct op *op, struct generation *g)
{
	struct dial_address address;
	size_t i;
	int r;

	r = endpoint_prepare(op, g);
	for (i = 0; i < g->naddresses && r == 0; i++)
		if (endpoint_address(g, i, &address) == 0)
			r = netchild_allow(&address);
	return r;
}
