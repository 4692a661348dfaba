/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From root to a user without rights, for the helper and its child alike. */
#ifndef _UPCALL_PRIVILEGE_H
#define _UPCALL_PRIVILEGE_H

/**
 * privilege_find() - look up whom to become: kmscrypt, else nobody
 *
 * Reads /etc/passwd itself: a name service may be a network away. Return: 0,
 * -EPERM when the user that was found is root.
 */
int privilege_find(void);

/**
 * privilege_drop() - become that user, for good: no groups, no capabilities,
 * nothing gained by execve(2), no core dumps, not traceable by the user's other
 * processes
 * Return: 0, -errno.
 */
int privilege_drop(void);

#endif
