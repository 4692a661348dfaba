/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volume to key: the one path that the command line and the helper share, and
 * its reverse, making a binding.
 *
 * Two steps, so that the helper can close its sandbox between them: prepare
 * reads everything from this machine (header, registry, configuration,
 * credentials), run talks to the KMS and touches no file.
 */
#ifndef _VOLUME_UNLOCK_H
#define _VOLUME_UNLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

#include "kms/config.h"
#include "volume/binding.h"
#include "volume/capsule.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/registry.h"

struct kms;
struct op;

/* What a table asks for (the callout); all of it must match the header. */
struct unlock_request {
	char cipher[KMSC_CIPHER_MAX];
	uint32_t key_bytes;
	uint32_t sector_size; /* bytes */
	uint64_t iv_offset; /* 512-byte sectors */
	uint64_t offset; /* 512-byte sectors */
	uint64_t len; /* 512-byte sectors */
	uint32_t flags; /* KMSC_DESC_* */
	char integrity[KMSC_INTEGRITY_MAX]; /* <tag bytes>:aead, "": none */
};

enum unlock_flags {
	UNLOCK_ACCEPT_HEADER = 1 << 0, /* ignore the registry's pins */
};

struct unlock_candidate {
	size_t binding; /* index in header.bindings */
	/* 0 or why it cannot be tried: -ENODATA, -EBADMSG */
	int err;
	char entry[CONFIG_ENTRY_NAME_MAX];
	struct generation generation; /* with its secrets */
	int silence; /* silence.h; -1 when it is the only one */
};

struct unlock_plan {
	struct header header;
	bool known; /* @volume is from the registry */
	struct registry_volume volume;
	unsigned int flags;
	size_t n;
	struct unlock_candidate *candidates; /* in the order to try them */
};

/* How the kernel is to treat the volume; see struct kmsc_payload. */
struct unlock_terms {
	uint32_t policy;
	uint32_t lease_s;
	uint32_t queue_cap_s;
};

struct unlocked {
	struct capsule capsule; /* with the volume key */
	/*
	 * The volume's: those of its newest binding that this host has seen.
	 * They are not the capsule's where a change of them has not come to
	 * all bindings, and must not go back when another one opens it.
	 */
	struct unlock_terms terms;
	uint8_t vkid[CAPSULE_VKID_BYTES];
	size_t binding; /* index in plan->header.bindings */
	char entry[CONFIG_ENTRY_NAME_MAX];
};

void unlock_plan_free(struct unlock_plan *plan);
void unlocked_free(struct unlocked *u);
#define _cleanup_plan_ __attribute__((cleanup(unlock_plan_free)))
#define _cleanup_unlocked_ __attribute__((cleanup(unlocked_free)))

/**
 * unlock_prepare() - read header, registry, configuration and credentials
 * @uuid:	the volume that is expected, or NULL
 * @req:	what the table asks for, or NULL (command line)
 * @ret:	unlock_plan_free() it, also after a failure
 *
 * Return: 0; -ENODATA: no binding in the header, or none whose KMS entry this
 * host has; -EBADMSG: header or all bindings damaged; -EKEYREJECTED: header
 * and @uuid or @req differ (the words name the field: all of that is public);
 * what luks_read() and config_find() return.
 */
int unlock_prepare(struct op *op, const struct luks_place *place,
		   const char *uuid, const struct unlock_request *req,
		   unsigned int flags, struct unlock_plan *ret);

/**
 * unlock_run() - ask the KMS of each candidate until one gives the key
 * @ret:	unlocked_free() it, also after a failure
 *
 * In this order: those that did not answer lately come last, and before them
 * those of a retiring generation. The time left is shared out, so that one KMS
 * that says nothing leaves time for the next. Several failures: a decision of a KMS wins over the lack of
 * an answer, and the harder decision over the softer (revoked, denied,
 * rejected, damaged, malformed answer, no such key, unreachable, no entry):
 * who is told "unreachable" waits and tries again, which is wrong when one
 * KMS has already said no, and the hardest one is what has to be put right.
 * Return: 0, -errno as in kms.h, -EKEYREJECTED also for capsule and pins.
 */
int unlock_run(struct op *op, const struct unlock_plan *plan,
	       struct unlocked *ret);

/**
 * unlock_candidate() - the same with candidate @i alone, all the time that
 * @op has (kms rewrap, kms check)
 */
int unlock_candidate(struct op *op, const struct unlock_plan *plan, size_t i,
		     struct unlocked *ret);

/**
 * unlock_unwrap() - from a binding to its capsule; all that unwrap do it here
 * @h:		the header that it has to be bound to; NULL: not compared
 * @ret:	capsule_free() it, also after a failure
 *
 * Whatever says "rejected" (the KMS, the MAC, the form, the description) says
 * it in the same words. Return: 0; -EKEYREVOKED also when the key that wrapped
 * it is no more; -EKEYREJECTED; -errno of kms_unwrap().
 */
int unlock_unwrap(struct op *op, struct kms *kms, const struct header *h,
		  const struct binding *b, struct capsule *ret);

/**
 * unlock_wrap() - make a binding: bind @c to @h, encode, wrap
 * @c:		key, policy, lease, cap, epoch set; uuid, desc and created are
 *		set here
 * @flags:	KMSC_DESC_* bits
 * @like:	a binding whose unknown members are kept, or NULL
 * @ret:	token -1; binding_free() it
 *
 * Return: 0, -errno of kms_wrap(), -EINVAL.
 */
int unlock_wrap(struct op *op, struct kms *kms, const struct header *h,
		struct capsule *c, uint32_t flags, const struct binding *like,
		struct binding *ret);

/**
 * unlock_wrap_proven() - the same, and unwrap it again
 *
 * For a binding that takes the place of one that works: what the KMS has
 * wrapped wrongly must not be written over that.
 * Return: as unlock_wrap(); -EKEYREJECTED: it gives something else.
 */
int unlock_wrap_proven(struct op *op, struct kms *kms, const struct header *h,
		       struct capsule *c, uint32_t flags,
		       const struct binding *like, struct binding *ret);

#endif
