// SPDX-License-Identifier: GPL-2.0-or-later
/* Tokens as the disk may hold them; what is taken must survive a rewrite. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/op.h"
#include "base/secret.h"
#include "volume/binding.h"

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
	_cleanup_binding_ struct binding b = { 0 }, again = { 0 };
	_cleanup_free_ char *text = NULL, *twice = NULL;
	struct op op;

	op_init(&op, 0);
	if (binding_from_json(&op, (const char *)data, size, &b) < 0)
		return 0;
	if (binding_to_json(&op, &b, &text) < 0)
		abort();
	/* escapes may make it longer than a token may be */
	if (strlen(text) > BINDING_JSON_MAX)
		return 0;
	if (binding_from_json(&op, text, strlen(text), &again) < 0 ||
	    binding_to_json(&op, &again, &twice) < 0 || strcmp(text, twice))
		abort();
	return 0;
}
