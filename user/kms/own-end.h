/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When our own client certificate ends, in words. */
#ifndef _KMS_OWN_END_H
#define _KMS_OWN_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * own_end_warning() - a sentence when a client certificate ends soon, or has
 * @left: seconds that it is still valid, < 0: expired
 * @text: unchanged where there is nothing to say
 * Return: was there something?
 */
bool own_end_warning(int64_t left, char *text, size_t size);

#endif
