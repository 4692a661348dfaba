// SPDX-License-Identifier: GPL-2.0-or-later
/* The registry: records, and what the pins catch. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scratch.h"
#include "volume/header.h"
#include "volume/registry.h"

#define UUID "0c1d2e3f-4051-6273-8495-a6b7c8d9eafb"
#define UUID2 "1c1d2e3f-4051-6273-8495-a6b7c8d9eafb"
#define GEN_A "aaaaaaaa-0000-4000-8000-000000000000"
#define GEN_B "bbbbbbbb-0000-4000-8000-000000000000"

static struct op op;

static int fresh(void **state)
{
	(void)state;
	op_init(&op, 0);
	return 0;
}

static void make_capsule(struct capsule *c, int fill, uint64_t epoch)
{
	*c = (struct capsule){ .epoch = epoch, .queue_cap_s = 90 };
	assert_int_equal(uuid_parse(UUID, c->uuid), 0);
	assert_int_equal(secret_alloc(&c->key, 64), 0);
	memset(c->key.data, fill, 64);
}

static void make_volume(struct registry_volume *v, const char *uuid)
{
	*v = (struct registry_volume){ .device = "/dev/vdb", .label = "d1" };
	snprintf(v->uuid, sizeof(v->uuid), "%s", uuid);
}

static void test_round_trip(void **state)
{
	_cleanup_capsule_ struct capsule c = { 0 };
	struct registry_volume v, back;
	_cleanup_free_ char *path = NULL;
	struct stat st;

	(void)state;
	make_capsule(&c, 1, 7);
	c.lease_s = 60;
	c.policy = 1;
	make_volume(&v, UUID);
	strcpy(v.header, "/srv/header \"x\"");
	assert_int_equal(registry_pin(&v, GEN_A, "default", &c, false), 0);
	assert_int_equal(registry_save(&op, &v), 0);
	assert_int_equal(registry_load(&op, UUID, &back), 0);
	assert_string_equal(back.uuid, UUID);
	assert_true(back.has_vkid);
	assert_memory_equal(back.vkid, v.vkid, sizeof(v.vkid));
	assert_string_equal(back.device, "/dev/vdb");
	assert_string_equal(back.header, "/srv/header \"x\"");
	assert_string_equal(back.label, "d1");
	assert_int_equal(back.nbindings, 1);
	assert_string_equal(back.bindings[0].generation, GEN_A);
	assert_string_equal(back.bindings[0].entry, "default");
	assert_int_equal(back.bindings[0].epoch, 7);
	assert_int_equal(back.bindings[0].policy, 1);
	assert_int_equal(back.bindings[0].lease_s, 60);
	assert_int_equal(back.bindings[0].queue_cap_s, 90);
	path = file_path(PLACE_STATE, "volumes", UUID ".json", NULL);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_list_and_remove(void **state)
{
	struct registry_volume v;
	_cleanup_free_ char *other = NULL;
	char **names;
	size_t n;

	(void)state;
	make_volume(&v, UUID2);
	assert_int_equal(registry_save(&op, &v), 0);
	make_volume(&v, UUID);
	assert_int_equal(registry_save(&op, &v), 0);
	other = file_path(PLACE_STATE, "volumes", "notes.json", NULL);
	assert_int_equal(file_write(other, "x", 1), 0);
	assert_int_equal(registry_list(&op, &names, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(names[0], UUID);
	assert_string_equal(names[1], UUID2);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	assert_int_equal(registry_remove(&op, UUID), 0);
	assert_int_equal(registry_remove(&op, UUID), 0);
	assert_int_equal(registry_load(&op, UUID, &v), -ENOENT);
	assert_int_equal(registry_load(&op, "../volumes/x", &v), -EBADMSG);
	assert_int_equal(registry_remove(&op, UUID2), 0);
}

static void test_damaged(void **state)
{
	static const char *const texts[] = {
		"",
		"{}",
		"{\"version\":1,\"uuid\":\"" UUID2
		"\",\"updated\":1,\"bindings\":[]}",
		"{\"version\":2,\"uuid\":\"" UUID
		"\",\"updated\":1,\"bindings\":[]}",
		"{\"version\":1,\"uuid\":\"" UUID "\",\"updated\":1}",
		"{\"version\":1,\"uuid\":\"" UUID "\",\"updated\":1,"
		"\"volume_key_id\":\"AAAA\",\"bindings\":[]}",
		"{\"version\":1,\"uuid\":\"" UUID "\",\"updated\":1,"
		"\"bindings\":[{\"generation\":\"x\",\"epoch\":1,\"policy\":0,"
		"\"lease_s\":0,\"queue_cap_s\":0}]}",
	};
	_cleanup_free_ char *path =
		file_path(PLACE_STATE, "volumes", UUID ".json", NULL);
	struct registry_volume v;

	(void)state;
	assert_int_equal(file_mkdirs(path), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(file_write(path, texts[i], strlen(texts[i])),
				 0);
		if (registry_load(&op, UUID, &v) != -EBADMSG)
			fail_msg("%s", texts[i]);
		assert_non_null(strstr(op.detail, UUID));
	}
	assert_int_equal(registry_remove(&op, UUID), 0);
}

static void assert_pin(const struct registry_volume *v, const char *generation,
		       const struct capsule *c, int expected)
{
	fresh(NULL);
	assert_int_equal(registry_check(&op, v, generation, c), expected);
	assert_int_equal(strstr(op.detail, "--accept-header") != NULL,
			 expected != 0);
}

static void test_pins(void **state)
{
	_cleanup_capsule_ struct capsule c = { 0 }, other = { 0 };
	struct registry_volume v;

	(void)state;
	make_volume(&v, UUID);
	make_capsule(&c, 1, 5);
	make_capsule(&other, 2, 9);
	/* nothing known, nothing refused */
	assert_pin(&v, GEN_A, &c, 0);
	assert_int_equal(registry_pin(&v, GEN_A, "default", &c, false), 0);
	assert_pin(&v, GEN_A, &c, 0);
	assert_pin(&v, GEN_A, &other, -EKEYREJECTED);
	c.epoch = 4;
	assert_pin(&v, GEN_A, &c, -EKEYREJECTED);
	c.epoch = 6;
	assert_pin(&v, GEN_A, &c, 0);
	/* the same epoch with another policy, lease, cap */
	c.epoch = 5;
	c.policy = 1;
	assert_pin(&v, GEN_A, &c, -EKEYREJECTED);
	c.policy = 0;
	c.lease_s = 60;
	assert_pin(&v, GEN_A, &c, -EKEYREJECTED);
	c.lease_s = 0;
	c.queue_cap_s++;
	assert_pin(&v, GEN_A, &c, -EKEYREJECTED);
	/* which a new epoch may change */
	c.epoch = 6;
	assert_pin(&v, GEN_A, &c, 0);
}

