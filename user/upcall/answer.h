/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to the kernel: exactly one, by instantiating or rejecting the
 * key, and always in time.
 */
#ifndef _UPCALL_ANSWER_H
#define _UPCALL_ANSWER_H

#include <stdint.h>

#include <keyutils.h>

#include "upcall/callout.h"
#include "volume/unlock.h"

struct op;

/**
 * answer_take_authority() - become the one who may answer for @key
 * Return: 0, -errno (no upcall for this key, or not ours).
 */
int answer_take_authority(key_serial_t key);

/**
 * answer_watch() - reject the key with ETIMEDOUT and exit, whatever this
 * process is doing then, @timeout_ms from now
 *
 * Libraries block where no deadline reaches (getaddrinfo(3), a lock that
 * somebody holds). Calling it again moves the deadline. Return: 0, -errno.
 */
int answer_watch(key_serial_t key, uint32_t timeout_ms);

/**
 * answer_read() - read description and callout of the key
 * Return: 0, -EINVAL with words, -errno.
 */
int answer_read(struct op *op, key_serial_t key, struct callout_volume *volume,
		struct callout *callout);

/**
 * answer_payload() - fill the payload; @ret is empty
 * Return: 0, -ENOMEM, -EOPNOTSUPP with words.
 */
int answer_payload(struct op *op, const struct unlock_plan *plan,
		   const struct unlocked *u, struct secret *ret);

/** answer_instantiate() - hand the key over. Return: 0, -errno. */
int answer_instantiate(key_serial_t key, const struct secret *payload);

/** answer_reject() - say no, with the errno that the table gives @err. */
void answer_reject(key_serial_t key, int err);

#endif
