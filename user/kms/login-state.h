/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this host knows of a Vault token until the next boot, one 0600 file a
 * generation: /run/kmscrypt/tokens/<generation>.
 *
 * Of a login it holds the token itself, so that many opens cost one login and
 * one use of a secret id; of a token that the entry brings along only when it
 * ends. The file is opened when the credentials are read, before the helper's
 * sandbox closes: from then on only flock(2), pread(2), pwrite(2),
 * ftruncate(2) and fstat(2) on that descriptor are needed.
 */
#ifndef _KMS_LOGIN_STATE_H
#define _KMS_LOGIN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"

struct login_state;
struct op;

/* Times are seconds of CLOCK_BOOTTIME, which nobody sets. */
struct login_record {
	struct secret token; /* empty: the one that the entry has */
	uint64_t since_s; /* when the server told what follows */
	uint64_t ttl_s; /* from then on; 0: does not expire */
	uint64_t full_s; /* ttl when it was new, for renewing at half */
	uint64_t uses; /* 0: any number */
	uint64_t period_s; /* 0: not periodic */
	uint64_t max_ttl_s; /* explicit; 0: none */
	bool renewable;
	bool failed; /* the last renewal did */
};

void login_record_free(struct login_record *r);
#define _cleanup_record_ __attribute__((cleanup(login_record_free)))

/** login_now_s() - CLOCK_BOOTTIME */
uint64_t login_now_s(void);

/** login_left_s() - seconds that the token has left, -1 for any number */
int64_t login_left_s(const struct login_record *r);

/** login_renewal_due() - can it be renewed, and is half of its time gone? */
bool login_renewal_due(const struct login_record *r);

/**
 * login_warning() - a sentence when the credential will stop working, or NULL
 * @again: the entry can log in anew, so that a token's end is no harm
 */
const char *login_warning(const struct login_record *r, bool again);

/** login_state_open() - NULL when there can be none: then nothing is kept. */
struct login_state *login_state_open(const char *id);
void login_state_close(struct login_state *s);

/**
 * login_state_lock() - one login at a time; waits, within op's deadline
 * Return: 0, -ETIMEDOUT, -errno. login_state_unlock() is fine without.
 */
int login_state_lock(struct op *op, struct login_state *s);
void login_state_unlock(struct login_state *s);

/**
 * login_state_read() - 0, -ENODATA when nothing (whole) is there, -errno
 * @ret: must be empty
 */
int login_state_read(struct login_state *s, struct login_record *ret);

/** login_state_write() - NULL: forget. 0, -errno. Hold the lock. */
int login_state_write(struct login_state *s, const struct login_record *r);

/** login_state_drop() - remove the file of generation @id. 0, -errno. */
int login_state_drop(const char *id);

/** login_state_peek() - read without making it; as login_state_read(). */
int login_state_peek(const char *id, struct login_record *ret);

#endif
