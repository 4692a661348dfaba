/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LUKS2 headers on devices, image files and detached header files, through
 * libcryptsetup only.
 *
 * Each function opens a handle, does one thing and lets go (but for a struct
 * luks_edit, which keeps the handle). No LUKS2 lock outlives a call, so none is
 * ever held across a call to a KMS or an upcall. Two writers: libcryptsetup refuses a write on a handle that
 * another writer has overtaken (-EINVAL); the handle is thrown away then and
 * the whole step starts over from reading, at most LUKS_TRIES times. (Loading
 * again on the stale handle seems to work and fails later.)
 *
 * libcryptsetup's messages are never printed: the last error goes into op.
 * Token plugins (shared objects) are switched off for the process.
 */
#ifndef _VOLUME_LUKS_H
#define _VOLUME_LUKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "volume/binding.h"
#include "volume/header.h"

struct op;

#define LUKS_TRIES 64
#define LUKS_SUBSYSTEM "kmscrypt"
#define LUKS_CIPHER_DEFAULT "aes-xts-plain64"
#define LUKS_KEY_BYTES_DEFAULT 64

/* Where a volume is. */
struct luks_place {
	const char *device; /* block device or image file */
	const char *header; /* detached header file or device, or NULL */
};

/**
 * luks_read() - read and check a header
 * @ret:	header_free() it, also after a failure
 *
 * Return: 0; -ENODATA: no LUKS2 header there; -EBADMSG: damaged or not usable
 * (see header_parse()); -EBUSY: re-encryption under way; -errno of opening.
 * A header without any binding is fine here (nbindings 0).
 */
int luks_read(struct op *op, const struct luks_place *place,
	      struct header *ret);

struct luks_format {
	const char *cipher; /* NULL: LUKS_CIPHER_DEFAULT */
	const char *integrity; /* as in a header, hmac(sha256); NULL: none */
	uint32_t sector_size; /* bytes; 0: 4096 where the device fits it */
	uint64_t offset; /* data offset in bytes, 0: library's default */
	const char *label; /* or NULL */
	const char *uuid; /* or NULL: random */
};

/**
 * luks_format() - write a new header without keyslots and tokens
 * @key:	the volume key, behind the cipher's own that of a MAC; its length
 *		selects AES-128 or -256
 * @ret:	the header as read back; header_free() it, also after a failure
 *
 * Overwrites what was there without asking: the caller has checked it. The
 * digest is made of a random key, so few iterations suffice, and nothing is
 * benchmarked. libcryptsetup copies the key into memory of its own, which it
 * locks and wipes when the handle is freed, before this returns.
 * Return: 0; -EINVAL: cipher, key or sector size do not fit; -errno.
 */
int luks_format(struct op *op, const struct luks_place *place,
		const struct luks_format *f, const struct secret *key,
		struct header *ret);

/**
 * luks_add() - add a binding as a new token
 * @uuid:	the header must still have this UUID
 * @b:		b->token is set to the new token's number
 *
 * Return: 0; -EKEYREJECTED: another UUID is there now; -ENOSPC: no room for
 * another binding; -EAGAIN: other writers won LUKS_TRIES times; -errno.
 */
int luks_add(struct op *op, const struct luks_place *place, const char *uuid,
	     struct binding *b);

/**
 * luks_replace() - put @b in the place of the token that @old was read from
 *
 * Compare-and-swap: the token must still be what @old->json says, or nothing
 * is written. Return: as luks_add(); -EAGAIN also when the token changed:
 * read the header again.
 */
int luks_replace(struct op *op, const struct luks_place *place,
		 const char *uuid, const struct binding *old,
		 struct binding *b);

/*
 * A header that was read, with the handle that read it, for luks_replace()
 * later: half the price where ten thousand headers are to be written. The
 * handle holds two descriptors and no lock.
 */
struct luks_edit;

/**
 * luks_edit_open() - as luks_read()
 * @place:	its strings are borrowed until luks_edit_close()
 * @ret:	untouched after a failure
 */
int luks_edit_open(struct op *op, const struct luks_place *place,
		   struct header *ret_header, struct luks_edit **ret);

/** luks_edit_replace() - as luks_replace(), also when others write meanwhile */
int luks_edit_replace(struct op *op, struct luks_edit *e,
		      const struct binding *old, struct binding *b);

/** luks_edit_close() - NULL is fine. */
void luks_edit_close(struct luks_edit *e);

/**
 * luks_remove() - remove the token that @old was read from
 * Return: as luks_replace(); 0 also when it is gone already.
 */
int luks_remove(struct op *op, const struct luks_place *place, const char *uuid,
		const struct binding *old);

/**
 * luks_verify_key() - is @key the one that the header's digest was made from?
 *
 * For enroll, export and tests; opening never does it (it costs a KDF).
 * Return: 0, -EKEYREJECTED, -errno.
 */
int luks_verify_key(struct op *op, const struct luks_place *place,
		    const struct secret *key);

/** luks_set_label() - @label "" removes it. Return: 0, -errno. */
int luks_set_label(struct op *op, const struct luks_place *place,
		   const char *label);

/**
 * luks_data_sectors() - length of the data in 512-byte sectors
 *
 * The segment's size, or for a dynamic one what the device or file has past
 * its offset, rounded down to the encryption sector; with integrity tags what
 * dm-integrity's superblock says. Return: 0; -EBADMSG: there is none that fits
 * the header; -ENOSPC: the device is too small for its header; -errno.
 */
int luks_data_sectors(struct op *op, const struct luks_place *place,
		      const struct header *h, uint64_t *ret);

#endif
