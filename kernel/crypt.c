// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data path: bios to sectors to the cipher
 *
 * dm's bio itself goes down, and comes back through kmsc_crypt_end_io(). A
 * read is decrypted in place when it comes back: right there if the context
 * allows, else in a workqueue. A write is encrypted in the submitter's context
 * into pages of our own, which take the place of its own in the bio; that is
 * dm's copy of it, so the submitter's is as it was.
 *
 * Forward progress: what a bio needs is in dm's per-bio data, except for a
 * write's pages and what a cipher needs that may be asynchronous. These come
 * from reserves of the table; a bio waits for them only while they are with
 * writes that have been sent down, or with the cipher.
 */
#include "crypt.h"

#include <crypto/skcipher.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "cipher.h"
#include "compat.h"
#include "fan.h"
#include "gate.h"
#include "hold.h"
#include "io.h"
#include "pages.h"
#include "params.h"
#include "piece.h"
#include "tags.h"

/* A sector is made of so many pieces of memory at most. */
#define PIECES_MAX 4
/* So many that wait for the cipher need no memory from the kernel. */
#define PASSES 16
/* Reads that complete in a softirq and are longer do not hold it up. */
#define SOFTIRQ_MAX (128 * 1024)

/**
 * struct pass - the way of a bio's sectors through the cipher
 * @req:	the request for each of them in turn
 * @wait:	to wait for the cipher, if @req makes one wait
 * @may_sleep:	this context may
 * @filled:	for a write, so many bytes of its pages
 * @src:	the sector's pieces
 * @dst:	for a write, where they go
 * @iv_room:	the IV is in here, at iv()
 */
struct pass {
	struct skcipher_request *req;
	struct crypto_wait wait;
	bool may_sleep;
	unsigned int filled;
	struct scatterlist src[PIECES_MAX];
	struct scatterlist dst[1];
	u8 iv_room[KMSC_IV_MAX + KMSC_IV_ALIGN - 1];
};

#define PASS_BYTES ALIGN(sizeof(struct pass), CRYPTO_MINALIGN)

static struct workqueue_struct *decrypt_queue;

static u8 *iv(struct pass *pass)
{
	return PTR_ALIGN(&pass->iv_room[0], KMSC_IV_ALIGN);
}

static void remap(struct kmsc_crypt *crypt, struct bio *bio)
{
	bio_set_dev(bio, crypt->dev->bdev);
	bio->bi_iter.bi_sector =
		crypt->start +
		dm_target_offset(crypt->ti, bio->bi_iter.bi_sector);
}

/* --- sectors ------------------------------------------------------------ */

/* The pieces of a sector that is not in one piece. */
static int gather(struct kmsc_io *io, struct scatterlist *sg, unsigned int len)
{
	struct bvec_iter iter = io->src;
	unsigned int n = 0;
	struct bio_vec bv;

	sg_init_table(sg, PIECES_MAX);
	while (len) {
		if (n == PIECES_MAX)
			return -EIO;
		bv = bvec_iter_bvec(io->vecs, iter);
		bv.bv_len = min(bv.bv_len, len);
		sg_set_page(&sg[n++], bv.bv_page, bv.bv_len, bv.bv_offset);
		bvec_iter_advance(io->vecs, &iter, bv.bv_len);
		len -= bv.bv_len;
	}
	sg_mark_end(&sg[n - 1]);
	return 0;
}

/*
 * Point @pass at the next sector.
 *
 * Return: the bytes, in whole sectors, that lie in one piece of memory from
 * there, or -errno.
 */
static int aim(struct kmsc_io *io, struct pass *pass)
{
	unsigned int sector = io->crypt->sector_size;
	struct bio_vec bv = bvec_iter_bvec(io->vecs, io->src);
	unsigned int len = bv.bv_len;
	int r;

	if (likely(len >= sector)) {
		kmsc_piece_set(pass->src, bv.bv_page, sector, bv.bv_offset);
	} else {
		r = gather(io, pass->src, sector);
		if (r)
			return r;
		len = sector;
	}
	if (io->write) {
		unsigned int offset = offset_in_page(pass->filled);

		/* Our pages hold whole sectors: there is but one piece. */
		BUILD_BUG_ON(PAGE_SIZE % KMSC_SECTOR_MAX);
		bv = io->pages.vecs[pass->filled >> PAGE_SHIFT];
		kmsc_piece_set(pass->dst, bv.bv_page, sector, offset);
		len = min_t(unsigned int, len, PAGE_SIZE - offset);
	}
	return round_down(len, sector);
}

