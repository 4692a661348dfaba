/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a device as the user names it to what the library takes. */
#ifndef _CLI_VOLUME_TABLE_H
#define _CLI_VOLUME_TABLE_H

struct cli;
struct luks_place;
struct mapping_table;

/* Where a volume is. */
struct volume_where {
	char *device;
	char *header; /* detached, or NULL */
	char *mapping; /* its name, when it was found by that; or NULL */
};

void volume_where_free(struct volume_where *w);
#define _cleanup_where_ __attribute__((cleanup(volume_where_free)))

/** volume_where_place() - the same for luks.h; points into @w. */
struct luks_place volume_where_place(const struct volume_where *w);

/**
 * volume_find() - the volume that @text names: an open one's mapping, or a
 * device or image
 * @ret: volume_where_free() it, also after a failure. Return: 0, -errno.
 */
int volume_find(struct cli *cli, const char *text, struct volume_where *ret);

/**
 * volume_absolute() - @path as it will be found from another directory
 * The caller frees *@ret. Return: 0, -errno.
 */
int volume_absolute(struct cli *cli, const char *path, char **ret);

/** volume_table() - read the header at @device, fill @ret. 0, -errno. */
int volume_table(struct cli *cli, const char *device,
		 struct mapping_table *ret);

#endif
