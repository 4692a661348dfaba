/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The helper's child: it resolves names and connects, and passes the connected
 * sockets back. It is forked before there is any secret to inherit, can answer
 * for no key, and connects to what it was told before the seal, so that a
 * helper that was taken over reaches the KMS's addresses and nothing else.
 */
#ifndef _UPCALL_NETCHILD_H
#define _UPCALL_NETCHILD_H

struct dial_address;
struct op;

/* Bindings of a volume times addresses of a KMS entry. */
#define NETCHILD_ADDRESSES_MAX 64

/**
 * netchild_start() - fork it; from now on dial_connect() asks it
 *
 * Call it before any secret is read, with privilege_find() done. It ends with
 * its parent. Return: 0, -errno.
 */
int netchild_start(void);

/** netchild_allow() - let it connect to @a. Return: 0, -errno. */
int netchild_allow(const struct dial_address *a);

/** netchild_stop() - end it; dial_connect() connects by itself again. */
void netchild_stop(void);

/** netchild_seal() - no further addresses, for good. Return: 0, -errno. */
int netchild_seal(void);

#endif
