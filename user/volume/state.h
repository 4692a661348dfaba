/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of an open volume, as the module's status line tells it (the
 * contract in include/uapi/kmscrypt.h says which words there are).
 */
#ifndef _VOLUME_STATE_H
#define _VOLUME_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct op;

#define STATE_WORD_MAX 16

struct volume_state {
	char state[STATE_WORD_MAX]; /* active, locked, unlocking */
	char reason[STATE_WORD_MAX]; /* why it is locked */
	int error; /* errno that the last upcall ended with, 0: none */
	uint64_t epoch;
	int32_t key; /* serial, 0: none */
	uint64_t lease_s; /* 0: none */
	uint64_t left_s;
	char on_lock[STATE_WORD_MAX]; /* error, queue */
	uint64_t cap_s;
	uint64_t held; /* bios */
	uint64_t held_bytes;
};

/**
 * state_parse() - read a status line
 *
 * Words that are not known are left out, those that are not there are "" or
 * 0: an older or newer module. Return: 0, -EBADMSG: not a status of ours.
 */
int state_parse(const char *text, struct volume_state *ret);

/** state_read() - of mapping @name. 0, -ENXIO: no such one, -errno. */
int state_read(struct op *op, const char *name, struct volume_state *ret);

bool state_is(const struct volume_state *s, const char *state);

/**
 * state_settle() - wait until no unlock is under way
 * Return: 0, -ETIMEDOUT when op's deadline passes first, -errno.
 */
int state_settle(struct op *op, const char *name, struct volume_state *ret);

/** state_nap() - sleep for as long as one waits between two looks */
void state_nap(void);

#endif
