// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data path of a table whose sectors have tags
 *
 * A bio that carries data gets a page for its tags before anything else, and
 * keeps it to its end. The page is the bio's integrity payload on the way down
 * and comes back with the tags that were read.
 *
 * A read goes down with pages of ours, as any write does. From there it is
 * decrypted into its own: its owner may write to those while the read is on
 * its way, and must not be able to make authentic data look forged.
 *
 * Forward progress: tags, then pages, then a pass, never the other way. Who
 * waits for one of them holds none of those that come later; who holds a pass
 * waits for the cipher alone, and what is below comes back by itself. What is
 * held while the volume is locked (hold.h) keeps its tags, and if it is a read
 * its pages; to be tried again it needs neither, so it cannot wait for others
 * that are held behind it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "tags.h"

#include <crypto/aead.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/highmem.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "aead.h"
#include "cipher.h"
#include "compat.h"
#include "crypt.h"
#include "io.h"
#include "pages.h"

/* A sector of the owner's memory is made of so many pieces at most. */
#define PIECES_MAX 4
/* So many bios need no memory from the kernel. */
#define RESERVE 16

/**
 * struct tagged - dm's per-bio data in such a table
 * @io:		what crypt.c knows, first
 * @vecs:	for a read, its owner's memory
 * @iter:	and where in that
 * @pages:	for a read, the memory that it goes down with
 * @tags:	where the tags are; no page, no tags
 * @payload:	leads the device beneath to @tags; last, it may end in an array
 */
struct tagged {
	struct kmsc_io io;
	struct bio_vec *vecs;
	struct bvec_iter iter;
	struct kmsc_pages pages;
	struct bio_vec tags;
	struct kmsc_bio_payload payload;
};

/**
 * struct pass - the way of a bio's sectors through the cipher
 * @wait:	to wait for the cipher
 * @plain:	a sector as its owner sees it: what is authenticated besides
 *		it, and its pieces
 * @sealed:	the same as the device beneath sees it, with its tag
 * @head:	what is authenticated besides it
 * @iv_room:	the IV is in here, at iv()
 *
 * The request is behind it.
 */
struct pass {
	struct crypto_wait wait;
	struct scatterlist plain[1 + PIECES_MAX];
	struct scatterlist sealed[3];
	struct kmsc_aead_head head;
	u8 iv_room[KMSC_IV_MAX + KMSC_IV_ALIGN - 1];
};

#define PASS_BYTES ALIGN(sizeof(struct pass), CRYPTO_MINALIGN)

/* Memory that sectors are in, up to where we are */
struct side {
	const struct bio_vec *vecs;
	struct bvec_iter iter;
};

static struct tagged *tagged(struct kmsc_crypt *crypt, struct bio *bio)
{
	return container_of(kmsc_bio_io(crypt, bio), struct tagged, io);
}

/* --- tags and pages of a bio -------------------------------------------- */

/* The read's own memory waits; it goes down with ours. */
static void swap_in(struct tagged *t, struct bio *bio, struct kmsc_crypt *crypt)
{
	t->vecs = bio->bi_io_vec;
	t->iter = bio->bi_iter;
	kmsc_pages_get(&t->pages, bio->bi_iter.bi_size, &crypt->tags->reads);
	bio->bi_io_vec = t->pages.vecs;
	bio->bi_iter = (struct bvec_iter){
		.bi_sector = t->iter.bi_sector,
		.bi_size = t->iter.bi_size,
	};
	kmsc_bio_vecs_changed(bio);
}

static void tags_get(struct tagged *t, struct bio *bio,
		     struct kmsc_crypt *crypt)
{
	unsigned int sectors = bio->bi_iter.bi_size / crypt->sector_size;

	t->tags = (struct bio_vec){
		.bv_page = mempool_alloc(&crypt->tags->pages, GFP_NOIO),
		.bv_len = sectors * crypt->tags->bytes,
	};
	if (bio_op(bio) == REQ_OP_READ)
		swap_in(t, bio, crypt);
	kmsc_bio_set_payload(bio, &t->payload, &t->tags);
}

/* Any context */
static void tags_put(struct tagged *t, struct bio *bio,
		     struct kmsc_crypt *crypt)
{
	kmsc_bio_clear_payload(bio);
	if (bio_op(bio) == REQ_OP_READ) {
		bio->bi_io_vec = t->vecs;
		kmsc_pages_put(&t->pages, &crypt->tags->reads);
	}
	mempool_free(t->tags.bv_page, &crypt->tags->pages);
}

/* --- the cipher --------------------------------------------------------- */

