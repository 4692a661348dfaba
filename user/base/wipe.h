/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The C library's heap, wiped when it is given back. For libraries that keep
 * secrets of ours in buffers of their own and let us choose the allocator.
 */
#ifndef _BASE_WIPE_H
#define _BASE_WIPE_H

#include <stddef.h>

void *wipe_malloc(size_t size);
void *wipe_calloc(size_t n, size_t size);
void *wipe_realloc(void *p, size_t size);
char *wipe_strdup(const char *text);
void wipe_free(void *p);

#endif
