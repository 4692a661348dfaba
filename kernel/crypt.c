// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data path: bios to sectors to the cipher
 *
 * A write is encrypted into pages of our own in the submitter's context, then
 * a bio with these pages goes down. A read goes down as a clone of dm's bio
 * and is decrypted in place when it comes back: right there if the context
 * allows, else in a workqueue.
 *
 * Forward progress: what a bio needs is in dm's per-bio data, except for the
 * write's bio and pages. These come from reserves of the table, and block only
 * for writes that have already been sent down.
 */
#include "crypt.h"

#include <asm/simd.h>
#include <crypto/skcipher.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "cipher.h"
#include "compat.h"
#include "gate.h"
#include "params.h"

/* A sector is made of so many pieces of memory at most. */
#define PIECES_MAX 4
/* A write carries at most so much, which is also the reserve of pages. */
#define WRITE_PAGES BIO_MAX_VECS
#define WRITE_BIOS 64
#define WRITE_SECTORS (WRITE_PAGES << PAGE_SECTORS_SHIFT)
/* Reads that complete in a softirq and are longer do not hold it up. */
#define SOFTIRQ_MAX (128 * 1024)

/**
 * struct kmsc_io - dm's per-bio data: the work that one bio is
 * @crypt:	the table
 * @bio:	dm's bio
 * @src:	what is still to do of @bio
 * @dst:	for a write, where it goes in @bounce
 * @bounce:	for a write, the bio that goes down
 * @number:	of the next sector, in 512-byte sectors, IV offset included
 * @cipher:	non-NULL while we are inside the gate
 * @error:	of the asynchronous operation that has just ended
 * @wait:	to wait for the cipher
 * @work:	to decrypt in the workqueue
 * @clone:	for a read, the bio that goes down
 * @sg_src:	the sector's pieces
 * @sg_dst:	for a write, where they go
 * @iv:		the IV is in here, at iv()
 *
 * A cipher request of the size that the cipher needs follows.
 */
struct kmsc_io {
	struct kmsc_crypt *crypt;
	struct bio *bio;
	struct bvec_iter src;
	struct bvec_iter dst;
	struct bio *bounce;
	u64 number;
	struct kmsc_cipher *cipher;
	int error;
	struct crypto_wait wait;
	struct work_struct work;
	struct bio clone;
	struct scatterlist sg_src[PIECES_MAX];
	struct scatterlist sg_dst[1];
	u8 iv[KMSC_IV_MAX + KMSC_IV_ALIGN - 1];
};

#define IO_SIZE ALIGN(sizeof(struct kmsc_io), CRYPTO_MINALIGN)

static struct workqueue_struct *decrypt_queue;

static struct skcipher_request *request(struct kmsc_io *io)
{
	return (void *)io + IO_SIZE;
}

static u8 *iv(struct kmsc_io *io)
{
	return PTR_ALIGN(&io->iv[0], KMSC_IV_ALIGN);
}

static bool is_write(const struct kmsc_io *io)
{
	return io->bounce;
}

static void io_init(struct kmsc_io *io, struct kmsc_crypt *crypt,
		    struct bio *bio)
{
	io->crypt = crypt;
	io->bio = bio;
	io->src = bio->bi_iter;
	io->bounce = NULL;
	io->number = crypt->iv_offset +
		     dm_target_offset(crypt->ti, bio->bi_iter.bi_sector);
	io->cipher = NULL;
	io->error = 0;
	sg_init_table(io->sg_src, PIECES_MAX);
	sg_init_table(io->sg_dst, 1);
}

static sector_t lower_sector(const struct kmsc_crypt *crypt, sector_t sector)
{
	return crypt->start + dm_target_offset(crypt->ti, sector);
}

static bool io_enter(struct kmsc_io *io)
{
	if (!io->cipher)
		io->cipher = kmsc_gate_enter(io->crypt->gate);
	return io->cipher;
}

static void io_leave(struct kmsc_io *io)
{
	io->cipher = NULL;
	kmsc_gate_leave(io->crypt->gate);
}

/* Gives the bio back, and with it the memory that @io is in. */
static void io_end(struct kmsc_io *io, blk_status_t status)
{
	struct bio *bio = io->bio;

	bio->bi_status = status;
	bio_endio(bio);
}

/* --- sectors ------------------------------------------------------------ */

/* The pieces of a sector that is not in one piece. */
static int gather(struct scatterlist *sg, struct bio *bio,
		  struct bvec_iter iter, unsigned int len)
{
	unsigned int n = 0;
	struct bio_vec bv;

