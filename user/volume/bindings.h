/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bindings of one volume, several of them: one KMS more, one less, and
 * what their capsules say of lease and policy.
 *
 * As in rebind.h, nothing is removed or replaced before what stays has proven
 * that it opens, so a kill at any instant leaves the volume openable, and the
 * same call again finishes.
 */
#ifndef _VOLUME_BINDINGS_H
#define _VOLUME_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

struct generation;
struct kms;
struct luks_place;
struct op;

/* What a volume's capsules say beside the key. */
struct bindings_lease {
	uint32_t policy; /* KMSC_POLICY_* */
	uint32_t lease_s; /* 0: none */
	uint32_t queue_cap_s;
};

struct bindings_change {
	char uuid[KMSC_UUID_STR_LEN + 1]; /* out: the volume */
	size_t changed; /* out: bindings that were written or removed */
	size_t left; /* out: bindings that are there now */
};

/**
 * bindings_bind() - wrap the volume's key with one KMS more
 * @entry:	name of the KMS entry
 * @g, @kms:	its current generation, and a session with it that is proven
 *
 * The key comes from whichever binding opens. Hold config_lock(). Return: 0,
 * also when it is bound already (ret->changed 0; its binding is proven); -EBUSY:
 * bound by an older generation of @entry; -ENOSPC: KMSC_MAX_BINDINGS are there;
 * -errno of unlock_run() and of wrapping.
 */
int bindings_bind(struct op *op, const struct luks_place *place,
		  const char *entry, const struct generation *g,
		  struct kms *kms, struct bindings_change *ret);

/**
 * bindings_unbind() - remove the bindings of one entry
 * @entry:	name of an entry of this host, or one that the registry
 *		remembers, or a generation's id
 * @force:	even the last binding, if a keyslot is left
 *
 * Return: 0; -ENODATA: no binding of @entry is there; -EBUSY: it is the last
 * one; -errno: what stays does not open.
 */
int bindings_unbind(struct op *op, const struct luks_place *place,
		    const char *entry, bool force, struct bindings_change *ret);

/**
 * bindings_lease() - what the binding that opens says
 * @change:	its volume and number of bindings are set
 *
 * Return: 0, -errno of unlock_run().
 */
int bindings_lease(struct op *op, const struct luks_place *place,
		   struct bindings_lease *ret, struct bindings_change *change);

/**
 * bindings_relet() - wrap every binding anew with another lease or policy
 *
 * All of them have to open first: none may be left behind with what held
 * before. Return: 0, ret->changed is 0 when all is as wanted; -EBUSY: a
 * binding's generation is retiring; -errno.
 */
int bindings_relet(struct op *op, const struct luks_place *place,
		   const struct bindings_lease *want,
		   struct bindings_change *ret);

#endif
