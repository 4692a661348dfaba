/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which KMSs did not answer lately, until the next boot: one file a
 * generation, /run/kmscrypt/silent/<generation>.
 *
 * Only for the order in which the bindings of one volume are tried, so
 * nothing here ever fails. The file is opened before the helper's sandbox
 * closes: from then on only pwrite(2) and ftruncate(2) are needed.
 */
#ifndef _KMS_SILENCE_H
#define _KMS_SILENCE_H

#include <stdbool.h>

/** silence_open() - a descriptor to close, -1: nothing can be kept. */
int silence_open(const char *id);

/** silence_lately() - did the last one who asked wait in vain, not long ago? */
bool silence_lately(int fd);

/** silence_note() - record whether it has answered. */
void silence_note(int fd, bool answered);

/** silence_drop() - remove the file of generation @id. 0, -errno. */
int silence_drop(const char *id);

#endif
