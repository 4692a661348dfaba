/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving a binding to a LUKS2 volume whose volume key was proven by a
 * passphrase: one that cryptsetup(8) made, or one of ours after a `cryptsetup
 * reencrypt`, which changes key and digest and so ends every binding.
 *
 * Only a token is added. Keyslots, other tokens, label and subsystem stay as
 * they are: the token alone makes a volume ours. In this order, so that a kill
 * at any instant loses nothing and a second run finishes: add the binding,
 * read it back and unwrap it, pin it, remove the entry's stale bindings.
 */
#ifndef _VOLUME_ENROLL_H
#define _VOLUME_ENROLL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/secret.h"
#include "volume/header.h"

struct generation;
struct kms;
struct luks_place;
struct op;

struct enroll {
	/* in */
	const char *entry; /* name of the KMS entry */
	const struct generation *generation; /* its current one */
	struct kms *kms; /* open session with it, proven */
	const struct secret *key; /* from keyslots_key() */
	bool accept; /* --accept-header: another key than the registry's */
	/* out */
	bool had; /* it had a binding of the entry that works */
	size_t stale; /* bindings of the entry that were removed */
	struct header header; /* as it is now; header_free() it */
};

/**
 * enroll_volume() - give the volume at @place a binding of e->entry
 *
 * Return: 0; -EKEYREJECTED: the registry knows the volume with another key, or
 * the binding that is there is older than one that was seen; -EOPNOTSUPP: it has
 * integrity tags of a kind that kmscrypt has not; -errno.
 */
int enroll_volume(struct op *op, const struct luks_place *place,
		  struct enroll *e);

#endif