static void test_two_bindings(void **state)
{
	_cleanup_capsule_ struct capsule c = { 0 };
	struct registry_volume v;

	(void)state;
	make_volume(&v, UUID);
	make_capsule(&c, 1, 5);
	assert_int_equal(registry_next_epoch(NULL, 0), 1);
	assert_int_equal(registry_pin(&v, GEN_A, "a", &c, false), 0);
	assert_int_equal(registry_next_epoch(&v, 0), 6);
	assert_int_equal(registry_next_epoch(&v, 7), 8);
	/* an unlisted generation has to be newer than all */
	assert_pin(&v, GEN_B, &c, -EKEYREJECTED);
	c.epoch = 6;
	assert_pin(&v, GEN_B, &c, 0);
	assert_int_equal(registry_pin(&v, GEN_B, "b", &c, false), 0);
	/* the older one beside it still opens */
	c.epoch = 5;
	assert_pin(&v, GEN_A, &c, 0);
	assert_pin(&v, GEN_B, &c, -EKEYREJECTED);
	/* moved away from A: its old token is refused */
	registry_unpin(&v, GEN_A);
	assert_int_equal(v.nbindings, 1);
	assert_pin(&v, GEN_A, &c, -EKEYREJECTED);
	/* a pin goes back only when told to */
	assert_int_equal(registry_pin(&v, GEN_B, "b", &c, false), 0);
	assert_int_equal(v.bindings[0].epoch, 6);
	assert_int_equal(registry_pin(&v, GEN_B, "b", &c, true), 0);
	assert_int_equal(v.bindings[0].epoch, 5);
}

static void test_full(void **state)
{
	_cleanup_capsule_ struct capsule c = { 0 };
	struct registry_volume v;
	char id[] = GEN_A;

	(void)state;
	make_volume(&v, UUID);
	make_capsule(&c, 1, 5);
	for (int i = 0; i < REGISTRY_BINDINGS_MAX; i++) {
		id[0] = (char)(i < 10 ? '0' + i : 'a' + i - 10);
		assert_int_equal(registry_pin(&v, id, "a", &c, false), 0);
	}
	assert_int_equal(registry_pin(&v, GEN_B "x", "a", &c, false), -ENOSPC);
}

static void test_lock(void **state)
{
	_cleanup_close_ int fd = -1;

	(void)state;
	assert_int_equal(registry_lock(&op, &fd), 0);
	assert_true(fd >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_round_trip, fresh),
		cmocka_unit_test_setup(test_list_and_remove, fresh),
		cmocka_unit_test_setup(test_damaged, fresh),
		cmocka_unit_test_setup(test_pins, fresh),
		cmocka_unit_test_setup(test_two_bindings, fresh),
		cmocka_unit_test_setup(test_full, fresh),
		cmocka_unit_test_setup(test_lock, fresh),
	};
	int r;

	if (scratch_setup() < 0)
		return 1;
	r = cmocka_run_group_tests_name("registry", tests, NULL, NULL);
	scratch_remove();
	return r;
}
