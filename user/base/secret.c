// SPDX-License-Identifier: GPL-2.0-or-later
/* See secret.h. */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/file.h"
#include "base/hidden.h"
#include "base/wipe.h"

/*
 * Room for one answer of the largest size while it grows, and much besides.
 * OpenSSL locks it on fault, so what is not used costs address space only.
 */
#define ARENA_SIZE (4 * 1024 * 1024)
#define ARENA_MIN 64
#define GROW_MIN 1024

/*
 * OpenSSL's ordinary heap: TLS session keys, record buffers and base64 live
 * there. Wiping it when freed costs little and needs nobody's attention.
 */
static void *heap_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size ? wipe_malloc(size) : NULL;
}

static void heap_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	wipe_free(p);
}

static void *heap_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size)
		return wipe_realloc(p, size);
	wipe_free(p);
	return NULL;
}

int secret_init(void)
{
	static const struct rlimit no_core;
	struct rlimit lock;

	if (CRYPTO_secure_malloc_initialized())
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core))
		return -errno;
	if (!getrlimit(RLIMIT_MEMLOCK, &lock)) {
		lock.rlim_cur = lock.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &lock);
	}
	/* only refused once OpenSSL has allocated: not called first in main */
	if (!CRYPTO_set_mem_functions(heap_malloc, heap_realloc, heap_free))
		return -EPERM;
	switch (CRYPTO_secure_malloc_init(ARENA_SIZE, ARENA_MIN)) {
	case 1:
		return 0;
	case 0:
		return -ENOMEM;
	default: /* there, but neither locked nor guarded */
		CRYPTO_secure_malloc_done();
		return -EPERM;
	}
}

/* OpenSSL does not say where its arena begins, but what lies in it. */
static uint8_t *arena_start(void *inside)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *at = (uint8_t *)inside - (uintptr_t)inside % page;

	while (CRYPTO_secure_allocated(at - page))
		at -= page;
	return at;
}

static int with_arena(int (*what)(void *arena, size_t size))
{
	void *block = OPENSSL_secure_malloc(ARENA_MIN);
	int r;

	if (!block || !CRYPTO_secure_allocated(block))
		return -ENOMEM;
	r = what(arena_start(block), ARENA_SIZE);
	OPENSSL_secure_free(block);
	return r;
}

int secret_hide(void)
{
	return with_arena(hidden_replace);
}

static int lock(void *arena, size_t size)
{
	return mlock2(arena, size, MLOCK_ONFAULT) < 0 ? -errno : 0;
}

int secret_lock_again(void)
{
	/* All, where we may; the limit need be no more than secret_init() had. */
	return mlockall(MCL_CURRENT | MCL_ONFAULT) ? with_arena(lock) : 0;
}

/* Without the secure heap OpenSSL would quietly give ordinary memory. */
static void *take(size_t size)
{
	if (!CRYPTO_secure_malloc_initialized())
		return NULL;
	return OPENSSL_secure_zalloc(size);
}

int secret_alloc(struct secret *s, size_t len)
{
	uint8_t *data;

	if (len > SECRET_MAX)
		return -EMSGSIZE;
	data = take(len + 1);
	if (!data)
		return -ENOMEM;
	s->data = data;
	s->len = len;
	return 0;
}

int secret_copy(struct secret *s, const void *data, size_t len)
{
	struct secret new = SECRET_EMPTY;
	int r;

	r = secret_alloc(&new, len);
	if (r < 0)
		return r;
	if (len)
		memcpy(new.data, data, len);
	secret_move(s, &new);
	return 0;
}

void secret_move(struct secret *dst, struct secret *src)
{
	if (dst == src)
		return;
	secret_free(dst);
	*dst = *src;
	*src = SECRET_EMPTY;
}

int secret_append(struct secret *s, size_t *capacity, const void *data,
		  size_t len)
{
	if (len > SECRET_MAX || s->len + len > SECRET_MAX)
		return -EMSGSIZE;
	if (!s->data || s->len + len + 1 > *capacity) {
		size_t more = GROW_MIN;
		uint8_t *larger;

		while (more < s->len + len + 1)
			more *= 2;
		larger = take(more);
		if (!larger)
			return -ENOMEM;
		if (s->data) {
			memcpy(larger, s->data, s->len);
			OPENSSL_secure_clear_free(s->data, s->len + 1);
		}
		s->data = larger;
		*capacity = more;
	}
	if (len)
		memcpy(s->data + s->len, data, len);
	s->len += len;
	s->data[s->len] = '\0';
	return 0;
}

