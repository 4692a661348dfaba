// SPDX-License-Identifier: GPL-2.0-or-later
/* Callouts and key descriptions. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* part of a program and not of the library */
#include "upcall/callout.c"

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct callout_volume volume;
	struct callout callout;

	if (callout_parse((const char *)data, size, &callout) == 0 &&
	    (!callout.timeout_ms || !callout.req.cipher[0]))
		abort();
	if (text && callout_parse_volume(text, &volume) == 0 &&
	    strlen(volume.uuid) != KMSC_UUID_STR_LEN)
		abort();
	return 0;
}
