/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the data path keeps of a bio, and how it enters the gate with it
 */
#ifndef _KMSC_IO_H
#define _KMSC_IO_H

#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "crypt.h"
#include "gate.h"
#include "pages.h"

struct kmsc_cipher;

/**
 * struct kmsc_io - dm's per-bio data: the work that one bio is
 * @crypt:	the table
 * @bio:	dm's bio
 * @vecs:	the memory that @bio came with
 * @src:	what is still to do of @vecs
 * @write:	it is a write that has its @pages
 * @done:	for a read, it is decrypted or has failed
 * @number:	of the next sector, in 512-byte sectors, IV offset included
 * @cipher:	good while we are inside the gate
 * @work:	for a read, to decrypt in the workqueue
 * @pages:	for a write, the memory that @bio goes down with
 *
 * The kernel may clear all this for each bio: keep it short.
 */
struct kmsc_io {
	struct kmsc_crypt *crypt;
	struct bio *bio;
	struct bio_vec *vecs;
	struct bvec_iter src;
	bool write;
	bool done;
	u64 number;
	struct kmsc_cipher *cipher;
	union {
		struct work_struct work;
		struct kmsc_pages pages;
	};
};

static inline void kmsc_io_init(struct kmsc_io *io, struct kmsc_crypt *crypt,
				struct bio *bio)
{
	io->crypt = crypt;
	io->bio = bio;
	io->vecs = bio->bi_io_vec;
	io->src = bio->bi_iter;
	io->number = crypt->iv_offset +
		     dm_target_offset(crypt->ti, bio->bi_iter.bi_sector);
	io->write = false;
	io->done = false;
}

/* No data: a flush, a discard, or what is done to a zone */
static inline bool kmsc_bio_is_bare(struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		return false;
	case REQ_OP_WRITE:
		return !bio_sectors(bio);
	case REQ_OP_DISCARD:
	case REQ_OP_ZONE_RESET_ALL:
		return true;
	default:
		return op_is_zone_mgmt(bio_op(bio));
	}
}

static inline bool kmsc_io_enter(struct kmsc_io *io)
{
	io->cipher = kmsc_gate_enter(io->crypt->gate);
	return io->cipher;
}

static inline void kmsc_io_leave(struct kmsc_io *io)
{
	kmsc_gate_leave(io->crypt->gate);
}

static inline struct kmsc_io *kmsc_bio_io(struct kmsc_crypt *crypt,
					  struct bio *bio)
{
	return dm_per_bio_data(bio, crypt->ti->per_io_data_size);
}

/* Is it whole sectors? */
static inline bool kmsc_bio_aligned(const struct kmsc_crypt *crypt,
				    struct bio *bio)
{
	unsigned int mask = crypt->sector_size - 1;

	return !(bio->bi_iter.bi_sector & (mask >> SECTOR_SHIFT)) &&
	       !(bio->bi_iter.bi_size & mask);
}

#endif /* _KMSC_IO_H */
