/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which file systems of a volume we have frozen: /run/kmscrypt/frozen/UUID, a
 * line "MAJOR:MINOR" for each. It is gone after a boot, as is the freeze.
 */
#ifndef _VOLUME_FROZEN_H
#define _VOLUME_FROZEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <uapi/kmscrypt.h>

struct op;

#define FROZEN_MAX 64

struct frozen {
	char uuid[KMSC_UUID_STR_LEN + 1];
	size_t n;
	dev_t fs[FROZEN_MAX];
};

/** frozen_load() - of volume @uuid; none is fine. 0, -EBADMSG, -errno. */
int frozen_load(struct op *op, const char *uuid, struct frozen *ret);

bool frozen_has(const struct frozen *f, dev_t fs);

/** frozen_add(), frozen_drop() - also on the disk. 0, -ENOSPC, -errno. */
int frozen_add(struct op *op, struct frozen *f, dev_t fs);
int frozen_drop(struct op *op, struct frozen *f, dev_t fs);

/** frozen_forget() - remove the record. 0, -errno. */
int frozen_forget(struct op *op, const char *uuid);

#endif
