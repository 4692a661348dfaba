// SPDX-License-Identifier: GPL-2.0-or-later
/* kmscrypt: find the command, run it, report its error. See kmscrypt(8). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <uapi/kmscrypt.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/usage.h"

#define PATH_WORDS_MAX 4
#define TIMEOUT_MAX_S 3600

/* Does argv start with the words of @path? Their number, or 0. */
static int words_match(const char *path, int argc, char **argv)
{
	int n = 0;

	while (*path) {
		size_t len = strcspn(path, " ");

		if (n == argc || strlen(argv[n]) != len ||
		    memcmp(argv[n], path, len))
			return 0;
		n++;
		path += len + (path[len] == ' ');
	}
	return n;
}

/* The command with the most words that argv starts with. */
static const struct command *find(int argc, char **argv, int *ret_words)
{
	const struct command *best = NULL;

	*ret_words = 0;
	for (size_t i = 0; i < commands_count; i++) {
		int n = words_match(commands[i].path, argc, argv);

		if (n > *ret_words) {
			*ret_words = n;
			best = &commands[i];
		}
	}
	return best;
}

/* "kms set": the start of a command, but not one. */
static bool is_prefix(int argc, char **argv, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (int i = 0; i < argc && i < PATH_WORDS_MAX; i++) {
		if (*argv[i] == '-')
			break;
		used += (size_t)snprintf(buf + used, size - used, "%s%s",
					 i ? " " : "", argv[i]);
		if (used >= size)
			return false;
	}
	for (size_t i = 0; *buf && i < commands_count; i++)
		if (usage_below(commands[i].path, buf))
			return true;
	return false;
}

/* A row such as "kms" swallows "kms sett vault": say what is wrong there. */
static bool swallowed(const struct command *c, int argc, char **argv, int words)
{
	char below[64];

	snprintf(below, sizeof(below), "%s ", c->path);
	if (words >= argc || *argv[words] == '-' || c->max_args)
		return false;
	for (size_t i = 0; i < commands_count; i++)
		if (!strncmp(commands[i].path, below, strlen(below)))
			return true;
	return false;
}

static int no_command(struct cli *cli, int argc, char **argv)
{
	char prefix[128];

	if (!argc) {
		usage_all(stderr, "");
		return EXIT_WRONG_USAGE;
	}
	if (is_prefix(argc, argv, prefix, sizeof(prefix))) {
		op_fail(&cli->op, -EINVAL, "'%s' is not a whole command",
			prefix);
		op_next(&cli->op, "See 'kmscrypt help %s'.", prefix);
	} else {
		op_fail(&cli->op, -EINVAL, "unknown command '%s%s%s'", argv[0],
			argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
		op_next(&cli->op, "See 'kmscrypt help'.");
	}
	return output_error(cli, -EINVAL);
}

static int start(struct cli *cli)
{
	uint32_t seconds = KMSC_TIMEOUT_DEFAULT_MS / 1000;
	int r = options_u32(cli, OPT_TIMEOUT, 1, TIMEOUT_MAX_S, &seconds);

	if (r)
		return r;
	cli->timeout_ms = (int64_t)seconds * 1000;
	op_init(&cli->op, cli->timeout_ms);
	return cli->command->run(cli);
}

static int run(struct cli *cli, int argc, char **argv, int words)
{
	int r = options_parse(cli, argc, argv, words);

	if (r) {
		op_next(&cli->op, "See 'kmscrypt help %s'.",
			cli->command->path);
		return output_error(cli, r);
	}
	if (options_has(cli, OPT_HELP)) {
		usage_command(stdout, cli->command);
		return 0;
	}
	r = start(cli);
	if (r < 0)
		r = output_error(cli, r);
	return r;
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
	int words;

	if (argc == 2 && !strcmp(argv[1], "-h")) {
		usage_all(stdout, "");
		return 0;
	}
	/* These two are commands that are also spelled as options. */
	if (argc > 1 &&
	    (!strcmp(argv[1], "--help") || !strcmp(argv[1], "--version")))
		argv[1] += strlen("--");
	cli->command = find(argc - 1, argv + 1, &words);
	if (!cli->command || swallowed(cli->command, argc - 1, argv + 1, words))
		return no_command(cli, argc - 1, argv + 1);
	return run(cli, argc, argv, words);
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	int code, r;

	umask(077);
	log_open("kmscrypt", false);
	op_init(&cli.op, 0);
	r = secret_init();
	if (r) {
		op_fail(&cli.op, r, "cannot lock memory for secrets");
		op_next(&cli.op, "Raise the limit (ulimit -l) or run as root.");
		return output_error(&cli, r);
	}
	file_allow_root();
	code = dispatch(&cli, argc, argv);
	secret_free(&cli.token);
	r = output_finish();
	if (r && !code) {
		op_clear(&cli.op);
		op_fail(&cli.op, r, "cannot write to standard output");
		code = output_error(&cli, r);
	}
	return code;
}
