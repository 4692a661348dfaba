/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A piece of memory, as the crypto API wants it
 */
#ifndef _KMSC_PIECE_H
#define _KMSC_PIECE_H

#include <linux/align.h>
#include <linux/scatterlist.h>

#include "cipher.h"

/* Sets all that sg_init_table() does, at a fraction of its cost. */
static inline void kmsc_piece_set(struct scatterlist *sg, struct page *page,
				  unsigned int len, unsigned int offset)
{
	sg->page_link = 0;
	sg_set_page(sg, page, len, offset);
	sg_mark_end(sg);
}

/* So odd that the API needs memory; without it a part may be done in place. */
static inline bool kmsc_piece_odd(struct scatterlist *sg)
{
	return !sg_is_last(sg) || !IS_ALIGNED(sg->offset, KMSC_IV_ALIGN);
}

#endif /* _KMSC_PIECE_H */
