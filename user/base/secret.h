/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one type for secrets: keys, capsules, tokens, passwords, private keys.
 *
 * The bytes live in OpenSSL's secure heap (OPENSSL_secure_malloc(3)): locked,
 * guarded, left out of core dumps, wiped when freed. Secrets are moved, not
 * copied, where that is possible; no function formats or prints one.
 */
#ifndef _BASE_SECRET_H
#define _BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Longest secret: an HTTP answer, which may hold keys or tokens anywhere. With
 * its final NUL it fills a power of two, which the secure heap deals in.
 */
#define SECRET_MAX (1024 * 1024 - 1)

struct secret {
	uint8_t *data; /* NULL when empty; data[len] is always a NUL */
	size_t len; /* bytes, without the final NUL */
};

#define SECRET_EMPTY ((struct secret){ NULL, 0 })

/**
 * secret_init() - prepare the process; call it first in main()
 *
 * Makes the process non-dumpable, sets the core limit to 0, and sets up the
 * locked heap. Return: 0, -EPERM or -ENOMEM when memory cannot be locked.
 */
int secret_init(void);

/**
 * secret_hide() - put all secrets, also those to come, where nobody but this
 * process sees them; it must not fork any more
 *
 * Return: 0; -errno, as hidden_replace() in hidden.h: then they are locked as
 * secret_init() has left them.
 */
int secret_hide(void);

/**
 * secret_lock_again() - in a process that was forked: locks are not inherited
 * Return: 0, -errno.
 */
int secret_lock_again(void);

/**
 * secret_alloc() - get @len zeroed bytes; @s must be empty
 * Return: 0, -EMSGSIZE when over SECRET_MAX, -ENOMEM.
 */
int secret_alloc(struct secret *s, size_t len);

/** secret_copy() - @s becomes a copy of @len bytes at @data. 0, -errno. */
int secret_copy(struct secret *s, const void *data, size_t len);

/** secret_move() - @dst (freed first) takes over @src, which is then empty. */
void secret_move(struct secret *dst, struct secret *src);

/**
 * secret_append() - add bytes at the end, moving to a larger block as needed
 * (the smaller one is wiped). Return: 0, -EMSGSIZE over SECRET_MAX, -ENOMEM.
 * @capacity: the caller's count of bytes allocated, 0 at first
 */
int secret_append(struct secret *s, size_t *capacity, const void *data,
		  size_t len);

/** secret_truncate() - wipe what lies past @len (<= s->len), set the length. */
void secret_truncate(struct secret *s, size_t len);

/** secret_free() - wipe and free; fine on an empty one; leaves it empty. */
void secret_free(struct secret *s);

/** secret_equal() - constant time for equal lengths. */
bool secret_equal(const struct secret *a, const struct secret *b);

/**
 * secret_read_fd() - read all of @fd, at most @max bytes
 * Return: 0, -EMSGSIZE when there is more, -errno of read(2).
 */
int secret_read_fd(struct secret *s, int fd, size_t max);

/**
 * secret_read_file() - the same for a file; with @text trailing CR, LF and
 * blanks are cut off (a token file written by an editor) and do not count.
 * What the kernel has cached of the file is dropped.
 */
int secret_read_file(struct secret *s, const char *path, size_t max, bool text);

/** secret_write_file() - replace @path (mode 0600) atomically, fsync. 0, -errno */
int secret_write_file(const struct secret *s, const char *path);

/** secret_random() - @len random bytes (RAND_priv_bytes(3)). 0, -errno. */
int secret_random(struct secret *s, size_t len);

/** secret_base64() - @dst = base64 of @len bytes at @data, standard alphabet */
int secret_base64(struct secret *dst, const void *data, size_t len);

/**
 * secret_unbase64() - decode strictly (padding required, no white space)
 * Return: 0, -EPROTO when it is not base64, -EMSGSIZE when over @max bytes.
 */
int secret_unbase64(struct secret *dst, const char *text, size_t len,
		    size_t max);

#define _cleanup_secret_ __attribute__((cleanup(secret_free)))

#endif