void secret_truncate(struct secret *s, size_t len)
{
	if (!s->data || len >= s->len)
		return;
	OPENSSL_cleanse(s->data + len, s->len - len);
	s->len = len;
}

void secret_free(struct secret *s)
{
	/* wipes the whole block, whatever its length was cut to */
	OPENSSL_secure_clear_free(s->data, s->len + 1);
	*s = SECRET_EMPTY;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	if (a->len != b->len)
		return false;
	return !a->len || CRYPTO_memcmp(a->data, b->data, a->len) == 0;
}

int secret_read_fd(struct secret *s, int fd, size_t max)
{
	_cleanup_secret_ struct secret chunk = SECRET_EMPTY;
	_cleanup_secret_ struct secret all = SECRET_EMPTY;
	size_t capacity = 0;
	int r;

	r = secret_alloc(&chunk, 4096);
	if (r < 0)
		return r;
	for (;;) {
		ssize_t n = read(fd, chunk.data, chunk.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		if ((size_t)n > max - all.len)
			return -EMSGSIZE;
		r = secret_append(&all, &capacity, chunk.data, n);
		if (r < 0)
			return r;
	}
	/* an empty file is a secret of length 0, which has its NUL too */
	if (!all.data) {
		r = secret_alloc(&all, 0);
		if (r < 0)
			return r;
	}
	secret_move(s, &all);
	return 0;
}

/* What an editor leaves behind the last word */
#define TRAILING_MAX 16

int secret_read_file(struct secret *s, const char *path, size_t max, bool text)
{
	_cleanup_secret_ struct secret all = SECRET_EMPTY;
	_cleanup_close_ int fd = -1;
	size_t len;
	int r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	/* What is cut off does not count. */
	r = secret_read_fd(&all, fd, text ? max + TRAILING_MAX : max);
	/* The page cache is memory, too. In vain on tmpfs, which is nothing else. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (r < 0)
		return r;
	len = all.len;
	while (text && len && strchr("\r\n\t ", all.data[len - 1]))
		len--;
	if (len > max)
		return -EMSGSIZE;
	secret_truncate(&all, len);
	secret_move(s, &all);
	return 0;
}

int secret_write_file(const struct secret *s, const char *path)
{
	return file_write(path, s->data, s->len);
}

int secret_random(struct secret *s, size_t len)
{
	struct secret new = SECRET_EMPTY;
	int r;

	r = secret_alloc(&new, len);
	if (r < 0)
		return r;
	if (len && RAND_priv_bytes(new.data, (int)len) != 1) {
		secret_free(&new);
		return -EIO;
	}
	secret_move(s, &new);
	return 0;
}

int secret_base64(struct secret *dst, const void *data, size_t len)
{
	struct secret new = SECRET_EMPTY;
	int r;

	if (len > SECRET_MAX)
		return -EMSGSIZE;
	r = secret_alloc(&new, (len + 2) / 3 * 4);
	if (r < 0)
		return r;
	if (len)
		EVP_EncodeBlock(new.data, data, (int)len);
	secret_move(dst, &new);
	return 0;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/*
 * EVP_DecodeBlock() is lax: it skips white space and counts the padding as
 * data. Here one text stands for one string of bytes: bits that the padding
 * leaves over are zero.
 */
static int decode_base64(uint8_t *out, const char *text, size_t len)
{
	uint32_t bits = 0, nbits = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		int value = base64_value(text[i]);

		if (value < 0)
			return -EPROTO;
		bits = (bits << 6 | (uint32_t)value) & 0xffff;
		nbits += 6;
		if (nbits >= 8) {
			nbits -= 8;
			*out++ = (uint8_t)(bits >> nbits);
		}
	}
	return bits & ((1U << nbits) - 1) ? -EPROTO : 0;
}

int secret_unbase64(struct secret *dst, const char *text, size_t len,
		    size_t max)
{
	struct secret new = SECRET_EMPTY;
	size_t pad = 0;
	int r;

	if (len % 4)
		return -EPROTO;
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (len / 4 * 3 - pad > max)
		return -EMSGSIZE;
	r = secret_alloc(&new, len / 4 * 3 - pad);
	if (r < 0)
		return r;
	r = decode_base64(new.data, text, len - pad);
	if (r < 0) {
		secret_free(&new);
		return r;
	}
	secret_move(dst, &new);
	return 0;
}
