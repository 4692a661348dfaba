// SPDX-License-Identifier: GPL-2.0-or-later
/* The options table and its parser (on top of getopt_long(3)). */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "kms/config.h"

/* Names, arguments and help are a contract: kmscrypt(8). */
const struct option_spec options[OPT_COUNT] = {
	[OPT_HELP] = { "help", NULL, "show this help" },
	[OPT_JSON] = { "json", NULL, "print JSON, errors too" },
	[OPT_NAME] = { "name", "ENTRY", "KMS entry to use (default: default)" },
	[OPT_TIMEOUT] = { "timeout", "SECONDS",
			  "how long the KMS may take (default: 20)" },
	[OPT_TOKEN] = { "token", "TOKEN", "login token; better: --token-file",
			.secret = true },
	[OPT_TOKEN_FILE] = { "token-file", "FILE",
			     "file with the login token" },
	[OPT_ROLE_ID] = { "role-id", "ID",
			  "log in with AppRole, as this role id" },
	[OPT_SECRET_ID_FILE] = { "secret-id-file", "FILE",
				 "file with the AppRole's secret id" },
	[OPT_KUBERNETES_ROLE] = { "kubernetes-role", "ROLE",
				  "log in with Kubernetes, as this role" },
	[OPT_JWT_FILE] = { "jwt-file", "FILE",
			   "the service account's token, read at each login" },
	[OPT_AUTH_PATH] = { "auth-path", "PATH",
			    "mount of the login's auth method" },
	[OPT_NAMESPACE] = { "namespace", "NAMESPACE", "Vault namespace" },
	[OPT_TRANSIT_PATH] = { "transit-path", "PATH",
			       "mount of the transit engine (default: transit)" },
	[OPT_CA_CERT] = { "ca-cert", "FILE",
			  "PEM certificates that sign the server's" },
	[OPT_CLIENT_CERT] = { "client-cert", "FILE",
			      "PEM certificate that names this host" },
	[OPT_CLIENT_KEY] = { "client-key", "FILE",
			     "PEM private key of that certificate" },
	[OPT_PROXY] = { "proxy", "URL", "reach the server through this proxy" },
	[OPT_SERVER_NAME] = { "server-name", "HOST",
			      "name in the server's certificate, if not HOST" },
	[OPT_KMIP_VERSION] = { "kmip-version", "VERSION",
			       "protocol version (default: negotiated)" },
	[OPT_OPEN_ONLY] = { "open-only", NULL,
			    "for a host that only opens: needs decrypt alone" },
	[OPT_ALLOW_CBC] = { "allow-cbc", NULL,
			    "take AES-CBC where the server has nothing better" },
	[OPT_USERNAME] = { "username", "NAME",
			   "log in with a name beside the certificate" },
	[OPT_PASSWORD_FILE] = { "password-file", "FILE",
				"file with the password of that name" },
	[OPT_TLS_CIPHERS] = { "tls-ciphers", "LIST",
			      "ciphers for TLS 1.2, as OpenSSL names them" },
	[OPT_NEW_KEY_UID] = { "new-key-uid", "UID",
			      "the new master key (KMIP only, needed there)" },
	[OPT_ALL] = { "all", NULL, "every one: see kmscrypt(8)" },
	[OPT_DRY_RUN] = { "dry-run", NULL,
			  "say what would be done, change nothing" },
	[OPT_CONNECTIONS] = { "connections", "N",
			      "connections to the KMS side by side, 1 to 64 "
			      "(default: 8)" },
	[OPT_ALLOW_DOWNGRADE] = { "allow-downgrade", NULL,
				  "move the volumes to a key file on this host" },
	[OPT_FORGET] = { "forget", NULL,
			 "drop the entry even if volumes depend on it" },
	[OPT_VOLUME] = { "volume", "PATH",
			 "also this device or image (may be repeated)",
			 .repeat = true },
	[OPT_FORCE] = { "force", NULL,
			"do what is refused otherwise: see kmscrypt(8)" },
	[OPT_LABEL] = { "label", "TEXT", "label in the LUKS2 header" },
	[OPT_CIPHER] = { "cipher", "SPEC",
			 "cipher (default: aes-xts-plain64, or what fits)" },
	[OPT_INTEGRITY] = { "integrity", "KIND",
			    "authenticate each sector, over dm-integrity",
			    .values = "aead|poly1305|hmac-sha256|hmac-sha512" },
	[OPT_INTEGRITY_NO_WIPE] = { "integrity-no-wipe", NULL,
				    "no sector can be read before it is "
				    "written" },
	[OPT_BENEATH] = { "beneath", NULL,
			  "the line of the dm-integrity device beneath" },
	[OPT_KEY_SIZE] = { "key-size", "BITS",
			   "bits of the cipher's key (default: 512, or 256)",
			   .values = "256|512" },
	[OPT_SECTOR_SIZE] = { "sector-size", "BYTES",
			      "encryption sector (default: 4096 if it fits)",
			      .values = "512|1024|2048|4096" },
	[OPT_IV_LARGE_SECTORS] = { "iv-large-sectors", NULL,
				   "count IVs in encryption sectors" },
	[OPT_ALLOW_DISCARDS] = { "allow-discards", NULL,
				 "pass discards on (shows what is unused)" },
	[OPT_READONLY] = { "readonly", NULL, "map it read-only" },
	[OPT_LEASE] = { "lease", "SECONDS",
			"lock when the KMS has not confirmed the key for so "
			"long (at least 10)" },
	[OPT_NONE] = { "none", NULL, "no lease any more" },
	[OPT_ON_LOCK] = { "on-lock", "WHAT",
			  "fail I/O while locked, or hold it",
			  .values = "error|queue" },
	[OPT_QUEUE_CAP] = { "queue-cap", "SECONDS",
			    "how long I/O is held (default: 90)" },
	[OPT_EVICT] = { "evict", NULL,
			"also drop what memory holds of the volume's data" },
	[OPT_FREEZE] = { "freeze", NULL,
			 "freeze its file systems until it is unlocked" },
	[OPT_UNMOUNT] = { "unmount", NULL, "unmount its file systems first" },
	[OPT_SLEEP] = { "sleep", NULL,
			"say that it is for the machine's sleep" },
	[OPT_DUMP_VOLUME_KEY] = { "dump-volume-key", NULL,
				  "export the volume key, with a file below" },
	[OPT_VOLUME_KEY_FILE] = { "volume-key-file", "FILE",
				  "new file (0600) for the exported key" },
	[OPT_PASSPHRASE_FILE] = { "passphrase-file", "FILE",
				  "file with the passphrase, one newline cut" },
	[OPT_KEY_FILE] = { "key-file", "FILE",
			   "key file as cryptsetup takes it, all its bytes" },
	[OPT_ACCEPT_HEADER] = { "accept-header", NULL,
				"accept what the registry knows otherwise" },
	[OPT_YES] = { "yes", NULL, "do not ask" },
};