/* The pieces of the next sector, behind what else is authenticated */
static int set_plain(struct scatterlist *sg, struct side *side, void *head,
		     unsigned int head_bytes, unsigned int len)
{
	unsigned int n = 0;
	struct bio_vec bv;

	sg_init_table(sg, 1 + PIECES_MAX);
	sg_set_buf(sg, head, head_bytes);
	while (len) {
		if (n++ == PIECES_MAX)
			return -EIO;
		bv = bvec_iter_bvec(side->vecs, side->iter);
		bv.bv_len = min(bv.bv_len, len);
		sg_set_page(&sg[n], bv.bv_page, bv.bv_len, bv.bv_offset);
		bvec_iter_advance(side->vecs, &side->iter, bv.bv_len);
		len -= bv.bv_len;
	}
	sg_mark_end(&sg[n]);
	return 0;
}

/* Our pages hold whole sectors: there is but one piece. */
static void set_sealed(struct scatterlist *sg, struct side *side, void *head,
		       unsigned int head_bytes, unsigned int len)
{
	struct bio_vec bv = bvec_iter_bvec(side->vecs, side->iter);

	BUILD_BUG_ON(PAGE_SIZE % KMSC_SECTOR_MAX);
	sg_init_table(sg, 3);
	sg_set_buf(&sg[0], head, head_bytes);
	sg_set_page(&sg[1], bv.bv_page, len, bv.bv_offset);
	bvec_iter_advance(side->vecs, &side->iter, len);
}

/* What comes out of a forged sector is nobody's to see. */
static void forged(struct kmsc_io *io, struct scatterlist *plain, u64 number)
{
	struct dm_target *ti = io->crypt->ti;
	struct scatterlist *sg;

	for (sg = sg_next(plain); sg; sg = sg_next(sg))
		memzero_page(sg_page(sg), sg->offset, sg->length);
	pr_err_ratelimited("%pg: INTEGRITY AEAD ERROR, sector %llu\n",
			   dm_disk(dm_table_get_md(ti->table))->part0, number);
	kmsc_audit_failed("integrity-aead", ti);
}

static int convert_sector(struct kmsc_io *io, struct pass *pass,
			  struct aead_request *req, u8 *tag, u64 number)
{
	const struct kmsc_aead *aead = kmsc_cipher_aead(io->cipher);
	unsigned int len = io->crypt->sector_size;
	unsigned int auth = kmsc_aead_auth_bytes(aead);
	u8 *iv = PTR_ALIGN(&pass->iv_room[0], KMSC_IV_ALIGN);
	u64 in_table = number - io->crypt->iv_offset;
	int r;

	pass->head.number = cpu_to_le64(in_table);
	sg_set_buf(&pass->sealed[2], tag, auth);
	if (io->write)
		aead_request_set_crypt(req, pass->plain, pass->sealed, len, iv);
	else
		aead_request_set_crypt(req, pass->sealed, pass->plain,
				       len + auth, iv);
	r = kmsc_aead_sector(aead, req, &pass->head, tag,
			     number >> io->crypt->iv_shift, io->write);
	r = crypto_wait_req(r, &pass->wait);
	if (likely(r != -EBADMSG))
		return r;
	forged(io, pass->plain, in_table);
	return -EILSEQ;
}

static int convert(struct kmsc_io *io, struct pass *pass, struct side *plain,
		   struct side *sealed)
{
	const struct kmsc_aead *aead = kmsc_cipher_aead(io->cipher);
	struct tagged *t = container_of(io, struct tagged, io);
	struct aead_request *req = (void *)pass + PASS_BYTES;
	unsigned int head_bytes = kmsc_aead_head_bytes(aead);
	unsigned int len = io->crypt->sector_size;
	u8 *tag = page_address(t->tags.bv_page);
	u64 number = io->number;
	int r;

	crypto_init_wait(&pass->wait);
	kmsc_aead_setup(aead, req, &pass->wait);
	while (plain->iter.bi_size) {
		r = set_plain(pass->plain, plain, &pass->head, head_bytes, len);
		if (r)
			return r;
		set_sealed(pass->sealed, sealed, &pass->head, head_bytes, len);
		r = convert_sector(io, pass, req, tag, number);
		if (unlikely(r))
			return r;
		tag += io->crypt->tags->bytes;
		number += len >> SECTOR_SHIFT;
		cond_resched();
	}
	return 0;
}

/*
 * kmsc_tags_convert - all sectors of a bio; process context, inside the gate
 *
 * Return: -EILSEQ if one is not authentic, which has been reported.
 */