/* As many sectors as lie in one piece: only offset and number change. */
static int convert_piece(struct kmsc_io *io, struct pass *pass)
{
	unsigned int sector = io->crypt->sector_size;
	unsigned int shift = io->crypt->iv_shift;
	u64 number = io->number;
	bool write = io->write;
	int done, len, r = 0;

	len = aim(io, pass);
	if (unlikely(len < 0))
		return len;
	for (done = 0; done < len; done += sector) {
		r = kmsc_cipher_sector(io->cipher, pass->req, number >> shift,
				       write);
		if (unlikely(r && pass->may_sleep))
			r = crypto_wait_req(r, &pass->wait);
		if (unlikely(r))
			break;
		/* Wraps before it is shifted, as dm-crypt's does. */
		number += sector >> SECTOR_SHIFT;
		pass->src->offset += sector;
		pass->dst->offset += sector;
	}
	io->number = number;
	bvec_iter_advance(io->vecs, &io->src, done);
	pass->filled += done;
	/* It must not be tried again. */
	return unlikely(r == -ENOMEM) && kmsc_piece_odd(pass->src) ? -EIO : r;
}

static int convert(struct kmsc_io *io, struct pass *pass)
{
	int r;

	while (io->src.bi_size) {
		r = convert_piece(io, pass);
		if (unlikely(r))
			return r;
		if (io->src.bi_size && pass->may_sleep)
			cond_resched();
	}
	return 0;
}

/* @req is ready but for what is said here. */
static void pass_init(struct pass *pass, struct kmsc_io *io,
		      struct skcipher_request *req, bool may_sleep)
{
	struct scatterlist *dst = pass->src;

	pass->req = req;
	pass->may_sleep = may_sleep;
	pass->filled = 0;
	pass->dst->offset = 0;
	if (io->write)
		dst = pass->dst;
	skcipher_request_set_crypt(req, pass->src, dst, io->crypt->sector_size,
				   iv(pass));
}

/*
 * Does all that is left, or up to an error. Inside the gate, where the cipher
 * can do it now. Nothing outlives the call, so request and pieces are on the
 * stack; what clears the stack would clear half a kilobyte of it in vain.
 */
static int convert_now(struct kmsc_io *io, bool may_sleep)
{
	u8 mem[KMSC_NOW_BYTES] __aligned(CRYPTO_MINALIGN) __uninitialized;
	struct pass pass __uninitialized;

	pass_init(&pass, io, (void *)mem, may_sleep);
	kmsc_cipher_setup_now(io->cipher, pass.req);
	return convert(io, &pass);
}

/* Does all that is left. Process context, inside the gate. */
static int convert_wait(struct kmsc_io *io)
{
	struct pass *pass;
	int r;

	if (likely(kmsc_cipher_can_now(io->cipher)))
		return convert_now(io, true);
	if (io->crypt->tags)
		return kmsc_tags_convert(io);
	/* May wait for others who are here, and who wait for the cipher only. */
	pass = mempool_alloc(&io->crypt->passes, GFP_NOIO);
	/* A cipher in hardware looks at what kmsc_piece_set() leaves alone. */
	sg_init_table(pass->src, PIECES_MAX);
	sg_init_table(pass->dst, 1);
	pass_init(pass, io, (void *)pass + PASS_BYTES, true);
	crypto_init_wait(&pass->wait);
	kmsc_cipher_setup(io->cipher, pass->req, &pass->wait);
	r = convert(io, pass);
	mempool_free(pass, &io->crypt->passes);
	return r;
}

/* One part of a large bio, by us or by a helper: works on a copy of @data. */
static int convert_part(void *data, unsigned int *from, unsigned int to,
			bool may_sleep)
{
	struct kmsc_io part = *(const struct kmsc_io *)data;
	int r;

	bvec_iter_advance(part.vecs, &part.src, *from);
	part.src.bi_size = to - *from;
	part.number += *from >> SECTOR_SHIFT;
	if (part.write)
		part.pages.vecs += *from >> PAGE_SHIFT;
	r = may_sleep ? convert_wait(&part) : convert_now(&part, false);
	*from = to - part.src.bi_size;
	return r;
}

static noinline int convert_large(struct kmsc_io *io)
{
	static const struct kmsc_fan_ops fan = { .part = convert_part };
	int r;

	if (kmsc_cipher_can_now(io->cipher) &&
	    kmsc_fan_run(&fan, io, io->src.bi_size, &r))
		return r;
	return convert_wait(io);
}

/* Like convert_wait(), with help if it is worth while */
static int convert_spread(struct kmsc_io *io)
{
	return kmsc_fan_wise(io->src.bi_size) ? convert_large(io) :
						convert_wait(io);
}

