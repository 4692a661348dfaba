/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first write to a new volume with integrity tags: without it no sector has
 * a tag that fits, and none can be read before it is written.
 *
 * It is done through the volume itself, so that no key is here meanwhile, and
 * without dm-integrity's journal.
 */
#ifndef _VOLUME_BLANK_H
#define _VOLUME_BLANK_H

#include <stdint.h>

struct mapping_table;
struct op;

/**
 * blank_volume() - write zeroes over all of it
 * @progress:	called with 512-byte sectors, for each MiB; may be NULL
 *
 * Its mapping is gone afterwards, also when the process is killed: the kernel
 * removes it at the last close. Return: 0, as mapping_create(), -errno.
 */
int blank_volume(struct op *op, const struct mapping_table *t,
		 void (*progress)(void *arg, uint64_t done, uint64_t total),
		 void *arg);

/**
 * blank_clear() - take away what a process that was killed before it came to
 * that has left of volume @uuid
 */
void blank_clear(const char *uuid);

#endif
