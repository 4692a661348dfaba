// SPDX-License-Identifier: GPL-2.0-or-later
/* Entries as a file may hold them; what is taken must survive a rewrite. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "kms/config-json.h"
#include "kms/config.h"

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
	_cleanup_json_ struct json_object *obj = NULL, *again = NULL;
	_cleanup_entry_ struct entry e = { .ngenerations = 0 };
	_cleanup_entry_ struct entry back = { .ngenerations = 0 };

	if (json_parse((const char *)data, size, &obj) < 0 ||
	    entry_from_json(obj, &e) < 0)
		return 0;
	if (entry_to_json(&e, &again) < 0 || entry_from_json(again, &back) < 0)
		abort();
	if (strcmp(e.name, back.name) || e.ngenerations != back.ngenerations)
		abort();
	/* no secrets, no pointers: the structs must be equal */
	if (e.ngenerations && memcmp(e.generations, back.generations,
				     e.ngenerations * sizeof(*e.generations)))
		abort();
	return 0;
}
