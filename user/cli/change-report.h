/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kms set, kms rewrap and kms unset did, volume by volume. */
#ifndef _CLI_CHANGE_REPORT_H
#define _CLI_CHANGE_REPORT_H

struct change;
struct cli;

/**
 * change_report() - print it
 * @err: what the change returned; then only the volumes are printed
 * Return: @err, or 0, or EXIT_PARTLY with the error reported.
 */
int change_report(struct cli *cli, const struct change *c, int err);

#endif
