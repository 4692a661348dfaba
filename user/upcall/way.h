/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper needs of this machine, before the sandbox closes. */
#ifndef _UPCALL_WAY_H
#define _UPCALL_WAY_H

struct generation;
struct op;

/**
 * way_open() - the system's CAs into @g, its addresses to the child that
 * connects
 * Return: 0, -errno with words.
 */
int way_open(struct op *op, struct generation *g);

/**
 * way_ours() - the errno of a failure that is this machine's
 *
 * "Denied" is the word of a KMS, which closes an open volume for good. What
 * this machine refuses (file modes, a security module, locked memory) is a
 * failure of the upcall.
 */
int way_ours(int err);

#endif
