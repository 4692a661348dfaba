/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KMIP can do beyond the operations that all providers have (kms.h). */
#ifndef _KMS_KMIP_H
#define _KMS_KMIP_H

#include "kms/wrapped.h"

struct generation;
struct op;

/**
 * kmip_create_key() - make a master key that fits, and activate it
 * @g: addresses and credentials; its key_id is not looked at
 * @ret_uid: unique identifier of the new key. Also set when activating fails:
 *	then the words name it, and the key is there but not active.
 *
 * AES-256, for Encrypt and Decrypt only, so that it can never be exported by a
 * server that honours the mask. Return: 0, or as kms_check().
 */
int kmip_create_key(struct op *op, const struct generation *g,
		    char ret_uid[WRAPPED_NAME_MAX]);

#endif
