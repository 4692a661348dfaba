/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device-mapper target "kmscrypt"
 *
 * What ti->error can say, besides what table.h, cipher.h, volume.h and
 * acquire.h list:
 *
 *   Out of memory
 *   Device cannot be opened
 *   Device is too small for offset and length
 */
#ifndef _KMSC_TARGET_H
#define _KMSC_TARGET_H

int kmsc_target_setup(void);
void kmsc_target_cleanup(void);

#endif /* _KMSC_TARGET_H */
