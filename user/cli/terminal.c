// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/secret.h"
#include "cli/cli.h"

#define PASSPHRASE_FILE_MAX (64 * 1024)
#define PASSPHRASE_LINE_MAX 512 /* as cryptsetup(8) */
#define CTRL_C 3
#define CTRL_D 4

static void say(const char *text)
{
	fputs(text, stderr);
	fflush(stderr);
}

/* One line, byte by byte into locked memory: no buffer keeps a copy. */
static int read_bytes(struct secret *ret)
{
	_cleanup_secret_ struct secret line = SECRET_EMPTY;
	size_t n = 0;
	int r = secret_alloc(&line, PASSPHRASE_LINE_MAX);

	if (r)
		return r;
	for (;;) {
		uint8_t *at = line.data + n;
		ssize_t got = read(STDIN_FILENO, at, 1);

		if (got < 0)
			return -errno;
		if (!got || *at == CTRL_C || (*at == CTRL_D && !n))
			return -EINTR;
		if (*at == '\n')
			break;
		if (++n == line.len)
			return -EMSGSIZE;
	}
	secret_truncate(&line, n);
	secret_move(ret, &line);
	return 0;
}

static int ask(struct cli *cli, const char *prefix, const char *what,
	       struct secret *ret)
{
	struct termios old, quiet;
	int r;

	if (tcgetattr(STDIN_FILENO, &old))
		return -errno;
	quiet = old;
	/* No signals either: ^C must not leave a terminal without echo. */
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet))
		return -errno;
	say(prefix);
	say(what);
	say(": ");
	r = read_bytes(ret);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	say("\n");
	if (r == -EMSGSIZE)
		return op_fail(&cli->op, -EINVAL,
			       "a passphrase has at most %d bytes",
			       PASSPHRASE_LINE_MAX - 1);
	return r;
}

static int ask_twice(struct cli *cli, const char *what, struct secret *ret)
{
	_cleanup_secret_ struct secret again = SECRET_EMPTY;
	int r = ask(cli, "Again, ", what, &again);

	if (r || secret_equal(ret, &again))
		return r;
	return op_fail(&cli->op, -EINVAL, "the two passphrases differ");
}

static int from_file(struct cli *cli, struct secret *ret)
{
	const char *text = cli->opt[OPT_PASSPHRASE_FILE];
	const char *path = text ? text : cli->opt[OPT_KEY_FILE];
	int r = secret_read_file(ret, path, PASSPHRASE_FILE_MAX, false);

	if (r == -EMSGSIZE)
		return op_fail(&cli->op, -EINVAL, "%s has more than %d bytes",
			       path, PASSPHRASE_FILE_MAX);
	if (r)
		return op_fail(&cli->op, r, "%s: %s", path, strerror(-r));
	if (text && ret->len && ret->data[ret->len - 1] == '\n')
		secret_truncate(ret, ret->len - 1);
	return 0;
}

static int from_terminal(struct cli *cli, const char *what, bool twice,
			 struct secret *ret)
{
	int r;

	if (!isatty(STDIN_FILENO)) {
		op_next(&cli->op, "Give it with --passphrase-file or "
				  "--key-file.");
		return op_fail(&cli->op, -EINVAL,
			       "there is no terminal to ask for a passphrase");
	}
	r = ask(cli, "", what, ret);
	return r || !twice ? r : ask_twice(cli, what, ret);
}

int terminal_passphrase(struct cli *cli, const char *what, bool twice,
			struct secret *ret)
{
	int r;

	if (options_has(cli, OPT_PASSPHRASE_FILE) &&
	    options_has(cli, OPT_KEY_FILE))
		return op_fail(&cli->op, -EINVAL,
			       "--passphrase-file and --key-file exclude each "
			       "other");
	if (options_has(cli, OPT_PASSPHRASE_FILE) ||
	    options_has(cli, OPT_KEY_FILE))
		r = from_file(cli, ret);
	else
		r = from_terminal(cli, what, twice, ret);
	if (!r && !ret->len)
		r = op_fail(&cli->op, -EINVAL, "the passphrase is empty");
	return r;
}

int terminal_confirm(struct cli *cli, const char *question)
{
	char answer[16];

	if (options_has(cli, OPT_YES))
		return 0;
	op_next(&cli->op, "If it is wanted, repeat with --yes.");
	if (!isatty(STDIN_FILENO))
		return op_fail(&cli->op, -EBUSY,
			       "this cannot be undone, and there is no "
			       "terminal to ask on");
	say(question);
	say(" Type yes to go on: ");
	if (fgets(answer, sizeof(answer), stdin) && !strcmp(answer, "yes\n")) {
		op_clear(&cli->op);
		return 0;
	}
	return op_fail(&cli->op, -EBUSY, "nothing was changed");
}
