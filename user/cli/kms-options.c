// SPDX-License-Identifier: GPL-2.0-or-later
/* See kms-options.h. */
#include "cli/kms-options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "kms/config.h"

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

/* It goes into a request, as a header or as a string: one word. */
static int take_word_file(struct cli *cli, enum option_id id,
			  struct secret *ret)
{
	int r = take_secret_file(cli, id, TOKEN_MAX, true, ret);

	if (!r && !config_word_ok((const char *)ret->data))
		return op_fail(&cli->op, -EINVAL,
			       "%s (--%s) holds a blank, a line break or "
			       "another character that does not belong there",
			       cli->opt[id], options[id].name);
	return r;
}

static int take_token(struct cli *cli, struct generation *g)
{
	if (options_has(cli, OPT_TOKEN) && options_has(cli, OPT_TOKEN_FILE))
		return op_fail(&cli->op, -EINVAL,
			       "--token and --token-file exclude each other");
	if (options_has(cli, OPT_TOKEN_FILE))
		return take_word_file(cli, OPT_TOKEN_FILE, &g->token);
	output_warning(cli, "a token on the command line stays in the shell's "
			    "history and in audit logs; use --token-file");
	if (!cli->token.len)
		return op_fail(&cli->op, -EINVAL, "option --token is empty");
	secret_move(&g->token, &cli->token);
	if (!config_word_ok((const char *)g->token.data))
		return op_fail(&cli->op, -EINVAL,
			       "the token holds a blank, a line break or "
			       "another character that no token has");
	return 0;
}

static int take_role(struct cli *cli, enum option_id id, struct generation *g)
{
	const char *role = cli->opt[id];

	if (!config_word_ok(role) || strlen(role) >= sizeof(g->role))
		return op_fail(&cli->op, -EINVAL,
			       "'%s' cannot be a role (--%s)", role,
			       options[id].name);
	snprintf(g->role, sizeof(g->role), "%s", role);
	return 0;
}

static int take_approle(struct cli *cli, struct generation *g)
{
	int r = take_role(cli, OPT_ROLE_ID, g);

	return r ? r : take_word_file(cli, OPT_SECRET_ID_FILE, &g->secret_id);
}

/* The path is kept, and not what is there: it is another one every hour. */
static int take_kubernetes(struct cli *cli, struct generation *g)
{
	const char *path = cli->opt[OPT_JWT_FILE];
	int r = take_role(cli, OPT_KUBERNETES_ROLE, g);

	if (!r && (path[0] != '/' || strlen(path) >= sizeof(g->jwt_file)))
		return op_fail(&cli->op, -EINVAL,
			       "--jwt-file needs an absolute path: it is read "
			       "at each login");
	r = r ? r : take_word_file(cli, OPT_JWT_FILE, &g->jwt);
	snprintf(g->jwt_file, sizeof(g->jwt_file), "%s", path);
	return r;
}

static int take_cert(struct cli *cli, struct generation *g)
{
	int r = take_file(cli, OPT_CLIENT_CERT, &g->client_cert);

	return r ? r :
		   take_secret_file(cli, OPT_CLIENT_KEY, PEM_MAX / 4, false,
				    &g->client_key);
}

/* The ways to log in to Vault: both options, or for a token one of them */
static const struct way {
	enum option_id first, second;
	int (*take)(struct cli *cli, struct generation *g);
} ways[] = {
	[LOGIN_TOKEN] = { OPT_TOKEN, OPT_TOKEN_FILE, take_token },
	[LOGIN_APPROLE] = { OPT_ROLE_ID, OPT_SECRET_ID_FILE, take_approle },
	[LOGIN_KUBERNETES] = { OPT_KUBERNETES_ROLE, OPT_JWT_FILE,
			       take_kubernetes },
	[LOGIN_CERT] = { OPT_CLIENT_CERT, OPT_CLIENT_KEY, take_cert },
};

#define NWAYS (sizeof(ways) / sizeof(ways[0]))

static const char *given(const struct cli *cli, const struct way *w)
{
	return options[cli->opt[w->first] ? w->first : w->second].name;
}

static int choose_way(struct cli *cli, enum vault_login *ret)
{
	const struct way *found = NULL;

	for (size_t i = 0; i < NWAYS; i++) {
		const struct way *w = &ways[i];

		if (!cli->opt[w->first] && !cli->opt[w->second])
			continue;
		if (found)
			return op_fail(&cli->op, -EINVAL,
				       "--%s and --%s are two ways to log in: "
				       "exactly one is needed",
				       given(cli, found), given(cli, w));
		if (i != LOGIN_TOKEN &&
		    (!cli->opt[w->first] || !cli->opt[w->second]))
			return op_fail(&cli->op, -EINVAL,
				       "--%s and --%s go together",
				       options[w->first].name,
				       options[w->second].name);
		found = w;
		*ret = (enum vault_login)i;
	}
	if (found)
		return 0;
	op_next(&cli->op, "Put the token into a file that only root reads and "
			  "give it with --token-file.");
	return op_fail(&cli->op, -EINVAL,
		       "Vault needs a login: --token-file (or --token), "
		       "--role-id, --kubernetes-role or --client-cert");
}