static void build_getopt(struct option *o)
{
	memset(o, 0, (OPT_COUNT + 1) * sizeof(*o));
	for (size_t i = 0; i < OPT_COUNT; i++) {
		o[i].name = options[i].name;
		o[i].has_arg = options[i].arg ? required_argument : no_argument;
		o[i].val = 256 + (int)i;
	}
}

static bool value_ok(const char *values, const char *value)
{
	size_t len = strlen(value);

	while (values) {
		const char *end = strchrnul(values, '|');

		if ((size_t)(end - values) == len &&
		    !memcmp(values, value, len))
			return true;
		values = *end ? end + 1 : NULL;
	}
	return false;
}

static int take_secret(struct cli *cli, char *arg)
{
	int r = secret_copy(&cli->token, arg, strlen(arg));

	/* What ps(1) shows from now on; history and audit log keep it. */
	explicit_bzero(arg, strlen(arg));
	return r;
}

static int take_volume(struct cli *cli, const char *path)
{
	if (cli->nvolumes == CLI_VOLUMES_MAX)
		return op_fail(&cli->op, -EINVAL,
			       "--volume is given more than %d times",
			       CLI_VOLUMES_MAX);
	cli->volumes[cli->nvolumes++] = path;
	return 0;
}

static int take(struct cli *cli, enum option_id id, char *arg)
{
	const struct option_spec *spec = &options[id];
	bool again = cli->opt[id];

	cli->opt[id] = arg ? arg : "";
	if (spec->secret) {
		int r = take_secret(cli, arg);

		if (r)
			return r;
		cli->opt[id] = "";
	}
	if (!(cli->command->options & (UINT64_C(1) << id)))
		return op_fail(&cli->op, -EINVAL,
			       "option --%s does not go with '%s'", spec->name,
			       cli->command->path);
	if (again && !spec->repeat)
		return op_fail(&cli->op, -EINVAL, "option --%s is given twice",
			       spec->name);
	if (arg && !spec->secret && !*arg)
		return op_fail(&cli->op, -EINVAL, "option --%s is empty",
			       spec->name);
	if (spec->values && !value_ok(spec->values, arg))
		return op_fail(&cli->op, -EINVAL,
			       "option --%s must be one of %s", spec->name,
			       spec->values);
	return id == OPT_VOLUME ? take_volume(cli, arg) : 0;
}

