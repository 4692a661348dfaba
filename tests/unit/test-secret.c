// SPDX-License-Identifier: GPL-2.0-or-later
/* Secrets: lengths, moves, wiping, base64 as strict as it says. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/crypto.h>

#include "base/file.h"
#include "base/secret.h"
#include "base/wipe.h"

static const void *wiped;

/* Takes the place of OpenSSL's: freed memory itself cannot be looked at. */
void OPENSSL_cleanse(void *ptr, size_t len)
{
	if (len)
		wiped = ptr;
	explicit_bzero(ptr, len);
}

static void test_process(void **state)
{
	struct rlimit core;

	(void)state;
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	assert_int_equal(core.rlim_max, 0);
	assert_true(CRYPTO_secure_malloc_initialized());
	assert_int_equal(secret_init(), 0);
}

/* As a debugger reads it; 0 where this user may not look at all. */
static ssize_t peek(const struct secret *s)
{
	int fd = open("/proc/self/mem", O_RDONLY);
	char byte;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = pread(fd, &byte, 1, (off_t)(uintptr_t)s->data);
	close(fd);
	return n;
}

/* What was there before is there after, and nobody else sees either. */
static void test_hide(void **state)
{
	struct secret before = SECRET_EMPTY, after = SECRET_EMPTY;
	bool may_look;
	int r;

	(void)state;
	assert_int_equal(secret_copy(&before, "before", 6), 0);
	may_look = peek(&before) == 1;
	r = secret_hide();
	assert_true(r == 0 || r == -ENOSYS);
	assert_string_equal((char *)before.data, "before");
	assert_int_equal(secret_copy(&after, "after", 5), 0);
	assert_true(CRYPTO_secure_allocated(after.data));
	assert_string_equal((char *)before.data, "before");
	assert_string_equal((char *)after.data, "after");
	if (may_look && !r)
		assert_true(peek(&before) == -1 && peek(&after) == -1);
	secret_free(&before);
	secret_free(&after);
	if (r)
		print_message("# no memfd_secret(2) here\n");
}

static void test_lengths(void **state)
{
	struct secret s = SECRET_EMPTY;

	(void)state;
	assert_int_equal(secret_alloc(&s, 0), 0);
	assert_non_null(s.data);
	assert_int_equal(s.data[0], 0);
	secret_free(&s);
	assert_null(s.data);
	assert_int_equal(secret_alloc(&s, SECRET_MAX), 0);
	assert_true(CRYPTO_secure_allocated(s.data));
	s.data[SECRET_MAX - 1] = 1;
	assert_int_equal(s.data[SECRET_MAX], 0);
	secret_free(&s);
	assert_int_equal(secret_alloc(&s, (size_t)SECRET_MAX + 1), -EMSGSIZE);
	assert_int_equal(secret_alloc(&s, SIZE_MAX), -EMSGSIZE);
	assert_null(s.data);
	secret_free(&s);
}

static void test_freed_is_wiped(void **state)
{
	struct secret s = SECRET_EMPTY, again = SECRET_EMPTY;
	size_t i;

	(void)state;
	assert_int_equal(secret_alloc(&s, 300), 0);
	memset(s.data, 0x5a, 300);
	secret_truncate(&s, 10);
	assert_int_equal(s.len, 10);
	for (i = 10; i < 300; i++)
		assert_int_equal(s.data[i], 0);
	memset(s.data, 0x5a, 300);
	secret_free(&s);
	/* the same block comes back: were it not wiped, it would show */
	assert_int_equal(secret_alloc(&again, 300), 0);
	for (i = 0; i < 300; i++)
		assert_int_equal(again.data[i], 0);
	secret_free(&again);
}

