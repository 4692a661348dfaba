// SPDX-License-Identifier: GPL-2.0-or-later
/* See endpoint.h. */
#include "kms/endpoint.h"

#include <errno.h>
#include <string.h>

#include "base/op.h"
#include "wire/http-dial.h"
#include "wire/http.h"

int endpoint_prepare(struct op *op, struct generation *g)
{
	int r;

	if (g->provider == KMS_LOCAL)
		return 0;
	r = http_prepare();
	if (r < 0)
		return op_fail(op, r, "cannot initialise libcurl");
	if (g->ca_cert)
		return 0;
	r = http_system_ca(&g->ca_cert);
	/* the certificate of the server will then be from an unknown CA */
	if (r == -ENOENT)
		return 0;
	return r < 0 ? op_fail(op, r, "cannot read the system's CAs: %s",
			       strerror(-r)) :
		       0;
}

int endpoint_address(const struct generation *g, size_t i,
		     struct dial_address *ret)
{
	if (i >= g->naddresses)
		return -EINVAL;
	if (g->provider == KMS_VAULT)
		return http_dial_address(
			g->proxy[0] ? g->proxy : g->addresses[i], ret);
	return dial_parse(g->addresses[i], ENDPOINT_KMIP_PORT, ret);
}
