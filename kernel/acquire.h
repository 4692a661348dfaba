/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attempts to get a volume's key from the KMS, through request_key()
 *
 * What ti->error can say because of an attempt, KMS key request failed: ...
 *
 *   key revoked by the KMS (-EKEYREVOKED)
 *   the KMS denied access (-EACCES)
 *   key rejected, it does not match this volume (-EKEYREJECTED)
 *   malformed volume header or token (-EBADMSG)
 *   malformed answer from the KMS (-EPROTO)
 *   no KMS endpoint answered (-EHOSTUNREACH)
 *   no answer within the deadline (-ETIMEDOUT)
 *   no kmscrypt binding on the device or no such KMS entry (-ENODATA)
 *   the upcall failed, is its request-key rule there? (-ENOKEY)
 *   interrupted (-EINTR)
 *   the key needs what this module does not have (-EOPNOTSUPP)
 *   anything else: see the kernel log and the helper's log
 */
#ifndef _KMSC_ACQUIRE_H
#define _KMSC_ACQUIRE_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/workqueue.h>

#include "params.h"
#include "volume.h"

/**
 * struct kmsc_attempt - one upcall
 * @ref:	references: the work, the volume while it wants the key, waiters
 * @work:	calls request_key()
 * @vol:	whose key, with a reference
 * @op:		why
 * @automatic:	nobody has asked for it but the lease
 * @params:	what the table asks for
 * @deadline:	when the helper must have answered, on CLOCK_MONOTONIC
 * @since:	when it was asked, on CLOCK_BOOTTIME; the work's own
 * @done:	completed once @result stands
 * @result:	0 or -errno; written once, under the volume's lock
 *
 * An attempt is wanted as long as the volume refers to it. A key that comes
 * for one that is not wanted any more is late, and is revoked.
 */
struct kmsc_attempt {
	struct kref ref;
	struct work_struct work;
	struct kmsc_volume *vol;
	enum kmsc_op op;
	bool automatic;
	struct kmsc_params params;
	ktime_t deadline;
	ktime_t since;
	struct completion done;
	int result;
};

int kmsc_acquire_setup(void);
void kmsc_acquire_cleanup(void);

struct kmsc_attempt *kmsc_attempt_start(struct kmsc_volume *vol,
					enum kmsc_op op, bool automatic,
					const struct kmsc_params *params);
void kmsc_attempt_put(struct kmsc_attempt *attempt);
int kmsc_attempt_wait(struct kmsc_attempt *attempt);
ktime_t kmsc_attempt_left(const struct kmsc_attempt *attempt);
bool kmsc_attempt_overdue(const struct kmsc_attempt *attempt);
void kmsc_attempt_finish(struct kmsc_attempt *attempt, int result);
char *kmsc_attempt_error(int err);

#endif /* _KMSC_ACQUIRE_H */
