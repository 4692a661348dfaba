// SPDX-License-Identifier: GPL-2.0-or-later
/* kms renew: make the entry's credential last longer. */
#include <errno.h>
#include <inttypes.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "kms/config.h"
#include "kms/kms.h"

static int print_json(const char *name, const struct generation *g,
		      const struct kms_health *h)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "entry", name) ||
	    json_add_string(obj, "login", config_login_name(g->login)) ||
	    json_add_string(obj, "address", h->address) ||
	    json_add_bool(obj, "logged_in", h->logged_in) ||
	    (h->credential_s >= 0 && json_add_u64(obj, "credential_seconds",
						  (uint64_t)h->credential_s)) ||
	    json_add_bool(obj, "credential_renewable",
			  h->credential_renewable) ||
	    (*h->warning && json_add_string(obj, "warning", h->warning))) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

static void print_text(const char *name, const struct kms_health *h)
{
	if (!h->credential_s)
		output_line("entry '%s': the token does not expire", name);
	else if (h->credential_s < 0)
		output_line("entry '%s': %s", name,
			    h->logged_in ? "logged in anew" : "renewed");
	else
		output_line("entry '%s': %s, the token is good for %" PRId64
			    " s",
			    name, h->logged_in ? "logged in anew" : "renewed",
			    h->credential_s);
}

int cmd_kms_renew(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { 0 };
	_cleanup_kms_ struct kms *kms = NULL;
	struct kms_health health = { 0 };
	const char *name;
	int r = options_entry(cli, &name);

	if (!r)
		r = config_current(&cli->op, name, &g);
	if (!r)
		r = kms_open(&cli->op, &g, &kms);
	if (!r)
		r = kms_renew(&cli->op, kms, &health);
	if (r == -EOPNOTSUPP)
		return op_fail(&cli->op, -EINVAL,
			       "entry '%s' (%s) has no token to renew", name,
			       wrapped_provider_name(g.provider));
	if (r)
		return r;
	if (*health.warning)
		output_warning(cli, "%s", health.warning);
	if (cli->json)
		return print_json(name, &g, &health);
	print_text(name, &health);
	return 0;
}
