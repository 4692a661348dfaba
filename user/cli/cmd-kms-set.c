// SPDX-License-Identifier: GPL-2.0-or-later
/* kms set vault | kmip | local */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/change-report.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "kms/config.h"
#include "volume/change.h"

#define PEM_MAX (256 * 1024)
#define TOKEN_MAX (64 * 1024)
#define TRANSIT_DEFAULT "transit"

static int add_address(struct cli *cli, struct generation *g, const char *text,
		       size_t len)
{
	if (!len)
		return op_fail(&cli->op, -EINVAL, "an address in '%s' is empty",
			       cli->args[0]);
	if (len >= CONFIG_ADDRESS_MAX)
		return op_fail(&cli->op, -EINVAL,
			       "an address is longer than %d bytes",
			       CONFIG_ADDRESS_MAX - 1);
	if (g->naddresses == CONFIG_ADDRESSES_MAX)
		return op_fail(&cli->op, -EINVAL, "more than %d addresses",
			       CONFIG_ADDRESSES_MAX);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return op_fail(&cli->op, -EINVAL,
				       "an address holds a blank or a control "
				       "character");
	memcpy(g->addresses[g->naddresses++], text, len);
	return 0;
}

static int take_addresses(struct cli *cli, struct generation *g)
{
	const char *p = cli->args[0];

	for (;;) {
		size_t len = strcspn(p, ",");
		int r = add_address(cli, g, p, len);

		if (r || !p[len])
			return r;
		p += len + 1;
	}
}

/* A name that goes into requests: key, mount, namespace, server name. */
static int take_name(struct cli *cli, const char *what, const char *value,
		     bool slashes, char ret[WRAPPED_NAME_MAX])
{
	if (!value)
		return 0;
	if (!wrapped_name_ok(value, slashes))
		return op_fail(&cli->op, -EINVAL,
			       "'%s' cannot be %s: letters, digits, '.', '_' "
			       "and '-' only%s",
			       value, what,
			       slashes ? ", with single slashes between" : "");
	snprintf(ret, WRAPPED_NAME_MAX, "%s", value);
	return 0;
}

static int take_file(struct cli *cli, enum option_id id, char **ret)
{
	size_t len;
	int r;

	if (!cli->opt[id])
		return 0;
	r = file_read(cli->opt[id], PEM_MAX, ret, &len);
	if (r)
		return op_fail(&cli->op, r, "cannot read %s (--%s): %s",
			       cli->opt[id], options[id].name, strerror(-r));
	return 0;
}

static int take_secret_file(struct cli *cli, enum option_id id, size_t max,
			    bool text, struct secret *ret)
{
	int r = secret_read_file(ret, cli->opt[id], max, text);

	if (r)
		return op_fail(&cli->op, r, "cannot read %s (--%s): %s",
			       cli->opt[id], options[id].name, strerror(-r));
	if (!ret->len)
		return op_fail(&cli->op, -EINVAL, "%s (--%s) is empty",
			       cli->opt[id], options[id].name);
	return 0;
}

/* It goes into a header of a request: one word. */
static int check_token(struct cli *cli, const struct secret *token)
{
	for (size_t i = 0; i < token->len; i++)
		if (token->data[i] <= ' ' || token->data[i] >= 0x7f)
			return op_fail(&cli->op, -EINVAL,
				       "the token holds a blank, a line break "
				       "or another character that no token "
				       "has");
	return 0;
}

static int read_token(struct cli *cli, struct generation *g)
{
	bool word = options_has(cli, OPT_TOKEN);
	bool file = options_has(cli, OPT_TOKEN_FILE);

	if (word == file) {
		op_next(&cli->op, "Put the token into a file that only root "
				  "reads and give it with --token-file.");
		return op_fail(&cli->op, -EINVAL,
			       word ? "--token and --token-file exclude each "
				      "other" :
				      "Vault needs a token: --token-file or "
				      "--token");
	}
	if (file)
		return take_secret_file(cli, OPT_TOKEN_FILE, TOKEN_MAX, true,
					&g->token);
	output_warning(cli, "a token on the command line stays in the shell's "
			    "history and in audit logs; use --token-file");
	if (!cli->token.len)
		return op_fail(&cli->op, -EINVAL, "option --token is empty");
	secret_move(&g->token, &cli->token);
	return 0;
}

static int take_token(struct cli *cli, struct generation *g)
{
	int r = read_token(cli, g);

	return r ? r : check_token(cli, &g->token);
}

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
	return change_report(cli, &c, r);
}

int cmd_kms_set_vault(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { .provider = KMS_VAULT };
	int r = take_addresses(cli, &g);

	if (!r)
		r = take_name(cli, "the name of a transit key", cli->args[1],
			      false, g.key_id);
	snprintf(g.mount, sizeof(g.mount), "%s", TRANSIT_DEFAULT);
	if (!r)
		r = take_name(cli, "a mount", cli->opt[OPT_TRANSIT_PATH], true,
			      g.mount);
	if (!r)
		r = take_name(cli, "a namespace", cli->opt[OPT_NAMESPACE], true,
			      g.ns);
	if (!r)
		r = take_file(cli, OPT_CA_CERT, &g.ca_cert);
	if (!r)
		r = take_token(cli, &g);
	return r ? r : set(cli, &g);
}

int cmd_kms_set_kmip(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { .provider = KMS_KMIP };
	const char *version = cli->opt[OPT_KMIP_VERSION];
	int r = take_addresses(cli, &g);

	if (!r)
		r = take_name(cli, "a KMIP unique identifier", cli->args[1],
			      true, g.key_id);
	if (!r)
		r = take_name(cli, "a server name", cli->opt[OPT_SERVER_NAME],
			      false, g.server_name);
	if (!r)
		r = take_file(cli, OPT_CA_CERT, &g.ca_cert);
	if (!r)
		r = take_file(cli, OPT_CLIENT_CERT, &g.client_cert);
	if (!r)
		r = take_secret_file(cli, OPT_CLIENT_KEY, PEM_MAX / 4, false,
				     &g.client_key);
	if (r)
		return r;
	snprintf(g.kmip_version, sizeof(g.kmip_version), "%s",
		 version ? version : "");
	return set(cli, &g);
}

int cmd_kms_set_local(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { .provider = KMS_LOCAL };

	return set(cli, &g);
}
