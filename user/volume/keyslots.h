/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Passphrase keyslots of a LUKS2 header: what stock cryptsetup(8) opens a
 * volume with. A volume of ours has none unless somebody wants one; one that
 * was made by cryptsetup keeps those that it has.
 */
#ifndef _VOLUME_KEYSLOTS_H
#define _VOLUME_KEYSLOTS_H

#include "base/secret.h"

struct luks_place;
struct op;

/**
 * keyslots_key() - the volume key, by a passphrase or the bytes of a key file
 * @ret:	empty; the library has compared the key with the header's digest
 *
 * Return: 0; -EACCES: no keyslot opens with it; -ENODATA: there is no
 * keyslot; -EINVAL: the key is longer than KMSC_KEY_MAX; -errno.
 */
int keyslots_key(struct op *op, const struct luks_place *place,
		 const struct secret *passphrase, struct secret *ret);

/**
 * keyslots_open() - does @passphrase open a keyslot?
 * @slot:	which; CRYPT_ANY_SLOT for any
 * Return: number of the keyslot; -EACCES: none; -errno.
 */
int keyslots_open(struct op *op, const struct luks_place *place, int slot,
		  const struct secret *passphrase);

/**
 * keyslots_add() - a new keyslot for @passphrase, with argon2id
 * @uuid:	the header must still have this UUID
 * @key:	the volume key; it must match the header's digest
 *
 * Costs what libcryptsetup's defaults cost: two seconds and up to 1 GiB of
 * memory. Return: number of the keyslot; -EKEYREJECTED: another volume or
 * another key; -ENOSPC: no room; -errno.
 */
int keyslots_add(struct op *op, const struct luks_place *place,
		 const char *uuid, const struct secret *key,
		 const struct secret *passphrase);

struct keyslots_erased {
	unsigned int tokens; /* of every type */
	unsigned int keyslots;
};

/**
 * keyslots_erase() - destroy every token and keyslot, in both header copies
 * @uuid:	the header must still have this UUID
 *
 * The tokens go first, then the keyslots, then their whole area is written
 * over with zeros. After a kill the same call finishes. Return: 0, -errno.
 */
int keyslots_erase(struct op *op, const struct luks_place *place,
		   const char *uuid, struct keyslots_erased *ret);

#endif
