/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls that are left (seccomp). Lists of what is allowed; anything
 * else fails with EPERM and does nothing.
 *
 * It fails rather than kills: libraries probe (libcurl for IPv6, the C library
 * for newer calls) and go on without, so that an update of theirs that probes
 * more does not keep volumes shut; and a helper that is killed leaves the kernel
 * without a reason. What is denied is the same. Calls of a foreign
 * architecture, which nobody makes by accident, kill.
 */
#ifndef _UPCALL_FILTER_H
#define _UPCALL_FILTER_H

#include <stdbool.h>

#include <keyutils.h>

/** filter_supported() - does this kernel have seccomp filters? */
bool filter_supported(void);

/**
 * filter_helper() - no files, sockets, processes, signals, executable memory;
 * keyctl(2) to answer for @key alone
 * Return: 0, -errno.
 */
int filter_helper(key_serial_t key);

/**
 * filter_dialer() - files to read, sockets, threads; no keys, processes,
 * signals. Return: 0, -errno.
 */
int filter_dialer(void);

#endif
