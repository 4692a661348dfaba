// SPDX-License-Identifier: GPL-2.0-or-later
/* Files: atomic replacement, limits, locks, places. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char home[] = "/tmp/kmsc-file.XXXXXX";

static char *in_home(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", home, name) > 0);
	return path;
}

/* Names in the folder, temporary files included */
static int count_files(void)
{
	DIR *dir = opendir(home);
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void test_write_and_read(void **state)
{
	_cleanup_free_ char *path = in_home("a");
	_cleanup_free_ char *text = NULL;
	struct stat old, new;
	size_t len;

	(void)state;
	umask(0277);
	assert_int_equal(file_write(path, "one", 3), 0);
	umask(022);
	assert_int_equal(stat(path, &old), 0);
	assert_int_equal(old.st_mode & 07777, 0600);
	assert_int_equal(file_write(path, "a\0b\n", 4), 0);
	assert_int_equal(stat(path, &new), 0);
	/* another file, not the old one written over */
	assert_int_not_equal(old.st_ino, new.st_ino);
	assert_int_equal(file_read(path, 4, &text, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(text, "a\0b\n", 5);
	assert_int_equal(count_files(), 1);
	assert_int_equal(file_remove(path), 0);
	assert_int_equal(file_remove(path), 0);
	assert_int_equal(count_files(), 0);
}

static void test_limits(void **state)
{
	_cleanup_free_ char *path = in_home("b");
	_cleanup_free_ char *text = NULL;
	char big[10000];
	size_t len = 7;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(file_write(path, big, sizeof(big)), 0);
	assert_int_equal(file_read(path, sizeof(big) - 1, &text, &len), -EFBIG);
	assert_null(text);
	assert_int_equal(len, 7);
	assert_int_equal(file_read(path, sizeof(big), &text, &len), 0);
	assert_int_equal(len, sizeof(big));
	assert_memory_equal(text, big, len);
	assert_int_equal(file_remove(path), 0);
}

/* What a killed run has left goes with the next one that writes or removes. */
static void test_left_over(void **state)
{
	_cleanup_free_ char *path = in_home("a");
	_cleanup_free_ char *left = in_home(".a.kmscrypt-new");
	_cleanup_free_ char *text = NULL;
	size_t len;

	(void)state;
	assert_int_equal(symlink("/dev/null", left), 0);
	assert_int_equal(file_write(path, "one", 3), 0);
	assert_int_equal(file_read(path, 4, &text, &len), 0);
	assert_string_equal(text, "one");
	assert_int_equal(count_files(), 1);
	assert_int_equal(symlink("/dev/null", left), 0);
	assert_int_equal(file_remove(path), 0);
	assert_int_equal(count_files(), 0);
	assert_int_equal(symlink("/dev/null", left), 0);
	assert_int_equal(file_remove(path), 0);
	assert_int_equal(count_files(), 0);
}

static void test_new(void **state)
{
	_cleanup_free_ char *path = in_home("a");
	_cleanup_free_ char *new = file_new_path(path);
	_cleanup_free_ char *alone = file_new_path("a");
	_cleanup_free_ char *text = NULL;
	size_t len;

	(void)state;
	assert_string_equal(alone, ".a.kmscrypt-new");
	assert_int_equal(file_settle(path), -ENOENT);
	assert_int_equal(file_write_new(path, "one", 3), 0);
	assert_int_equal(file_write_new(path, "two", 3), -EEXIST);
	assert_int_equal(file_write(new, "new", 3), 0);
	assert_int_equal(file_settle(path), -EEXIST);
	assert_int_equal(count_files(), 2);
	assert_int_equal(file_read(path, 4, &text, &len), 0);
	assert_string_equal(text, "one");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_settle(path), 0);
	assert_int_equal(count_files(), 1);
	/* a link is something that is there, wherever it leads */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(file_write_new(path, "two", 3), -EEXIST);
	assert_int_equal(count_files(), 1);
	assert_int_equal(file_remove(path), 0);
}

/* A full disk: the old contents stay and nothing is left lying about. */
static void test_failed_write(void **state)
{
	_cleanup_free_ char *path = in_home("c");
	_cleanup_free_ char *text = NULL;
	struct rlimit old, small = { 4096, RLIM_INFINITY };
	char big[10000] = { 0 };
	size_t len;

	(void)state;
	assert_int_equal(file_write(path, "old", 3), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(file_write(path, big, sizeof(big)), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(file_read(path, 10, &text, &len), 0);
	assert_string_equal(text, "old");
	assert_int_equal(count_files(), 1);
	assert_int_equal(file_remove(path), 0);
}

static void test_bad_paths(void **state)
{
	_cleanup_free_ char *absent = in_home("no/such/folder");
	_cleanup_free_ char *folder = in_home("d/");
	_cleanup_free_ char *text = NULL;
	char name[300];
	size_t len;

	(void)state;
	assert_int_equal(file_write(absent, "x", 1), -ENOENT);
	assert_int_equal(file_read(absent, 10, &text, &len), -ENOENT);
	assert_int_equal(file_remove(absent), 0);
	assert_int_equal(file_write(folder, "x", 1), -EISDIR);
	assert_int_equal(file_write(home, "x", 1), -EISDIR);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name, "/tmp/", 5);
	assert_int_equal(file_write(name, "x", 1), -ENAMETOOLONG);
	assert_int_equal(count_files(), 0);
}

static void test_mkdirs(void **state)
{
	_cleanup_free_ char *path = in_home("x/y/file");
	_cleanup_free_ char *inner = in_home("x/y");
	_cleanup_free_ char *outer = in_home("x");
	struct stat st;

	(void)state;
	assert_int_equal(file_mkdirs(path), 0);
	assert_int_equal(file_mkdirs(path), 0);
	assert_int_equal(stat(inner, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(outer), 0);
}

static void test_lock(void **state)
{
	_cleanup_free_ char *path = in_home("lock");
	int fd, status;
	pid_t pid;

	(void)state;
	fd = file_lock(path, 0);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	pid = fork();
	if (pid == 0)
		_exit(file_lock(path, 50) == -EBUSY ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(file_lock_shared(path, 50), -EBUSY);
	/* who waits gets it */
	pid = fork();
	if (pid == 0) {
		/* the lock goes with the description, which fork(2) shares */
		close(fd);
		_exit(file_lock(path, 5000) >= 0 ? 0 : 1);
	}
	usleep(100 * 1000);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(file_remove(path), 0);
}

static void test_lock_shared(void **state)
{
	_cleanup_free_ char *path = in_home("lock");
	_cleanup_close_ int one = file_lock_shared(path, 0);
	_cleanup_close_ int two = file_lock_shared(path, 0);
	_cleanup_close_ int alone = -1;

	(void)state;
	assert_true(one >= 0 && two >= 0);
	assert_int_equal(file_lock(path, 50), -EBUSY);
	file_close_fd(&one);
	assert_int_equal(file_lock(path, 50), -EBUSY);
	file_close_fd(&two);
	alone = file_lock(path, 50);
	assert_true(alone >= 0);
	assert_int_equal(file_remove(path), 0);
}

static void expect_path(const char *want, const char *a, const char *b,
			const char *c)
{
	_cleanup_free_ char *path = file_path(PLACE_CONFIG, a, b, c);

	assert_string_equal(path, want);
}

static void test_places(void **state)
{
	_cleanup_free_ char *run = NULL;

	(void)state;
	setenv("KMSCRYPT_ROOT", "/elsewhere", 1);
	expect_path("/etc/kmscrypt", NULL, NULL, NULL);
	expect_path("/etc/kmscrypt/a", "a", NULL, "c");
	expect_path("/etc/kmscrypt/a/b/c", "a", "b", "c");
	/* nobody but an entry point that asks for it is led elsewhere */
	setenv("KMSCRYPT_ROOT", "relative", 1);
	file_allow_root();
	expect_path("/etc/kmscrypt", NULL, NULL, NULL);
	setenv("KMSCRYPT_ROOT", "/elsewhere", 1);
	file_allow_root();
	run = file_path(PLACE_RUN, "x", NULL, NULL);
	if (getuid() == 0)
		assert_string_equal(run, "/elsewhere/run/kmscrypt/x");
	else
		assert_string_equal(run, "/run/kmscrypt/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_left_over),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_failed_write),
		cmocka_unit_test(test_bad_paths),
		cmocka_unit_test(test_mkdirs),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_lock_shared),
		cmocka_unit_test(test_places),
	};
	int r;

	if (!mkdtemp(home))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	if (rmdir(home) < 0)
		return 1;
	return r;
}
