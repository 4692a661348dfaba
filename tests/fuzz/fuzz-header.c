// SPDX-License-Identifier: GPL-2.0-or-later
/* The JSON area of a header; what is taken must have a description. */
#include <stdint.h>
#include <stdlib.h>

#include "base/op.h"
#include "base/secret.h"
#include "volume/capsule.h"
#include "volume/header.h"

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
	_cleanup_header_ struct header h = { 0 };
	uint8_t desc[CAPSULE_DESC_MAX];
	struct op op;

	op_init(&op, 0);
	if (header_parse(&op, (const char *)data, size, &h) == 0 &&
	    capsule_describe(&h, KMSC_KEY_MAX, 0, desc) < 0)
		abort();
	return 0;
}