/* --- reads -------------------------------------------------------------- */

/*
 * The gate is shut: what comes of a read that is back, or was started.
 *
 * Return: it is held, as the ciphertext that it is; else it ends with *@status.
 */
static bool read_shut(struct kmsc_io *io, blk_status_t *status)
{
	switch (kmsc_hold_add(&io->crypt->hold, io->bio, io->src.bi_size)) {
	case KMSC_HOLD_HELD:
		return true;
	case KMSC_HOLD_REQUEUE:
		*status = BLK_STS_DM_REQUEUE;
		return false;
	default:
		*status = BLK_STS_IOERR;
		return false;
	}
}

/* Back to kmsc_crypt_end_io() */
static void read_done(struct kmsc_io *io, blk_status_t status)
{
	io->done = true;
	io->bio->bi_status = status;
	bio_endio(io->bio);
}

/* In the workqueue: from the start, or from where it has stopped. */
static void read_work(struct work_struct *work)
{
	struct kmsc_io *io = container_of(work, struct kmsc_io, work);
	blk_status_t status;

	if (kmsc_io_enter(io)) {
		status = errno_to_blk_status(convert_spread(io));
		kmsc_io_leave(io);
	} else if (read_shut(io, &status)) {
		return;
	}
	read_done(io, status);
}

static void read_later(struct kmsc_io *io)
{
	INIT_WORK(&io->work, read_work);
	queue_work(decrypt_queue, &io->work);
}

/*
 * May this context decrypt? The crypto API's walk refuses hard interrupts, and
 * an idle task may complete I/O with interrupts off.
 */
static bool read_inline(const struct kmsc_io *io)
{
	if (in_hardirq() || irqs_disabled())
		return false;
	return in_task() || io->src.bi_size <= SOFTIRQ_MAX;
}

static void read_helped(void *data, int r)
{
	struct kmsc_io *io = data;

	kmsc_io_leave(io);
	read_done(io, errno_to_blk_status(r));
}

static noinline int read_large(struct kmsc_io *io)
{
	static const struct kmsc_fan_ops fan = {
		.part = convert_part,
		.done = read_helped,
	};
	int r;

	if (!kmsc_fan_run(&fan, io, io->src.bi_size, &r))
		return convert_now(io, false);
	/* Some is decrypted: it must not be done again. */
	return r && r != -EINPROGRESS ? -EIO : r;
}

/*
 * Inside the gate, which it leaves, or else helpers do.
 *
 * Return: -EINPROGRESS in that case. -EAGAIN, -ENOMEM: not here.
 */
static int read_now(struct kmsc_io *io)
{
	int r = -EAGAIN;

	if (likely(kmsc_cipher_can_now(io->cipher)))
		r = kmsc_fan_wise(io->src.bi_size) ? read_large(io) :
						     convert_now(io, false);
	if (likely(r != -EINPROGRESS))
		kmsc_io_leave(io);
	return r;
}

static int read_end(struct kmsc_io *io, blk_status_t *status)
{
	int r = -EAGAIN;

	if (io->done || unlikely(*status))
		return DM_ENDIO_DONE;
	if (read_inline(io)) {
		if (unlikely(!kmsc_io_enter(io)))
			return read_shut(io, status) ? DM_ENDIO_INCOMPLETE :
						       DM_ENDIO_DONE;
		r = read_now(io);
		if (unlikely(r == -EINPROGRESS))
			return DM_ENDIO_INCOMPLETE;
	}
	if (likely(!r))
		return DM_ENDIO_DONE;
	/* Not here, or short of memory: where one can wait, it works. */
	if (r == -EAGAIN || r == -ENOMEM) {
		read_later(io);
		return DM_ENDIO_INCOMPLETE;
	}
	*status = errno_to_blk_status(r);
	return DM_ENDIO_DONE;
}

/* --- writes ------------------------------------------------------------- */

/* The gate is shut: what comes of a bio on its way down. */
static int map_shut(struct kmsc_io *io)
{
	unsigned int bytes = kmsc_bio_is_bare(io->bio) ? 0 : io->src.bi_size;

	switch (kmsc_hold_add(&io->crypt->hold, io->bio, bytes)) {
	case KMSC_HOLD_HELD:
		return DM_MAPIO_SUBMITTED;
	case KMSC_HOLD_REQUEUE:
		return DM_MAPIO_REQUEUE;
	default:
		return DM_MAPIO_KILL;
	}
}

