/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the helper gives up, in two steps. The whole sandbox of the design (a
 * user of its own, a child that connects, seccomp, memfd_secret) is still to
 * come; its place is here: sandbox_start() before anything is read,
 * sandbox_seal() between reading this machine and talking to the KMS.
 */
#ifndef _UPCALL_SANDBOX_H
#define _UPCALL_SANDBOX_H

struct op;

/**
 * sandbox_start() - a known state: no environment, no stray descriptors or
 * signal handling, umask 077, no new privileges, no core dumps
 *
 * Call it before any library is used. Return: 0, -errno.
 */
int sandbox_start(void);

/**
 * sandbox_seal() - drop all capabilities, for good
 *
 * What is left is root without privileges: it opens root's files, but mounts,
 * traces, loads and configures nothing. Return: 0, -errno with words.
 */
int sandbox_seal(struct op *op);

#endif