	sg_init_table(sg, PIECES_MAX);
	while (len) {
		if (n == PIECES_MAX)
			return -EIO;
		bv = bio_iter_iovec(bio, iter);
		bv.bv_len = min(bv.bv_len, len);
		sg_set_page(&sg[n++], bv.bv_page, bv.bv_len, bv.bv_offset);
		bio_advance_iter(bio, &iter, bv.bv_len);
		len -= bv.bv_len;
	}
	sg_mark_end(&sg[n - 1]);
	return 0;
}

static int next_piece(struct scatterlist *sg, struct bio *bio,
		      struct bvec_iter iter, unsigned int len)
{
	struct bio_vec bv = bio_iter_iovec(bio, iter);

	if (unlikely(bv.bv_len < len))
		return gather(sg, bio, iter, len);
	sg_set_page(sg, bv.bv_page, len, bv.bv_offset);
	sg_mark_end(sg);
	return 0;
}

/* Pages of our own hold whole sectors, so there is but one piece. */
static void next_bounce(struct kmsc_io *io, unsigned int len)
{
	struct bio_vec bv = bio_iter_iovec(io->bounce, io->dst);

	BUILD_BUG_ON(PAGE_SIZE % KMSC_SECTOR_MAX);
	sg_set_page(io->sg_dst, bv.bv_page, len, bv.bv_offset);
}

static int sector_start(struct kmsc_io *io)
{
	unsigned int len = io->crypt->sector_size;
	u64 number = io->number >> io->crypt->iv_shift;
	struct scatterlist *dst = io->sg_src;
	int r;

	r = next_piece(io->sg_src, io->bio, io->src, len);
	if (unlikely(r))
		return r;
	if (is_write(io)) {
		dst = io->sg_dst;
		next_bounce(io, len);
	}
	return kmsc_cipher_sector(io->cipher, request(io), dst, io->sg_src, len,
				  iv(io), number, is_write(io));
}

static void sector_done(struct kmsc_io *io)
{
	unsigned int len = io->crypt->sector_size;

	bio_advance_iter(io->bio, &io->src, len);
	if (is_write(io))
		bio_advance_iter(io->bounce, &io->dst, len);
	io->number += len >> SECTOR_SHIFT;
}

/* Does all that is left. Process context, inside the gate. */
static int convert_wait(struct kmsc_io *io)
{
	int r;

	crypto_init_wait(&io->wait);
	/*
	 * No CRYPTO_TFM_REQ_MAY_SLEEP: with it, the crypto API would allocate
	 * with GFP_KERNEL, and reclaim could come back to us.
	 */
	kmsc_cipher_setup(io->cipher, request(io), CRYPTO_TFM_REQ_MAY_BACKLOG,
			  crypto_req_done, &io->wait);
	while (io->src.bi_size) {
		r = crypto_wait_req(sector_start(io), &io->wait);
		if (r)
			return r;
		sector_done(io);
		cond_resched();
	}
	return 0;
}

/* A sector that convert_nowait() has left to the cipher is done. */
static void convert_async_done(struct kmsc_io *io, int err)
{
	io->error = err;
	if (!err)
		sector_done(io);
	queue_work(decrypt_queue, &io->work);
}

KMSC_CRYPTO_CALLBACK(convert_async)

/*
 * Does what is left as long as the cipher does not want to wait. Inside the
 * gate, in any context that can use the cipher.
 *
 * Return: -EINPROGRESS if @io, and our place inside the gate, now belong to
 * convert_async().
 */
static int convert_nowait(struct kmsc_io *io)
{
	int r;

	kmsc_cipher_setup(io->cipher, request(io), 0, convert_async, io);
	while (io->src.bi_size) {
		r = sector_start(io);
		if (r)
			return r;
		sector_done(io);
	}
	return 0;
}

/* --- reads -------------------------------------------------------------- */

/* In the workqueue: from the start, or where convert_nowait() has stopped. */
static void read_work(struct work_struct *work)
{
	struct kmsc_io *io = container_of(work, struct kmsc_io, work);
	int r = io->error;

	if (!io_enter(io)) {
		io_end(io, BLK_STS_IOERR);
		return;
	}
	if (!r)
		r = convert_wait(io);
	io_leave(io);
	io_end(io, errno_to_blk_status(r));
}

/*
 * May this context decrypt? The crypto API's walk refuses hard interrupts, an
 * idle task may complete I/O with interrupts off, and without the vector
 * registers it would be slow, or be handed on to a queue anyway.
 */
