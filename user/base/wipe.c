// SPDX-License-Identifier: GPL-2.0-or-later
/* See wipe.h. */
#include "base/wipe.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

void *wipe_malloc(size_t size)
{
	return malloc(size);
}

void *wipe_calloc(size_t n, size_t size)
{
	return calloc(n, size);
}

void wipe_free(void *p)
{
	if (p)
		OPENSSL_cleanse(p, malloc_usable_size(p));
	free(p);
}

/* realloc(3) would leave a copy behind where it moves the block. */
void *wipe_realloc(void *p, size_t size)
{
	size_t old;
	void *new;

	new = malloc(size);
	if (!new || !p)
		return new;
	old = malloc_usable_size(p);
	memcpy(new, p, old < size ? old : size);
	wipe_free(p);
	return new;
}

char *wipe_strdup(const char *text)
{
	return strdup(text);
}
