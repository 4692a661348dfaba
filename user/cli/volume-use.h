/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is a volume in use; and --accept-header, for commands that use one. */
#ifndef _CLI_VOLUME_USE_H
#define _CLI_VOLUME_USE_H

struct cli;
struct luks_place;

/**
 * volume_check_closed() - is volume @uuid open on this host?
 * @device:	only a mapping on this device counts, or NULL
 * @next:	what to do when it is
 * Return: 0, also without device-mapper; -EBUSY.
 */
int volume_check_closed(struct cli *cli, const char *uuid, const char *device,
			const char *next);

/**
 * volume_accept() - with --accept-header: ask the KMS for the key, and pin what
 * the header holds, whatever was pinned before; then the KMS has its whole time
 * again. Return: 0, -errno.
 */
int volume_accept(struct cli *cli, const struct luks_place *place);

#endif