static bool read_inline(const struct kmsc_io *io)
{
	if (in_hardirq() || irqs_disabled() || !may_use_simd())
		return false;
	return in_task() || io->src.bi_size <= SOFTIRQ_MAX;
}

static void read_done(struct kmsc_io *io)
{
	int r;

	if (!read_inline(io))
		goto queue;
	if (!io_enter(io)) {
		io_end(io, BLK_STS_IOERR);
		return;
	}
	r = convert_nowait(io);
	if (r == -EINPROGRESS)
		return;
	io_leave(io);
	/* Short of memory or of room in a queue: where one can wait, it works. */
	if (r == -ENOMEM || r == -ENOSPC)
		goto queue;
	io_end(io, errno_to_blk_status(r));
	return;
queue:
	queue_work(decrypt_queue, &io->work);
}

static void read_endio(struct bio *clone)
{
	struct kmsc_io *io = clone->bi_private;

	if (unlikely(clone->bi_status))
		io_end(io, clone->bi_status);
	else
		read_done(io);
}

static void read_start(struct kmsc_io *io)
{
	struct bio *bio = io->bio, *clone = &io->clone;
	int r;

	INIT_WORK(&io->work, read_work);
	r = bio_init_clone(io->crypt->dev->bdev, clone, bio, GFP_NOIO);
	if (unlikely(r)) {
		bio_uninit(clone);
		io_end(io, errno_to_blk_status(r));
		return;
	}
	/* A poller looks at dm's bio, which knows nothing of this one. */
	clone->bi_opf &= ~REQ_POLLED;
	clone->bi_iter.bi_sector =
		lower_sector(io->crypt, bio->bi_iter.bi_sector);
	clone->bi_private = io;
	clone->bi_end_io = read_endio;
	dm_submit_bio_remap(bio, clone);
}

/* --- writes ------------------------------------------------------------- */

static void bounce_free_pages(struct kmsc_crypt *crypt, struct bio *bounce)
{
	struct bvec_iter_all iter;
	struct bio_vec *bv;

	bio_for_each_segment_all(bv, bounce, iter)
		mempool_free(bv->bv_page, &crypt->pages);
}

static bool bounce_add_pages(struct kmsc_crypt *crypt, struct bio *bounce,
			     unsigned int size, gfp_t gfp)
{
	struct page *page;
	unsigned int len;

	for (; size; size -= len) {
		page = mempool_alloc(&crypt->pages, gfp);
		if (!page)
			return false;
		len = min_t(unsigned int, size, PAGE_SIZE);
		__bio_add_page(bounce, page, len, 0);
	}
	return true;
}

static struct bio *bounce_alloc(struct kmsc_crypt *crypt, struct bio *bio)
{
	unsigned int size = bio->bi_iter.bi_size;
	unsigned int count = DIV_ROUND_UP(size, PAGE_SIZE);
	blk_opf_t opf = bio->bi_opf & ~REQ_POLLED;
	struct bio *bounce;

	bounce = bio_alloc_bioset(crypt->dev->bdev, count, opf, GFP_NOIO,
				  &crypt->bios);
	if (!bounce_add_pages(crypt, bounce, size,
			      GFP_NOWAIT | __GFP_NOWARN | __GFP_HIGHMEM)) {
		/*
		 * Only one may wait with a part of the reserve in its hands,
		 * and the reserve is as large as a write can be: the rest of
		 * it comes back from writes that are already below.
		 */
		bounce_free_pages(crypt, bounce);
		bio_reset(bounce, crypt->dev->bdev, opf);
		mutex_lock(&crypt->reserve);
		bounce_add_pages(crypt, bounce, size, GFP_NOIO | __GFP_HIGHMEM);
		mutex_unlock(&crypt->reserve);
	}
	bio_clone_blkg_association(bounce, bio);
	bounce->bi_ioprio = bio->bi_ioprio;
	bounce->bi_iter.bi_sector = lower_sector(crypt, bio->bi_iter.bi_sector);
	return bounce;
}

static void write_endio(struct bio *bounce)
{
	struct kmsc_io *io = bounce->bi_private;
	blk_status_t status = bounce->bi_status;

	bounce_free_pages(io->crypt, bounce);
	bio_put(bounce);
	io_end(io, status);
}