static int map_write(struct kmsc_io *io)
{
	struct bio *bio = io->bio;
	int r;

	kmsc_pages_get(&io->pages, io->src.bi_size, &io->crypt->reserve);
	if (unlikely(!kmsc_io_enter(io))) {
		kmsc_pages_put(&io->pages, &io->crypt->reserve);
		return map_shut(io);
	}
	io->write = true;
	r = convert_spread(io);
	kmsc_io_leave(io);
	if (unlikely(r)) {
		/* To kmsc_crypt_end_io(), which puts the pages */
		bio->bi_status = errno_to_blk_status(r);
		bio_endio(bio);
		return DM_MAPIO_SUBMITTED;
	}
	bio->bi_io_vec = io->pages.vecs;
	/* From their start; what says so has a new name since 7.3. */
	bio->bi_iter = (struct bvec_iter){
		.bi_sector = bio->bi_iter.bi_sector,
		.bi_size = bio->bi_iter.bi_size,
	};
	kmsc_bio_vecs_changed(bio);
	remap(io->crypt, bio);
	return DM_MAPIO_REMAPPED;
}

static void write_end(struct kmsc_io *io)
{
	io->bio->bi_io_vec = io->vecs;
	kmsc_pages_put(&io->pages, &io->crypt->reserve);
}

/* --- what dm calls ------------------------------------------------------ */

/* Bios that carry no data. None passes once the gate is shut. */
static int map_bare(struct kmsc_io *io)
{
	if (!kmsc_gate_is_open(io->crypt->gate))
		return map_shut(io);
	/* Only a flush has no place. */
	if (bio_op(io->bio) == REQ_OP_WRITE)
		bio_set_dev(io->bio, io->crypt->dev->bdev);
	else
		remap(io->crypt, io->bio);
	return DM_MAPIO_REMAPPED;
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
	struct kmsc_io *io = kmsc_bio_io(crypt, bio);

	if (write && unlikely(bio_sectors(bio) > KMSC_WRITE_SECTORS))
		dm_accept_partial_bio(bio, KMSC_WRITE_SECTORS);
	kmsc_io_init(io, crypt, bio);
	if (kmsc_bio_is_bare(bio))
		return map_bare(io);
	if (!write && bio_op(bio) != REQ_OP_READ)
		return DM_MAPIO_KILL;
	if (unlikely(!kmsc_bio_aligned(crypt, bio)))
		return DM_MAPIO_KILL;
	if (write)
		return map_write(io);
	remap(crypt, bio);
	return DM_MAPIO_REMAPPED;
}

/*
 * kmsc_crypt_end_io - a bio is back; any context
 *
 * A read that cannot be decrypted here comes a second time when it is.
 */
int kmsc_crypt_end_io(struct kmsc_crypt *crypt, struct bio *bio,
		      blk_status_t *status)
{
	struct kmsc_io *io = kmsc_bio_io(crypt, bio);

	if (bio_op(bio) == REQ_OP_READ)
		return read_end(io, status);
	if (io->write)
		write_end(io);
	return DM_ENDIO_DONE;
}

static int map_again(struct kmsc_io *io)
{
	/* Without the pages that it would only put back */
	if (!kmsc_gate_is_open(io->crypt->gate))
		return map_shut(io);
	return kmsc_bio_is_bare(io->bio) ? map_bare(io) : map_write(io);
}

/* A bio that was held */
static void retry(struct kmsc_hold *hold, struct bio *bio)
{
	struct kmsc_crypt *crypt = container_of(hold, struct kmsc_crypt, hold);
	struct kmsc_io *io = kmsc_bio_io(crypt, bio);

	if (bio_op(bio) == REQ_OP_READ) {
		read_later(io);
		return;
	}
	/* What dm does with the answer to a map */
	switch (map_again(io)) {
	case DM_MAPIO_REMAPPED:
		dm_submit_bio_remap(bio, NULL);
		break;
	case DM_MAPIO_REQUEUE:
		bio->bi_status = BLK_STS_DM_REQUEUE;
		bio_endio(bio);
		break;
	case DM_MAPIO_KILL:
		bio_io_error(bio);
		break;
	}
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
	kmsc_hold_init(&crypt->hold, gate, retry);

	r = mempool_init_kmalloc_pool(&crypt->passes, PASSES,
				      PASS_BYTES + reqsize);
	if (r)
		return r;
	r = kmsc_reserve_init(&crypt->reserve);
	if (r)
		return r;
	ti->per_io_data_size = sizeof(struct kmsc_io);
	return 0;
}

/* Zeroed or half-built ones too: these take them. */
void kmsc_crypt_exit(struct kmsc_crypt *crypt)
{
	if (crypt->gate)
		kmsc_hold_exit(&crypt->hold);
	kmsc_reserve_exit(&crypt->reserve);
	mempool_exit(&crypt->passes);
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