static void test_move(void **state)
{
	struct secret a = SECRET_EMPTY, b = SECRET_EMPTY;
	uint8_t *data;

	(void)state;
	assert_int_equal(secret_copy(&a, "alpha", 5), 0);
	assert_int_equal(secret_copy(&b, "beta", 4), 0);
	data = a.data;
	secret_move(&b, &a);
	assert_ptr_equal(b.data, data);
	assert_null(a.data);
	secret_move(&b, &b);
	assert_memory_equal(b.data, "alpha", 6);
	/* a copy of itself, as when it is trimmed */
	assert_int_equal(secret_copy(&b, b.data + 1, 4), 0);
	assert_string_equal((char *)b.data, "lpha");
	secret_free(&b);
}

static void test_equal(void **state)
{
	struct secret a = SECRET_EMPTY, b = SECRET_EMPTY;

	(void)state;
	assert_true(secret_equal(&a, &b));
	assert_int_equal(secret_copy(&a, "same", 4), 0);
	assert_false(secret_equal(&a, &b));
	assert_int_equal(secret_copy(&b, "same", 4), 0);
	assert_true(secret_equal(&a, &b));
	b.data[3] ^= 1;
	assert_false(secret_equal(&a, &b));
	secret_free(&a);
	secret_free(&b);
}

static void test_append(void **state)
{
	struct secret s = SECRET_EMPTY, chunk = SECRET_EMPTY;
	size_t capacity = 0, i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		char c = (char)('a' + i % 26);

		assert_int_equal(secret_append(&s, &capacity, &c, 1), 0);
	}
	assert_int_equal(s.len, 5000);
	assert_int_equal(s.data[5000], 0);
	for (i = 0; i < 5000; i++)
		assert_int_equal(s.data[i], 'a' + i % 26);
	assert_int_equal(secret_append(&s, &capacity, "", SIZE_MAX), -EMSGSIZE);
	assert_int_equal(secret_append(&s, &capacity, "", SECRET_MAX - 4999),
			 -EMSGSIZE);
	assert_int_equal(s.len, 5000);
	assert_int_equal(secret_alloc(&chunk, SECRET_MAX - 5000), 0);
	assert_int_equal(secret_append(&s, &capacity, chunk.data, chunk.len),
			 0);
	assert_int_equal(s.len, SECRET_MAX);
	secret_free(&chunk);
	secret_free(&s);
}

static char *temp_file(const char *text, size_t len)
{
	char name[] = "/tmp/kmsc-secret.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	return strdup(name);
}

static void test_files(void **state)
{
	_cleanup_free_ char *path = temp_file("token \t\r\n\n", 10);
	_cleanup_secret_ struct secret s = SECRET_EMPTY;
	struct stat st;

	(void)state;
	assert_int_equal(secret_read_file(&s, path, 100, true), 0);
	assert_string_equal((char *)s.data, "token");
	assert_int_equal(s.len, 5);
	assert_int_equal(secret_read_file(&s, path, 10, false), 0);
	assert_int_equal(s.len, 10);
	assert_int_equal(secret_read_file(&s, path, 4, true), -EMSGSIZE);
	assert_int_equal(s.len, 10);
	assert_int_equal(secret_copy(&s, "a\0b", 3), 0);
	umask(0);
	assert_int_equal(secret_write_file(&s, path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(secret_read_file(&s, path, 100, true), 0);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.data, "a\0b", 3);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(secret_read_file(&s, path, 100, true), 0);
	assert_int_equal(s.len, 0);
	assert_non_null(s.data);
	unlink(path);
	assert_int_equal(secret_read_file(&s, path, 100, true), -ENOENT);
}

static void test_large_file(void **state)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ char *text = malloc(65536);
	_cleanup_secret_ struct secret s = SECRET_EMPTY;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 65536);
	path = temp_file(text, 65536);
	assert_int_equal(secret_read_file(&s, path, 65536, true), 0);
	assert_int_equal(s.len, 65536);
	assert_memory_equal(s.data, text, 65536);
	/* as a text it may have a newline beside */
	assert_int_equal(secret_read_file(&s, path, 65535, true), -EMSGSIZE);
	text[65535] = '\n';
	unlink(path);
	free(path);
	path = temp_file(text, 65536);
	assert_int_equal(secret_read_file(&s, path, 65535, true), 0);
	assert_int_equal(s.len, 65535);
	assert_int_equal(secret_read_file(&s, path, 65535, false), -EMSGSIZE);
	unlink(path);
}

