/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that nobody but this process sees, where the kernel has it. */
#ifndef _BASE_HIDDEN_H
#define _BASE_HIDDEN_H

#include <stddef.h>

/**
 * hidden_replace() - let memfd_secret(2) back the pages at @start, @len bytes
 *
 * They keep their contents and stay locked; they are not in the kernel's own
 * map any more, so neither ptrace(2), /proc/PID/mem nor a crash dump has them,
 * and the kernel clears them when they are freed, also after a SIGKILL. A child
 * would share them: not before a fork(2).
 *
 * Return: 0, -ENOSYS without memfd_secret(2) (before Linux 6.5 it is there with
 * secretmem.enable=1 alone), -errno; after a failure all is as before.
 */
int hidden_replace(void *start, size_t len);

#endif
