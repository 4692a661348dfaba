// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mounts.c and frozen.c, on file systems in a mount namespace of our own. None
 * of them can be frozen without a disk: that is for the virtual machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

#include "base/file.h"
#include "base/op.h"
#include "volume/frozen.h"
#include "volume/mounts.h"
#include "volume/stack.h"

#define UUID "0c1d2e3f-4051-6273-8495-a6b7c8d9eafb"

static struct op op;

static void test_frozen(void **state)
{
	_cleanup_free_ char *path = file_path(PLACE_RUN, "frozen", UUID, NULL);
	struct frozen f;

	(void)state;
	op_init(&op, 0);
	assert_int_equal(frozen_load(&op, UUID, &f), 0);
	assert_int_equal(f.n, 0);
	assert_int_equal(frozen_forget(&op, UUID), 0);
	assert_int_equal(frozen_add(&op, &f, makedev(253, 1)), 0);
	assert_int_equal(frozen_add(&op, &f, makedev(0, 300)), 0);
	assert_int_equal(frozen_add(&op, &f, makedev(253, 1)), 0);
	assert_int_equal(f.n, 2);
	/* another process reads it */
	memset(&f, 0, sizeof(f));
	assert_int_equal(frozen_load(&op, UUID, &f), 0);
	assert_int_equal(f.n, 2);
	assert_true(frozen_has(&f, makedev(0, 300)));
	assert_false(frozen_has(&f, makedev(253, 2)));
	assert_int_equal(frozen_drop(&op, &f, makedev(253, 1)), 0);
	assert_int_equal(frozen_load(&op, UUID, &f), 0);
	assert_int_equal(f.n, 1);
	assert_int_equal(frozen_drop(&op, &f, makedev(0, 300)), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(file_write(path, "x:y\n", 4), 0);
	assert_int_equal(frozen_load(&op, UUID, &f), -EBADMSG);
	assert_int_equal(frozen_forget(&op, UUID), 0);
	for (unsigned int i = 0; i < FROZEN_MAX; i++) {
		assert_int_equal(frozen_load(&op, UUID, &f), 0);
		assert_int_equal(frozen_add(&op, &f, makedev(4095, 900000 + i)),
				 0);
	}
	assert_int_equal(frozen_add(&op, &f, makedev(1, 1)), -ENOSPC);
	assert_int_equal(frozen_load(&op, UUID, &f), 0);
	assert_int_equal(f.n, FROZEN_MAX);
	assert_int_equal(frozen_forget(&op, UUID), 0);
}

/* A tmpfs at a path that mountinfo has to escape; as if it were on a volume */
static void mount_one(char path[PATH_MAX], struct stack *s)
{
	struct stat st;

	snprintf(path, PATH_MAX, "%s/a b\\c\td", scratch);
	assert_true(!mkdir(path, 0700) || errno == EEXIST);
	assert_int_equal(mount("none", path, "tmpfs", 0, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	memset(s, 0, sizeof(*s));
	snprintf(s->uuid, sizeof(s->uuid), UUID);
	s->devs[s->n++] = st.st_dev;
}

static void test_find(void **state)
{
	_cleanup_mounts_ struct mounts m = { 0 };
	char path[PATH_MAX], other[PATH_MAX];
	struct stack s;

	(void)state;
	mount_one(path, &s);
	assert_true(stack_carries(&s, path));
	assert_false(stack_carries(&s, "/proc"));
	snprintf(other, sizeof(other), "%s/other", scratch);
	assert_true(!mkdir(other, 0700) || errno == EEXIST);
	assert_int_equal(mount(path, other, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mounts_find(&op, &s, &m), 0);
	assert_int_equal(m.n, 2);
	assert_string_equal(m.list[0].path, path);
	assert_string_equal(m.list[1].path, other);
	assert_true(m.list[0].fs == m.list[1].fs);
	assert_int_equal(mounts_sync(&op, &m), 0);
	/* both go, though one was found first */
	assert_int_equal(mounts_unmount(&op, &m), 0);
	mounts_free(&m);
	assert_int_equal(mounts_find(&op, &s, &m), 0);
	assert_int_equal(m.n, 0);
}

static void test_hidden(void **state)
{
	_cleanup_mounts_ struct mounts m = { 0 };
	char path[PATH_MAX];
	struct stack s;
	size_t n;

	(void)state;
	mount_one(path, &s);
	assert_int_equal(mount("none", path, "tmpfs", 0, NULL), 0);
	assert_int_equal(mounts_find(&op, &s, &m), 0);
	assert_int_equal(m.n, 1);
	/* never the one above it */
	assert_int_equal(mounts_sync(&op, &m), -EBUSY);
	assert_int_equal(mounts_freeze(&op, &m, &n), -EBUSY);
	assert_int_equal(umount(path), 0);
	assert_int_equal(mounts_sync(&op, &m), 0);
	assert_int_equal(umount(path), 0);
}

static void test_refused(void **state)
{
	_cleanup_mounts_ struct mounts m = { 0 };
	char path[PATH_MAX];
	struct frozen f;
	struct stack s;
	size_t n;
	int fd;

	(void)state;
	mount_one(path, &s);
	assert_int_equal(mounts_find(&op, &s, &m), 0);
	/* tmpfs cannot be frozen; then nothing is noted */
	assert_int_equal(mounts_freeze(&op, &m, &n), -EOPNOTSUPP);
	assert_int_equal(frozen_load(&op, UUID, &f), 0);
	assert_int_equal(f.n, 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(mounts_unmount(&op, &m), -EBUSY);
	assert_non_null(strstr(op.next, "fuser"));
	close(fd);
	assert_int_equal(mounts_unmount(&op, &m), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_refused),
	};
	int r;

	if (scratch_setup() < 0)
		return 1;
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		perror("a mount namespace");
		scratch_remove();
		return 1;
	}
	op_init(&op, 0);
	r = cmocka_run_group_tests_name("mounts", tests, NULL, NULL);
	scratch_remove();
	return r;
}
