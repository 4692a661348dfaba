/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the helper gives up, in two steps: sandbox_start() before anything is
 * read, sandbox_seal() between reading this machine and talking to the KMS. In
 * between netchild.h forks what connects.
 */
#ifndef _UPCALL_SANDBOX_H
#define _UPCALL_SANDBOX_H

#include <keyutils.h>

struct op;

/**
 * sandbox_start() - a known state: no environment, no stray descriptors or
 * signal handling, umask 077, no new privileges, memory locked
 *
 * Call it before any library is used. Return: 0, -errno.
 */
int sandbox_start(void);

#define SANDBOX_KEPT_FD 3

/**
 * sandbox_start_with() - the same for a program that was started by hand
 *
 * The descriptor @keep stays, as SANDBOX_KEPT_FD, also after a failure; memory
 * is locked if this process may. Return: 0, -errno.
 */
int sandbox_start_with(int keep);

/**
 * sandbox_seal() - for good: another user, no capabilities, no new processes,
 * no system calls but those that talking to the KMS and answering for @key need
 *
 * Where the kernel has no seccomp this fails, unless helper.json says
 * {"sandbox":"optional"}; the rest is done in any case. Return: 0, -errno with
 * words.
 */
int sandbox_seal(struct op *op, key_serial_t key);

#endif