int kmsc_tags_convert(struct kmsc_io *io)
{
	struct tagged *t = container_of(io, struct tagged, io);
	struct side bio = { .vecs = io->vecs, .iter = io->src };
	struct side other = { .iter = { .bi_size = io->src.bi_size } };
	struct kmsc_tags *tags = io->crypt->tags;
	struct pass *pass;
	int r;

	/* May wait for others who are here, and who wait for the cipher only. */
	pass = mempool_alloc(&tags->passes, GFP_NOIO);
	if (io->write) {
		other.vecs = io->pages.vecs;
		r = convert(io, pass, &bio, &other);
	} else {
		other = (struct side){ .vecs = t->vecs, .iter = t->iter };
		r = convert(io, pass, &other, &bio);
	}
	/* Ciphers leave there what they made of the key for a sector. */
	memzero_explicit(pass, tags->pass_bytes);
	mempool_free(pass, &tags->passes);
	return r;
}

/* --- what dm calls ------------------------------------------------------ */

static bool has_data(struct bio *bio)
{
	return bio_sectors(bio) &&
	       (bio_op(bio) == REQ_OP_READ || bio_op(bio) == REQ_OP_WRITE);
}

/* kmsc_tags_map - kmsc_crypt_map() for a table with tags */
int kmsc_tags_map(struct kmsc_crypt *crypt, struct bio *bio)
{
	struct tagged *t = tagged(crypt, bio);
	int r;

	t->tags.bv_page = NULL;
	if (!has_data(bio))
		return kmsc_crypt_map(crypt, bio);
	if (bio_sectors(bio) > crypt->tags->max)
		dm_accept_partial_bio(bio, crypt->tags->max);
	tags_get(t, bio, crypt);
	r = kmsc_crypt_map(crypt, bio);
	/* It does not come back to kmsc_tags_end_io(), and is still ours. */
	if (unlikely(r == DM_MAPIO_KILL || r == DM_MAPIO_REQUEUE))
		tags_put(t, bio, crypt);
	return r;
}

/* kmsc_tags_end_io - kmsc_crypt_end_io() for a table with tags */
int kmsc_tags_end_io(struct kmsc_crypt *crypt, struct bio *bio,
		     blk_status_t *status)
{
	struct tagged *t = tagged(crypt, bio);
	int r = kmsc_crypt_end_io(crypt, bio, status);

	if (r == DM_ENDIO_DONE && t->tags.bv_page)
		tags_put(t, bio, crypt);
	return r;
}

/**
 * kmsc_tags_check - does the device keep the tags that a table needs?
 * @bdev:	the device
 * @params:	of the table
 * @ret_error:	what is wrong, on failure
 */
int kmsc_tags_check(struct block_device *bdev, const struct kmsc_params *params,
		    char **ret_error)
{
	unsigned int kept, sector_size;

	if (!kmsc_bdev_tags(bdev, &kept, &sector_size)) {
		*ret_error =
			"Device keeps no tags: authentication needs a dm-integrity device";
		return -EINVAL;
	}
	if (kept != kmsc_aead_tag_bytes(params->integrity)) {
		*ret_error =
			"Tag size differs from what the dm-integrity device keeps";
		return -EINVAL;
	}
	if (sector_size != params->sector_size) {
		*ret_error =
			"Sector size differs from the dm-integrity device's";
		return -EINVAL;
	}
	return 0;
}

/**
 * kmsc_tags_init - give a table's data path what tags need
 * @tags:	zeroed; kmsc_tags_exit() undoes also what a failure has left
 * @crypt:	the data path, made by kmsc_crypt_init()
 * @params:	of the table
 * @reqsize:	room for a request that each cipher of the volume is content
 *		with
 */
int kmsc_tags_init(struct kmsc_tags *tags, struct kmsc_crypt *crypt,
		   const struct kmsc_params *params, unsigned int reqsize)
{
	unsigned int sectors;
	int r;

	tags->bytes = kmsc_aead_tag_bytes(params->integrity);
	sectors = PAGE_SIZE / tags->bytes;
	sectors *= params->sector_size >> SECTOR_SHIFT;
	tags->max = min_t(unsigned int, sectors,
			  KMSC_PAGES_MAX << PAGE_SECTORS_SHIFT);
	r = kmsc_aead_mac_bytes(params);
	if (r < 0)
		return r;
	tags->mac_bytes = r;
	r = mempool_init_page_pool(&tags->pages, RESERVE, 0);
	if (r)
		return r;
	tags->pass_bytes = PASS_BYTES + reqsize;
	r = mempool_init_kmalloc_pool(&tags->passes, RESERVE, tags->pass_bytes);
	if (r)
		return r;
	r = kmsc_reserve_init(&tags->reads);
	if (r)
		return r;
	crypt->tags = tags;
	crypt->ti->per_io_data_size = sizeof(struct tagged);
	return 0;
}

/* Zeroed or half-built ones too */
void kmsc_tags_exit(struct kmsc_tags *tags)
{
	kmsc_reserve_exit(&tags->reads);
	mempool_exit(&tags->passes);
	mempool_exit(&tags->pages);
}
