/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking people: only on a terminal. Without one, an option has to say it, and
 * its absence is an error instead of a prompt that nobody answers.
 */
#ifndef _CLI_TERMINAL_H
#define _CLI_TERMINAL_H

#include <stdbool.h>

struct cli;
struct secret;

/**
 * terminal_passphrase() - from --passphrase-file, --key-file or the terminal
 * @what:	"Passphrase of /dev/vdb"
 * @twice:	ask again and compare: for a new one
 *
 * Of a passphrase file one final newline is cut off, of a key file nothing.
 * Return: 0; -EINVAL: no terminal, both options, empty, or the two differ;
 * -EINTR: given up with ^C or ^D; -errno of reading the file.
 */
int terminal_passphrase(struct cli *cli, const char *what, bool twice,
			struct secret *ret);

/**
 * terminal_confirm() - go on? Only the word "yes" says so; --yes answers it
 * Return: 0; -EBUSY: no, or there is neither a terminal nor --yes.
 */
int terminal_confirm(struct cli *cli, const char *question);

#endif
