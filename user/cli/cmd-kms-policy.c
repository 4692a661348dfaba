// SPDX-License-Identifier: GPL-2.0-or-later
/* kms policy: what a token has to be allowed, without asking anybody. */
#include <errno.h>
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "kms/config.h"
#include "kms/vault-policy.h"

#define TRANSIT_DEFAULT "transit"

/* The current generation, without its credentials. */
static int from_entry(struct cli *cli, struct generation *ret)
{
	_cleanup_entry_ struct entry e = { 0 };
	const char *name;
	int r = options_entry(cli, &name);

	if (!r)
		r = config_load(&cli->op, name, &e);
	for (size_t i = 0; !r && i < e.ngenerations; i++) {
		const struct generation *g = &e.generations[i];

		if (g->state != GENERATION_CURRENT)
			continue;
		if (g->provider != KMS_VAULT)
			return op_fail(&cli->op, -EINVAL,
				       "entry '%s' uses %s, and policies are "
				       "Vault's",
				       name,
				       wrapped_provider_name(g->provider));
		snprintf(ret->key_id, sizeof(ret->key_id), "%s", g->key_id);
		snprintf(ret->mount, sizeof(ret->mount), "%s", g->mount);
		ret->open_only = g->open_only;
		return 0;
	}
	return r ? r : -ENODATA;
}

static int from_arguments(struct cli *cli, struct generation *ret)
{
	const char *mount = cli->opt[OPT_TRANSIT_PATH];

	if (options_has(cli, OPT_NAME))
		return op_fail(&cli->op, -EINVAL,
			       "give a key or --name: the entry has a key");
	if (!mount)
		mount = TRANSIT_DEFAULT;
	if (!wrapped_name_ok(cli->args[0], 0) || !wrapped_name_ok(mount, 1))
		return op_fail(&cli->op, -EINVAL,
			       "key and transit path are letters, digits, "
			       "'.', '_' and '-'");
	snprintf(ret->key_id, sizeof(ret->key_id), "%s", cli->args[0]);
	snprintf(ret->mount, sizeof(ret->mount), "%s", mount);
	return 0;
}

int cmd_kms_policy(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { .provider = KMS_VAULT };
	char policy[VAULT_POLICY_MAX];
	struct json_object *obj;
	int r;

	if (!cli->nargs && options_has(cli, OPT_TRANSIT_PATH))
		return op_fail(&cli->op, -EINVAL,
			       "--transit-path goes with a key");
	r = cli->nargs ? from_arguments(cli, &g) : from_entry(cli, &g);
	if (options_has(cli, OPT_OPEN_ONLY))
		g.open_only = true;
	if (!r)
		r = vault_policy(&g, g.open_only, policy, sizeof(policy));
	if (r)
		return r;
	if (!cli->json) {
		/* its lines are its own */
		printf("%s\n", policy);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj || json_add_string(obj, "key_id", g.key_id) ||
	    json_add_string(obj, "mount", g.mount) ||
	    json_add_bool(obj, "open_only", g.open_only) ||
	    json_add_string(obj, "policy", policy)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}
