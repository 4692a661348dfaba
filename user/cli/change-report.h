/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kms set, kms rewrap and kms unset did, volume by volume. */
#ifndef _CLI_CHANGE_REPORT_H
#define _CLI_CHANGE_REPORT_H

struct change;
struct change_item;
struct cli;
struct progress;

/* struct change's arg for the two functions below */
struct change_progress {
	const struct cli *cli;
	struct progress *bar; /* or NULL */
};

/**
 * change_report_item() - for struct change's report: say what became of a
 * volume as soon as it is known (with --json a line of its own)
 */
void change_report_item(struct change *c, const struct change_item *item);

/** change_report_tick() - for its tick: move the bar. */
void change_report_tick(const struct change *c);

/**
 * change_report() - print it; without the volumes where change_report_item() did
 * @err: what the change returned; then only the volumes are printed
 * Return: @err, or 0, or EXIT_PARTLY with the error reported.
 */
int change_report(struct cli *cli, const struct change *c, int err);

#endif
