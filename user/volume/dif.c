// SPDX-License-Identifier: GPL-2.0-or-later
/* See dif.h. */
#include "volume/dif.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <uapi/kmscrypt.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/mapper.h"
#include "volume/mapping-table.h"

#define UUID_PREFIX KMSC_DM_UUID_PREFIX "DIF-"

static int dif_name(struct op *op, const char *name, char ret[MAPPER_NAME_MAX])
{
	if (snprintf(ret, MAPPER_NAME_MAX, "%s" DIF_SUFFIX, name) >=
	    MAPPER_NAME_MAX)
		return op_fail(op, -EINVAL, "the name '%s' is too long", name);
	return 0;
}

/* Nobody else: no mount, and no other device on it. */
static int check_unused(struct op *op, const char *device)
{
	_cleanup_close_ int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	if (errno != EBUSY)
		return op_fail(op, -errno, "%s: %s", device, strerror(errno));
	op_next(op, "See 'lsblk %s'; unmount or close what uses it.", device);
	return op_fail(op, -EBUSY,
		       "%s is in use, and a volume with integrity tags is open "
		       "once only",
		       device);
}

int dif_create(struct op *op, const char *name, struct mapping_table *t,
	       bool read_only)
{
	_cleanup_free_ char *params = NULL;
	char own[MAPPER_NAME_MAX], dm_uuid[MAPPER_UUID_MAX];
	struct mapper_device d = {
		.name = own,
		.dm_uuid = dm_uuid,
		.target = DIF_TARGET,
		.module = DIF_MODULE,
		.len = t->len,
		.read_only = read_only,
		.hidden = true,
	};
	int r = dif_name(op, name, own);

	if (r)
		return r;
	if (snprintf(dm_uuid, sizeof(dm_uuid), UUID_PREFIX "%s-%s", t->uuid,
		     name) >= (int)sizeof(dm_uuid))
		return op_fail(op, -EINVAL, "the name '%s' is too long", name);
	r = check_unused(op, t->beneath);
	if (!r)
		r = mapping_beneath_params(t, &params);
	if (r)
		return r;
	d.params = params;
	snprintf(t->device, sizeof(t->device), "/dev/mapper/%s", own);
	return mapper_create(op, &d);
}

/* Is device-mapper's device @own one of ours, of volume @uuid (NULL: of any)? */
static int look(struct op *op, const char *own, const char *uuid,
		struct dm_info *ret)
{
	char dm_uuid[MAPPER_UUID_MAX];
	size_t prefix = strlen(UUID_PREFIX);
	int r = mapper_info(op, own, ret, dm_uuid);

	if (r)
		return r == -ENXIO ? 0 : r;
	return !strncmp(dm_uuid, UUID_PREFIX, prefix) &&
	       (!uuid || !strncmp(dm_uuid + prefix, uuid, strlen(uuid)));
}

int dif_remove(struct op *op, const char *name, bool deferred)
{
	char own[MAPPER_NAME_MAX];
	struct dm_info info;
	int r = dif_name(op, name, own);

	/* a longer name has none */
	if (r) {
		op_clear(op);
		return 0;
	}
	r = look(op, own, NULL, &info);
	if (r <= 0)
		return r;
	r = mapper_remove(own, deferred);
	if (r == -EBUSY)
		return op_fail(op, r, "'%s' is in use", own);
	return r < 0 ? mapper_fail(op, own, r) : 1;
}

bool dif_exists(const char *name)
{
	char own[MAPPER_NAME_MAX];
	struct dm_info info;
	struct op op;

	op_init(&op, 0);
	return !dif_name(&op, name, own) && look(&op, own, NULL, &info) > 0;
}

static int clear_one(struct op *op, const char *own, void *arg)
{
	struct dm_info info;
	int r = look(op, own, arg, &info);

	if (r > 0 && !info.open_count)
		r = mapper_remove(own, false);
	/* gone meanwhile, or somebody has it now: then it is no leftover */
	return r == -ENOMEM ? r : 0;
}

int dif_clear(struct op *op, const char *uuid)
{
	int r = mapper_each(op, clear_one, (void *)(uintptr_t)uuid);

	op_clear(op);
	return r;
}