static int check_counts(struct cli *cli)
{
	const struct command *c = cli->command;

	if (cli->nargs < c->min_args)
		return op_fail(&cli->op, -EINVAL, "'%s' needs %s", c->path,
			       c->args);
	if (cli->nargs > c->max_args)
		return op_fail(&cli->op, -EINVAL,
			       "'%s' takes %s, and '%s' is too much", c->path,
			       *c->args ? c->args : "no arguments",
			       cli->args[c->max_args]);
	for (size_t i = 0; i < cli->nargs; i++)
		if (!*cli->args[i])
			return op_fail(&cli->op, -EINVAL,
				       "argument %zu of '%s' is empty", i + 1,
				       c->path);
	for (size_t i = 0; i < OPT_COUNT; i++)
		if (c->required & (UINT64_C(1) << i) && !cli->opt[i])
			return op_fail(&cli->op, -EINVAL, "'%s' needs --%s %s",
				       c->path, options[i].name,
				       options[i].arg);
	return 0;
}

static int parse_one(struct cli *cli, int c, char **argv)
{
	if (c == 'h')
		return take(cli, OPT_HELP, NULL);
	if (c >= 256)
		return take(cli, (enum option_id)(c - 256), optarg);
	if (c == ':')
		return op_fail(&cli->op, -EINVAL, "option %s needs an argument",
			       argv[optind - 1]);
	/* Not echoed whole: it may be "--tokn=<secret>". */
	return op_fail(&cli->op, -EINVAL, "unknown option '%.*s'",
		       (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
}

int options_parse(struct cli *cli, int argc, char **argv, int skip)
{
	struct option longs[OPT_COUNT + 1];
	int first = 0, c;

	build_getopt(longs);
	opterr = 0;
	optind = 1;
	argc -= skip;
	argv += skip;
	/* To the end even after an error, so that every secret is blanked. */
	while ((c = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		int r = parse_one(cli, c, argv);

		if (r && !first)
			first = r;
		if (options_has(cli, OPT_JSON))
			cli->json = true;
	}
	cli->args = argv + optind;
	cli->nargs = (size_t)(argc - optind);
	if (first || options_has(cli, OPT_HELP))
		return first;
	return check_counts(cli);
}

int options_u32(struct cli *cli, enum option_id id, uint32_t min, uint32_t max,
		uint32_t *ret)
{
	const char *text = cli->opt[id];
	unsigned long long v;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || v < min || v > max)
		return op_fail(&cli->op, -EINVAL,
			       "option --%s must be a number from %u to %u",
			       options[id].name, min, max);
	*ret = (uint32_t)v;
	return 0;
}

int options_entry(struct cli *cli, const char **ret)
{
	const char *name = cli->opt[OPT_NAME];

	if (!name)
		name = CONFIG_DEFAULT_ENTRY;
	if (!config_name_ok(name))
		return op_fail(&cli->op, -EINVAL,
			       "'%s' cannot be the name of a KMS entry: "
			       "letters, digits, '.', '_' and '-' only",
			       name);
	*ret = name;
	return 0;
}