static void write_start(struct kmsc_io *io)
{
	struct bio *bounce = bounce_alloc(io->crypt, io->bio);
	int r = -EIO;

	io->bounce = bounce;
	io->dst = bounce->bi_iter;
	if (io_enter(io)) {
		r = convert_wait(io);
		io_leave(io);
	}
	bounce->bi_private = io;
	bounce->bi_end_io = write_endio;
	if (unlikely(r)) {
		bounce->bi_status = errno_to_blk_status(r);
		write_endio(bounce);
		return;
	}
	dm_submit_bio_remap(io->bio, bounce);
}

/* --- what dm calls ------------------------------------------------------ */

/* Bios that carry no data. None passes once the gate is shut. */
static int map_bare(struct kmsc_crypt *crypt, struct bio *bio)
{
	if (!kmsc_gate_is_open(crypt->gate))
		return DM_MAPIO_KILL;
	bio_set_dev(bio, crypt->dev->bdev);
	if (bio_sectors(bio))
		bio->bi_iter.bi_sector =
			lower_sector(crypt, bio->bi_iter.bi_sector);
	return DM_MAPIO_REMAPPED;
}

static bool aligned(const struct kmsc_crypt *crypt, struct bio *bio)
{
	unsigned int mask = crypt->sector_size - 1;

	return !(bio->bi_iter.bi_sector & (mask >> SECTOR_SHIFT)) &&
	       !(bio->bi_iter.bi_size & mask);
}

/*
 * kmsc_crypt_map - take a bio from dm
 *
 * What is not known here to carry no data is encrypted or refused, never
 * passed on as it is.
 */
int kmsc_crypt_map(struct kmsc_crypt *crypt, struct bio *bio)
{
	bool write = bio_op(bio) == REQ_OP_WRITE;
	struct kmsc_io *io;

	if (bio_op(bio) == REQ_OP_DISCARD || (write && !bio_sectors(bio)))
		return map_bare(crypt, bio);
	if (!write && bio_op(bio) != REQ_OP_READ)
		return DM_MAPIO_KILL;
	if (unlikely(!aligned(crypt, bio)))
		return DM_MAPIO_KILL;
	if (write && unlikely(bio_sectors(bio) > WRITE_SECTORS))
		dm_accept_partial_bio(bio, WRITE_SECTORS);

	io = dm_per_bio_data(bio, crypt->ti->per_io_data_size);
	io_init(io, crypt, bio);
	if (write)
		write_start(io);
	else
		read_start(io);
	return DM_MAPIO_SUBMITTED;
}

/**
 * kmsc_crypt_init - set up the data path of a table
 * @crypt:	zeroed; kmsc_crypt_exit() undoes also what a failure has left
 * @ti:		dm target, gets the size of its per-bio data
 * @dev:	lower device
 * @gate:	of the volume
 * @params:	of the table
 * @reqsize:	room for a request that each cipher behind @gate is content with
 */
int kmsc_crypt_init(struct kmsc_crypt *crypt, struct dm_target *ti,
		    struct dm_dev *dev, struct kmsc_gate *gate,
		    const struct kmsc_params *params, unsigned int reqsize)
{
	int r;

	crypt->ti = ti;
	crypt->dev = dev;
	crypt->gate = gate;
	crypt->start = params->offset;
	crypt->iv_offset = params->iv_offset;
	crypt->sector_size = params->sector_size;
	if (params->flags & KMSC_DESC_IV_LARGE_SECTORS)
		crypt->iv_shift = ilog2(params->sector_size) - SECTOR_SHIFT;
	mutex_init(&crypt->reserve);

	r = bioset_init(&crypt->bios, WRITE_BIOS, 0, BIOSET_NEED_BVECS);
	if (r)
		return r;
	r = mempool_init_page_pool(&crypt->pages, WRITE_PAGES, 0);
	if (r)
		return r;
	ti->per_io_data_size = ALIGN(IO_SIZE + reqsize, CRYPTO_MINALIGN);
	return 0;
}

/* Zeroed or half-built ones too: these three take them. */
void kmsc_crypt_exit(struct kmsc_crypt *crypt)
{
	mempool_exit(&crypt->pages);
	bioset_exit(&crypt->bios);
}

int __init kmsc_crypt_setup(void)
{
	unsigned int flags = WQ_MEM_RECLAIM | WQ_CPU_INTENSIVE | KMSC_WQ_PERCPU;

	decrypt_queue = alloc_workqueue("kmscrypt_decrypt", flags, 0);
	return decrypt_queue ? 0 : -ENOMEM;
}

void kmsc_crypt_cleanup(void)
{
	destroy_workqueue(decrypt_queue);
}