/* Is the first page of the file in the page cache? To map it does not load it. */
static bool is_cached(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char page = 0;
	void *map;

	assert_true(fd >= 0);
	map = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mincore(map, 1, &page), 0);
	munmap(map, 1);
	close(fd);
	return page & 1;
}

/* A secret file's bytes do not stay in memory once they are written or read. */
static void test_not_cached(void **state)
{
	static const char path[] = "build/test-secret.cached";
	struct secret s = SECRET_EMPTY;
	struct statfs fs;
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(statfs("build", &fs), 0);
	if (fs.f_type == 0x01021994) /* tmpfs is page cache, and nothing else */
		skip();
	assert_int_equal(secret_copy(&s, "secret\n", 7), 0);
	assert_int_equal(secret_write_file(&s, path), 0);
	assert_false(is_cached(path));
	assert_int_equal(file_read(path, 10, &text, &len), 0);
	free(text);
	assert_true(is_cached(path));
	assert_int_equal(secret_read_file(&s, path, 10, true), 0);
	assert_int_equal(s.len, 6);
	assert_false(is_cached(path));
	secret_free(&s);
	assert_int_equal(unlink(path), 0);
}

static void test_random(void **state)
{
	_cleanup_secret_ struct secret a = SECRET_EMPTY, b = SECRET_EMPTY;

	(void)state;
	assert_int_equal(secret_random(&a, 32), 0);
	assert_int_equal(secret_random(&b, 32), 0);
	assert_int_equal(a.len, 32);
	assert_false(secret_equal(&a, &b));
}

/* RFC 4648, 10 */
static void test_base64(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/" },
	};
	_cleanup_secret_ struct secret s = SECRET_EMPTY;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const char *plain = pairs[i][0], *text = pairs[i][1];

		assert_int_equal(secret_base64(&s, plain, strlen(plain)), 0);
		assert_string_equal((char *)s.data, text);
		assert_int_equal(s.len, strlen(text));
		assert_int_equal(secret_unbase64(&s, text, strlen(text),
						 strlen(plain)),
				 0);
		assert_int_equal(s.len, strlen(plain));
		assert_string_equal((char *)s.data, plain);
	}
}

static void test_not_base64(void **state)
{
	static const char *const bad[] = {
		"Z",	"Zg",	    "Zg=",	"Zg=g",	      "=",     "====",
		"Zh==", "Zm9=",	    "Zm 9",	"Zm9v\n",     "\nZm9", "Zm9-",
		"Zm9_", "Zg==Zg==", "Zm9v====", "Zm\xc3\xa4", "Z===",
	};
	_cleanup_secret_ struct secret s = SECRET_EMPTY;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(secret_unbase64(&s, bad[i], strlen(bad[i]),
						 100),
				 -EPROTO);
	assert_int_equal(secret_unbase64(&s, "Zm9v", 4, 2), -EMSGSIZE);
	assert_null(s.data);
}

static void test_wipe_realloc(void **state)
{
	char *p = wipe_strdup("secret");
	uintptr_t old = (uintptr_t)p;

	(void)state;
	assert_non_null(p);
	p = wipe_realloc(p, 100);
	assert_string_equal(p, "secret");
	/* no copy is left where it was before */
	assert_int_equal((uintptr_t)wiped, old);
	p = wipe_realloc(p, 3);
	assert_memory_equal(p, "sec", 3);
	wipe_free(p);
	wipe_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_hide),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_freed_is_wiped),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_large_file),
		cmocka_unit_test(test_not_cached),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_not_base64),
		cmocka_unit_test(test_wipe_realloc),
	};
	_cleanup_secret_ struct secret early = SECRET_EMPTY;

	/* before the heap is there nothing may pretend to be a secret */
	if (secret_alloc(&early, 1) != -ENOMEM || secret_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
