// SPDX-License-Identifier: GPL-2.0-or-later
/* Capsules as a KMS may return them; what is taken must encode to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/op.h"
#include "base/secret.h"
#include "volume/capsule.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return secret_init();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;
	_cleanup_secret_ struct secret again = SECRET_EMPTY;
	_cleanup_capsule_ struct capsule c = { 0 };
	struct op op;

	op_init(&op, 0);
	if (size > SECRET_MAX || secret_copy(&plain, data, size) < 0)
		return 0;
	if (capsule_decode(&op, &plain, &c) < 0) {
		if (c.key.data)
			abort();
		return 0;
	}
	if (capsule_encode(&c, &again) < 0 || !secret_equal(&plain, &again))
		abort();
	return 0;
}
