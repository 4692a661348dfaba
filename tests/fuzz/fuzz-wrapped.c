// SPDX-License-Identifier: GPL-2.0-or-later
/* The provider's part of a token; what is taken must survive a rewrite. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "kms/wrapped.h"

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
	static struct wrapped first, second;

	/* compared as a whole, so what is not said must be zero */
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	if (json_parse((const char *)data, size, &obj) < 0 ||
	    wrapped_from_json(obj, &first) < 0)
		return 0;
	again = json_object_new_object();
	if (!again || wrapped_to_json(&first, again) < 0 ||
	    wrapped_from_json(again, &second) < 0)
		abort();
	if (strcmp(first.key_id, second.key_id) ||
	    strcmp(first.mount, second.mount) || strcmp(first.ns, second.ns) ||
	    strcmp(first.text, second.text) ||
	    strcmp(first.entry, second.entry) ||
	    first.provider != second.provider || first.mode != second.mode ||
	    first.key_version != second.key_version ||
	    first.data_len != second.data_len ||
	    first.iv_len != second.iv_len || first.tag_len != second.tag_len ||
	    memcmp(first.data, second.data, first.data_len) ||
	    memcmp(first.iv, second.iv, first.iv_len) ||
	    memcmp(first.tag, second.tag, first.tag_len))
		abort();
	/* what would climb out of a path */
	if (strstr(first.key_id, "..") && !wrapped_name_ok(first.key_id, 1))
		abort();
	return 0;
}
