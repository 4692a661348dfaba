/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The helper, kmscrypt-upcall, started by hand to check a KMS entry: as its own
 * user, in its own sandbox and with the kernel's bare environment. Both sides
 * of that.
 */
#ifndef _VOLUME_HELPER_H
#define _VOLUME_HELPER_H

#include <stdint.h>

#include "base/op.h"
#include "kms/kms.h"

#define HELPER_CHECK "check" /* kmscrypt-upcall check ENTRY MILLISECONDS */
#define HELPER_TIMEOUT_MAX_MS (10 * 60 * 1000)
#define HELPER_MAGIC 0x4b4d5331 /* changes with the struct below */

/* What the helper writes to its standard output, in one write(2) */
struct helper_answer {
	uint32_t magic;
	int32_t err; /* 0, -errno of the check */
	struct kms_health health;
	char detail[OP_TEXT_MAX], next[OP_TEXT_MAX];
};

/**
 * helper_find() - the program that the kernel's rule names
 * @ret: the caller's to free
 * Return: 0; -ENOENT: there is no rule; -errno with words.
 */
int helper_find(struct op *op, char **ret);

/**
 * helper_check() - let @program check the current generation of @entry
 *
 * Return: 0 and -errno as kms_check_saved(); -ENOKEY when the helper itself
 * failed.
 */
int helper_check(struct op *op, const char *program, const char *entry,
		 struct kms_health *ret);

#endif
