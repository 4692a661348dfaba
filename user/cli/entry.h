/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The KMS entry that a command wraps with. */
#ifndef _CLI_ENTRY_H
#define _CLI_ENTRY_H

struct cli;
struct generation;
struct kms;

/**
 * entry_open() - the current generation of entry @name, with a proven session
 * @g:	zeroed; generation_free() it after kms_close(@ret), also after a failure
 * Return: 0, -ENODATA: no such entry, -errno of kms_check_saved().
 */
int entry_open(struct cli *cli, const char *name, struct generation *g,
	       struct kms **ret);

#endif
