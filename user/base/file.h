/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places and files. Everything that is kept is written to a new 0600 file
 * (O_EXCL) beside the old one, fsynced and renamed into place. That new one is
 * .NAME.kmscrypt-new; a run that is killed may leave it, and the next one that
 * writes the file takes it away.
 */
#ifndef _BASE_FILE_H
#define _BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

enum place {
	PLACE_CONFIG, /* /etc/kmscrypt: entries and credentials */
	PLACE_STATE, /* /var/lib/kmscrypt: registry */
	PLACE_RUN, /* /run/kmscrypt: caches */
	PLACE_RULES, /* /etc/request-key.d: who answers the kernel */
};

/**
 * file_allow_root() - honour KMSCRYPT_ROOT, a folder to put before each place
 *
 * For tests and images. The command line calls it; the helper never does, so
 * that nothing that starts it can point it at another configuration. Ignored
 * unless the process runs as root without having gained that (set-id,
 * secure_getenv(3)).
 */
void file_allow_root(void);

/**
 * file_path() - "<place>/<a>[/<b>[/<c>]]" in memory that the caller frees
 * Parts may be NULL from the first unused on. Return: NULL when out of memory.
 */
char *file_path(enum place place, const char *a, const char *b, const char *c);

/** file_mkdirs() - make the folder of @path and its parents, mode 0700. */
int file_mkdirs(const char *path);

/**
 * file_write() - replace @path atomically, mode 0600. Return: 0, -errno.
 * Not for two at the same time: who shares the file takes a lock.
 */
int file_write(const char *path, const void *data, size_t len);

/** file_write_new() - the same, never over what is there: -EEXIST. */
int file_write_new(const char *path, const void *data, size_t len);

/** file_new_path() - .NAME.kmscrypt-new beside @path; caller frees. Or NULL. */
char *file_new_path(const char *path);

/**
 * file_settle() - what is there becomes @path, never over what is there
 * Return: 0, -EEXIST, -errno.
 */
int file_settle(const char *path);

/**
 * file_read() - the whole file, at most @max bytes, with a NUL after it
 * Caller frees *@ret. Return: 0, -EFBIG, -errno. Not for secrets.
 */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len);

/** file_sync_folder() - fsync the folder that @path is in */
int file_sync_folder(const char *path);

/**
 * file_remove() - unlink it, and what a killed run left of it, and fsync the
 * folder; a missing file is fine. As file_write(), not while others write it.
 */
int file_remove(const char *path);

/**
 * file_lock() - take an exclusive flock(2) on @path (made when missing),
 * waiting at most @timeout_ms. Return: a descriptor to close, -EBUSY, -errno.
 */
int file_lock(const char *path, int timeout_ms);

/** file_lock_shared() - the same, with others that take it shared */
int file_lock_shared(const char *path, int timeout_ms);

static inline void file_free_charp(char **p)
{
	free(*p);
	*p = NULL;
}

static inline void file_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#define _cleanup_free_ __attribute__((cleanup(file_free_charp)))
#define _cleanup_close_ __attribute__((cleanup(file_close_fd)))

#endif