static int take_login(struct cli *cli, struct generation *g)
{
	int r = choose_way(cli, &g->login);

	if (!r && g->login == LOGIN_TOKEN && options_has(cli, OPT_AUTH_PATH))
		return op_fail(&cli->op, -EINVAL,
			       "--auth-path is for logins, and a token needs "
			       "none");
	if (!r)
		r = take_name(cli, "an auth mount", cli->opt[OPT_AUTH_PATH],
			      true, g->auth_mount);
	return r ? r : ways[g->login].take(cli, g);
}

static int take_proxy(struct cli *cli, struct generation *g)
{
	const char *proxy = cli->opt[OPT_PROXY];

	if (!proxy)
		return 0;
	if (!config_proxy_ok(proxy) || strlen(proxy) >= sizeof(g->proxy))
		return op_fail(&cli->op, -EINVAL,
			       "--proxy needs http://, https:// or socks5h:// "
			       "with host and port, and nothing else");
	snprintf(g->proxy, sizeof(g->proxy), "%s", proxy);
	return 0;
}

int kms_options_vault(struct cli *cli, struct generation *g)
{
	int r = take_addresses(cli, g);

	if (!r)
		r = take_name(cli, "the name of a transit key", cli->args[1],
			      false, g->key_id);
	snprintf(g->mount, sizeof(g->mount), "%s", TRANSIT_DEFAULT);
	if (!r)
		r = take_name(cli, "a mount", cli->opt[OPT_TRANSIT_PATH], true,
			      g->mount);
	if (!r)
		r = take_name(cli, "a namespace", cli->opt[OPT_NAMESPACE], true,
			      g->ns);
	if (!r)
		r = take_file(cli, OPT_CA_CERT, &g->ca_cert);
	if (!r)
		r = take_proxy(cli, g);
	if (!r)
		r = take_login(cli, g);
	g->open_only = options_has(cli, OPT_OPEN_ONLY);
	return r;
}

/* A credential beside the certificate: both, or none. */
static int take_credential(struct cli *cli, struct generation *g)
{
	const char *name = cli->opt[OPT_USERNAME];

	if (!name != !options_has(cli, OPT_PASSWORD_FILE))
		return op_fail(&cli->op, -EINVAL,
			       "--username and --password-file go together");
	if (!name)
		return 0;
	if (!config_word_ok(name) || strlen(name) >= sizeof(g->username))
		return op_fail(&cli->op, -EINVAL, "'%s' cannot be a user name",
			       name);
	snprintf(g->username, sizeof(g->username), "%s", name);
	return take_secret_file(cli, OPT_PASSWORD_FILE, TOKEN_MAX, true,
				&g->password);
}

/* How, once a connection is there */
static int take_manner(struct cli *cli, struct generation *g)
{
	const char *version = cli->opt[OPT_KMIP_VERSION];
	const char *ciphers = cli->opt[OPT_TLS_CIPHERS];

	if (ciphers &&
	    (!config_word_ok(ciphers) || strlen(ciphers) >= sizeof(g->ciphers)))
		return op_fail(&cli->op, -EINVAL,
			       "--tls-ciphers is a list like "
			       "ECDHE+AESGCM:AES256-SHA256");
	snprintf(g->ciphers, sizeof(g->ciphers), "%s", ciphers ? ciphers : "");
	snprintf(g->kmip_version, sizeof(g->kmip_version), "%s",
		 version ? version : "");
	g->allow_cbc = options_has(cli, OPT_ALLOW_CBC);
	return 0;
}

int kms_options_kmip(struct cli *cli, struct generation *g)
{
	int r = take_addresses(cli, g);

	if (!r && cli->nargs > 1)
		r = take_name(cli, "a KMIP unique identifier", cli->args[1],
			      true, g->key_id);
	if (!r)
		r = take_name(cli, "a server name", cli->opt[OPT_SERVER_NAME],
			      false, g->server_name);
	if (!r)
		r = take_file(cli, OPT_CA_CERT, &g->ca_cert);
	if (!r)
		r = take_file(cli, OPT_CLIENT_CERT, &g->client_cert);
	if (!r)
		r = take_secret_file(cli, OPT_CLIENT_KEY, PEM_MAX / 4, false,
				     &g->client_key);
	if (!r)
		r = take_credential(cli, g);
	return r ? r : take_manner(cli, g);
}
