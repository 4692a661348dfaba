/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a device as the user names it to what the library takes. */
#ifndef _CLI_VOLUME_TABLE_H
#define _CLI_VOLUME_TABLE_H

struct cli;
struct mapping_table;

/**
 * volume_absolute() - @path as it will be found from another directory
 * The caller frees *@ret. Return: 0, -errno.
 */
int volume_absolute(struct cli *cli, const char *path, char **ret);

/** volume_table() - read the header at @device, fill @ret. 0, -errno. */
int volume_table(struct cli *cli, const char *device,
		 struct mapping_table *ret);

#endif
