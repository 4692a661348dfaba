// SPDX-License-Identifier: GPL-2.0-or-later
/* See create.h. */
#include "volume/create.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"
#include "volume/binding.h"
#include "volume/blank.h"
#include "volume/capsule.h"
#include "volume/dif.h"
#include "volume/header.h"
#include "volume/integrity.h"
#include "volume/luks.h"
#include "volume/mapper.h"
#include "volume/mapping.h"
#include "volume/opening.h"
#include "volume/rebind.h"
#include "volume/registry.h"
#include "volume/unlock.h"

/* The UUID that was there before, "" for none that can be read. */
static void find_previous(struct op *op, const struct luks_place *place,
			  char ret[KMSC_UUID_STR_LEN + 1])
{
	_cleanup_header_ struct header h = { 0 };

	*ret = '\0';
	if (!luks_read(op, place, &h))
		memcpy(ret, h.uuid, sizeof(h.uuid));
	op_clear(op);
}

/* It is gone from here; if the registry saw it elsewhere, it stays. */
static int forget_previous(struct op *op, const struct luks_place *place,
			   const char *uuid)
{
	struct registry_volume v = { 0 };
	_cleanup_close_ int lock = -1;
	int r = registry_lock(op, &lock);

	if (r)
		return r;
	r = registry_load(op, uuid, &v);
	op_clear(op);
	if (!r && strcmp(v.device, place->device))
		return 0;
	/* Without a record, too: half of one may be left of a killed run. */
	return r && r != -ENOENT ? r : registry_remove(op, uuid);
}

static int record(struct op *op, const struct luks_place *place,
		  const struct create *c, const struct header *h,
		  const struct capsule *capsule)
{
	struct registry_volume v = { .updated = (uint64_t)time(NULL) };
	_cleanup_close_ int lock = -1;
	int r;

	memcpy(v.uuid, h->uuid, sizeof(v.uuid));
	memcpy(v.label, h->label, sizeof(v.label));
	snprintf(v.device, sizeof(v.device), "%s", place->device);
	snprintf(v.header, sizeof(v.header), "%s",
		 place->header ? place->header : "");
	r = registry_pin(&v, c->generation->id, c->entry, capsule, true);
	if (!r)
		r = registry_lock(op, &lock);
	return r ? r : registry_save(op, &v);
}

static int bind(struct op *op, const struct luks_place *place,
		const struct create *c, const struct header *h,
		struct capsule *capsule)
{
	_cleanup_binding_ struct binding b = { .token = -1 };
	int r = unlock_wrap(op, c->kms, h, capsule, c->flags, NULL, &b);

	return r ? r : luks_add(op, place, h->uuid, &b);
}

/* What is on the disk now has to give the same key. */
static int prove(struct op *op, const struct luks_place *place,
		 const struct create *c, const struct capsule *capsule,
		 struct header *ret)
{
	_cleanup_capsule_ struct capsule got = { 0 };
	int r = luks_read(op, place, ret);

	if (r)
		return r;
	if (ret->nbindings != 1 || ret->bindings[0].err)
		return op_fail(op, -EIO, "%s does not hold what was written",
			       place->device);
	r = rebind_unwrap(op, c->kms, ret, &ret->bindings[0], &got);
	if (!r && !secret_equal(&got.key, &capsule->key))
		r = op_fail(op, -EKEYREJECTED, "%s gives another volume key",
			    place->device);
	return r;
}

static int check_integrity(struct op *op, const struct luks_place *place,
			   const struct create *c)
{
	struct segment s = { 0 }, view;
	struct stat st;
	int r;

	if (stat(place->device, &st))
		return op_fail(op, -errno, "%s: %s", place->device,
			       strerror(errno));
	if (!S_ISBLK(st.st_mode)) {
		op_next(op, "Attach it first: losetup --find --show %s",
			place->device);
		return op_fail(op, -ENODEV,
			       "%s is not a block device, which integrity tags "
			       "need",
			       place->device);
	}
	snprintf(s.cipher, sizeof(s.cipher), "%s",
		 c->cipher ?: LUKS_CIPHER_DEFAULT);
	snprintf(s.integrity, sizeof(s.integrity), "%s", c->integrity);
	r = integrity_view(op, &s, &view);
	if (!r)
		r = mapper_target(op, DIF_TARGET, DIF_MODULE);
	if (!r && !c->no_wipe)
		r = mapper_target(op, KMSC_TARGET_NAME, MAPPING_MODULE);
	return r;
}

int create_check(struct op *op, const struct luks_place *place,
		 const struct create *c)
{
	char previous[KMSC_UUID_STR_LEN + 1];

	find_previous(op, place, previous);
	if (*previous)
		blank_clear(previous);
	return c->integrity ? check_integrity(op, place, c) : 0;
}

int create_wipe(struct op *op, const struct luks_place *place,
		const struct create *c)
{
	struct mapping_table t;
	int r;

	if (!c->integrity || c->no_wipe)
		return 0;
	r = opening_table(op, place, false, &t);
	if (!r)
		r = blank_volume(op, &t, c->progress, c->arg);
	if (r)
		op_next(op,
			"Not all sectors of %s can be read: put right what "
			"failed and repeat with --force.",
			place->device);
	return r;
}

int create_volume(struct op *op, const struct luks_place *place,
		  const struct create *c, struct header *ret)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_capsule_ struct capsule capsule = {
		.policy = c->policy,
		.lease_s = c->lease_s,
		.queue_cap_s = c->queue_cap_s,
		.epoch = 1,
	};
	const struct luks_format f = {
		.cipher = c->cipher,
		.integrity = c->integrity,
		.sector_size = c->sector_size,
		.label = c->label,
	};
	char previous[KMSC_UUID_STR_LEN + 1];
	int r = secret_random(&capsule.key, c->key_bytes);

	if (r)
		return r;
	find_previous(op, place, previous);
	r = luks_format(op, place, &f, &capsule.key, &h);
	if (r)
		return r;
	r = bind(op, place, c, &h, &capsule);
	if (!r)
		r = prove(op, place, c, &capsule, ret);
	if (r) {
		op_next(op,
			"%s has a header without a key now: put right what "
			"failed and repeat with --force.",
			place->device);
		return r;
	}
	r = record(op, place, c, ret, &capsule);
	if (!r && *previous)
		r = forget_previous(op, place, previous);
	return r;
}
