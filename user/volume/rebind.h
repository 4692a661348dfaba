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
struct luks_edit;
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
	struct kms *kms; /* session with @target; NULL: opened when needed */
	struct generation own; /* what such a session needs */
	bool own_kms;
	bool copy; /* rebind_volume()'s: it is at a copy, places_is_copy() */
	size_t nsources;
	struct rebind_source *sources;
};

/**
 * rebind_sources() - load the entry's other generations as sources
 * @b:	entry, target and, if there is one, kms set. Free with rebind_free(),
 *	also after a failure.
 * Return: 0, -errno. Missing credentials are an error of that source alone.
 */
int rebind_sources(struct op *op, const struct entry *e, struct rebind *b);

void rebind_free(struct rebind *b);
#define _cleanup_rebind_ __attribute__((cleanup(rebind_free)))

/** rebind_moves() - has @h bindings that are to be moved to the target? */
bool rebind_moves(struct rebind *b, const struct header *h);

/** rebind_volume() - move the volume at @place to the target. 0, -errno. */
int rebind_volume(struct op *op, struct rebind *b,
		  const struct luks_place *place, enum rebind_outcome *ret);

/* A header on its way to the newest master key. */
struct rebind_step {
	struct header *header; /* afterwards as it is on the disk now */
	struct luks_edit *edit; /* that read it */
	enum rebind_outcome outcome;
	int err;
	struct op op; /* its deadline, and the words of @err */
}; /* with @err, or done, it is left out */

/**
 * rebind_rewrap() - bring the target's bindings to the newest master key
 * @newest:	version to reach; what has it is left alone unless @all
 *
 * On the KMS's side, many in one request: no capsule comes here.
 * Return: 0, see the steps; -ENOMEM.
 */
int rebind_rewrap(struct op *op, struct rebind *b, struct rebind_step *steps,
		  size_t n, uint32_t newest, bool all);

/** rebind_is_copy() - is @place, with header @h, a copy? places_is_copy() */
bool rebind_is_copy(struct op *op, const struct header *h,
		    const struct luks_place *place);

/** rebind_prove() - does the volume open through one of the sources now? */
int rebind_prove(struct op *op, struct rebind *b,
		 const struct luks_place *place);

/**
 * rebind_look() - what rebind_volume() and then rebind_rewrap() would do
 * @newest:	0: the provider has no versions
 */
enum rebind_outcome rebind_look(struct rebind *b, const struct header *h,
				uint32_t newest, bool all);

/**
 * rebind_oldest() - lowest version of the master key among the target's
 * bindings of @h; 0: there is none, or the provider has no versions
 */
uint32_t rebind_oldest(const struct rebind *b, const struct header *h);

/**
 * rebind_unwrap() - binding @b of @h through @kms, with all checks
 * @ret:	capsule_free() it, also after a failure
 * Return: 0; -errno of unlock_unwrap(); -EKEYREJECTED also for a pin.
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
