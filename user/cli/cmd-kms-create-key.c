// SPDX-License-Identifier: GPL-2.0-or-later
/* kms create-key: a master key of the right kind, ready to be used. */
#include <errno.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/kms-options.h"
#include "cli/output.h"
#include "kms/config.h"
#include "kms/kmip.h"
#include "kms/vault-key.h"

static int report(struct cli *cli, const struct generation *g, const char *id)
{
	struct json_object *obj;

	if (!cli->json) {
		/* alone, so that a script can take it */
		output_line("%s", id);
		return 0;
	}
	obj = json_object_new_object();
	if (!obj || json_add_string(obj, "key_id", id) ||
	    json_add_string(obj, "provider",
			    wrapped_provider_name(g->provider))) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

static int create(struct cli *cli, const struct generation *g)
{
	char uid[WRAPPED_NAME_MAX] = "";
	int r = g->provider == KMS_VAULT ? vault_create_key(&cli->op, g) :
					   kmip_create_key(&cli->op, g, uid);

	return r ? r : report(cli, g, *uid ? uid : g->key_id);
}

int cmd_kms_create_key_vault(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { .provider = KMS_VAULT };
	int r = kms_options_vault(cli, &g);

	return r ? r : create(cli, &g);
}

int cmd_kms_create_key_kmip(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { .provider = KMS_KMIP };
	int r = kms_options_kmip(cli, &g);

	return r ? r : create(cli, &g);
}

/* One more, as kms rewrap --new-key-uid wants it, where an entry's key is. */
int cmd_kms_create_key(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { 0 };
	const char *name;
	int r = options_entry(cli, &name);

	if (!r)
		r = config_current(&cli->op, name, &g);
	if (r)
		return r;
	if (g.provider == KMS_KMIP)
		return create(cli, &g);
	op_next(&cli->op, "Rotate the key, then run 'kmscrypt kms rewrap'.");
	return op_fail(&cli->op, -EINVAL,
		       "entry '%s' uses %s, where a key is rotated and not "
		       "replaced",
		       name, wrapped_provider_name(g.provider));
}
