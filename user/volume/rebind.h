/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving the bindings of one volume to another generation of its KMS entry.
 *
 * In this order, so that a kill at any instant leaves the volume openable and
 * a second run finishes: unwrap with an old generation, wrap with the target,
 * add the new token, read it back from the disk and unwrap it, pin it, and
 * only then remove the old tokens.
 */
#ifndef _VOLUME_REBIND_H
#define _VOLUME_REBIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/op.h"
#include "kms/config.h"

struct binding;
struct capsule;
struct header;
struct kms;
struct luks_place;
struct registry_volume;

enum rebind_outcome {
	REBIND_NOTHING, /* no binding of the entry to move */
	REBIND_DONE, /* moved, or re-wrapped */
	REBIND_CURRENT, /* it was as wanted already */
};

/* A generation that volumes come from; opened when first needed. */
struct rebind_source {
	struct generation generation;
	struct kms *kms;
	int err; /* why it cannot be opened, or 0 */
	char why[OP_TEXT_MAX];
};

struct rebind {
	char entry[CONFIG_ENTRY_NAME_MAX];
	const struct generation *target;
	struct kms *kms; /* open session with @target; not owned */
	size_t nsources;
	struct rebind_source *sources;
};

/**
 * rebind_sources() - load the entry's other generations as sources
 * @b:	entry and target set. Free with rebind_free(), also after a failure.
 * Return: 0, -errno. Missing credentials are an error of that source alone.
 */
int rebind_sources(struct op *op, const struct entry *e, struct rebind *b);

void rebind_free(struct rebind *b);
#define _cleanup_rebind_ __attribute__((cleanup(rebind_free)))

/** rebind_volume() - move the volume at @place to the target. 0, -errno. */
int rebind_volume(struct op *op, struct rebind *b,
		  const struct luks_place *place, enum rebind_outcome *ret);

/**
 * rebind_rewrap() - bring the target's bindings to the newest master key
 * @newest:	version to reach; what has it is left alone unless @all
 *
 * On the KMS's side: the capsule does not come here. Return: 0; -EOPNOTSUPP
 * where the provider cannot; -errno.
 */
int rebind_rewrap(struct op *op, struct rebind *b,
		  const struct luks_place *place, uint32_t newest, bool all,
		  enum rebind_outcome *ret);

/** rebind_prove() - does the volume open through one of the sources now? */
int rebind_prove(struct op *op, struct rebind *b,
		 const struct luks_place *place);

/**
 * rebind_look() - what rebind_volume() and then rebind_rewrap() would do
 * @newest:	0: the provider has no versions
 */
int rebind_look(struct op *op, struct rebind *b, const struct luks_place *place,
		uint32_t newest, bool all, enum rebind_outcome *ret);

/**
 * rebind_unwrap() - binding @b of @h through @kms, with all checks
 * @ret:	capsule_free() it, also after a failure
 * Return: 0; -errno of kms_unwrap(); -EKEYREJECTED: capsule or pin.
 */
int rebind_unwrap(struct op *op, struct kms *kms, const struct header *h,
		  const struct binding *b, struct capsule *ret);

/**
 * rebind_read_back() - is token @token on the disk, and does it give @want?
 * Return: 0; -EKEYREJECTED: something else is there; -errno of reading it and
 * of rebind_unwrap().
 */
int rebind_read_back(struct op *op, struct kms *kms,
		     const struct luks_place *place, int token,
		     const struct capsule *want);

/**
 * rebind_record() - the registry's record of the volume at @place, or the
 * start of a new one. Take registry_lock() first. Return: 0, -errno.
 */
int rebind_record(struct op *op, const struct header *h,
		  const struct luks_place *place, struct registry_volume *v);

#endif
