/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a device to the table that opens it: for open and table. */
#ifndef _CLI_VOLUME_TABLE_H
#define _CLI_VOLUME_TABLE_H

struct cli;
struct mapping_table;

/** volume_table() - read the header at @device, fill @ret. 0, -errno. */
int volume_table(struct cli *cli, const char *device,
		 struct mapping_table *ret);

#endif
