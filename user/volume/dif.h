/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dm-integrity device beneath a mapping whose volume has integrity tags:
 * NAME_dif, with cryptsetup's name and options. Its DM UUID says whose it is,
 * KMSCRYPT-DIF-<volume's uuid>-<NAME>; another one is never touched.
 */
#ifndef _VOLUME_DIF_H
#define _VOLUME_DIF_H

#include <stdbool.h>

struct mapping_table;
struct op;

#define DIF_SUFFIX "_dif"
#define DIF_TARGET "integrity"
#define DIF_MODULE "dm-integrity"

/**
 * dif_create() - make the one of @name, and put it into @t as its device
 *
 * It alone may have the device beneath: two of them would overwrite each
 * other's journal. Return: as mapper_create(); -EBUSY: somebody has it.
 */
int dif_create(struct op *op, const char *name, struct mapping_table *t,
	       bool read_only);

/**
 * dif_remove() - take that of @name away
 * @deferred: when in use, at the last close instead of failing
 * Return: 1; 0: there is none of ours; -EBUSY, -errno.
 */
int dif_remove(struct op *op, const char *name, bool deferred);

/** dif_exists() - is there one of ours for @name? */
bool dif_exists(const char *name);

/** dif_clear() - all of volume @uuid on which nothing stands. 0, -errno. */
int dif_clear(struct op *op, const char *uuid);

#endif
