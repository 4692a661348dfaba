// SPDX-License-Identifier: GPL-2.0-or-later
/* LUKS2 headers on image files, with stock cryptsetup as the judge. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <libcryptsetup.h>

#include "scratch.h"
#include "volume/luks.h"

#define MIB (1024 * 1024)
#define ID "11111111-2222-4333-8444-555555555555"

static struct op op;
static struct secret key;

static int fresh(void **state)
{
	(void)state;
	op_init(&op, 0);
	return 0;
}

static void make_binding(struct binding *b, int fill)
{
	*b = (struct binding){ .token = -1, .key_bytes = 64 };
	b->wrapped = (struct wrapped){
		.provider = KMS_LOCAL,
		.entry = ID,
		.mode = WRAP_MODE_GCM,
		.data_len = 256,
		.iv_len = 12,
		.tag_len = 16,
	};
	memset(b->wrapped.data, fill, 256);
}

/* A shell command that finds the image's path in $IMG. */
static int run(const char *command, const char *path)
{
	setenv("IMG", path, 1);
	return system(command);
}

static void format(const struct luks_place *place, struct header *h)
{
	struct luks_format f = { .label = "disk one" };

	assert_int_equal(luks_format(&op, place, &f, &key, h), 0);
}

static void test_format(void **state)
{
	_cleanup_free_ char *path = scratch_image("format", 32 * MIB);
	struct luks_place place = { .device = path };
	_cleanup_header_ struct header h = { 0 };
	uint64_t sectors;

	(void)state;
	format(&place, &h);
	assert_int_equal(strlen(h.uuid), 36);
	assert_string_equal(h.label, "disk one");
	assert_string_equal(h.subsystem, "kmscrypt");
	assert_string_equal(h.segment.type, "crypt");
	assert_string_equal(h.segment.cipher, "aes-xts-plain64");
	assert_int_equal(h.segment.sector_size, 4096);
	assert_int_equal(h.segment.offset, 16 * MIB);
	assert_int_equal(h.segment.size, 0);
	assert_int_equal(h.segment.iv_tweak, 0);
	assert_string_equal(h.segment.integrity, "");
	assert_string_equal(h.digest.type, "pbkdf2");
	assert_string_equal(h.digest.hash, "sha256");
	assert_int_equal(h.digest.iterations, 1000);
	assert_int_equal(h.digest.value_len, 32);
	assert_int_equal(h.keyslots, 0);
	assert_int_equal(h.nbindings, 0);
	assert_int_equal(luks_data_sectors(&op, &place, &h, &sectors), 0);
	assert_int_equal(sectors, 16 * MIB / 512);
}

static void test_format_options(void **state)
{
	/* no multiple of 4096, so 512-byte sectors */
	_cleanup_free_ char *path = scratch_image("options", 32 * MIB + 512);
	struct luks_place place = { .device = path };
	_cleanup_header_ struct header h = { 0 }, h2 = { 0 };
	struct luks_format f = {
		.uuid = "0c1d2e3f-4051-6273-8495-a6b7c8d9eafb",
		.offset = 8 * MIB,
	};
	uint64_t sectors;

	(void)state;
	assert_int_equal(luks_format(&op, &place, &f, &key, &h), 0);
	assert_string_equal(h.uuid, f.uuid);
	assert_string_equal(h.label, "");
	assert_int_equal(h.segment.offset, 8 * MIB);
	assert_int_equal(h.segment.sector_size, 512);
	assert_int_equal(luks_data_sectors(&op, &place, &h, &sectors), 0);
	assert_int_equal(sectors, 24 * MIB / 512 + 1);
	f.cipher = "cipher_null-ecb";
	assert_int_equal(luks_format(&op, &place, &f, &key, &h2), -EINVAL);
	f.cipher = "aes";
	assert_int_equal(luks_format(&op, &place, &f, &key, &h2), -EINVAL);
	f.cipher = "nosuch-xts-plain64";
	assert_true(luks_format(&op, &place, &f, &key, &h2) < 0);
	assert_true(op.detail[0]);
	f.cipher = NULL;
	f.sector_size = 777;
	assert_true(luks_format(&op, &place, &f, &key, &h2) < 0);
}

static void test_detached(void **state)
{
	_cleanup_free_ char *data = scratch_image("data", 8 * MIB);
	_cleanup_free_ char *head = scratch_image("head", 16 * MIB);
	struct luks_place place = { .device = data, .header = head };
	struct luks_place alone = { .device = data };
	_cleanup_header_ struct header h = { 0 }, h2 = { 0 };
	struct luks_format f = { 0 };
	struct binding b;
	uint64_t sectors;

	(void)state;
	assert_int_equal(luks_format(&op, &place, &f, &key, &h), 0);
	assert_int_equal(h.segment.offset, 0);
	make_binding(&b, 1);
	assert_int_equal(luks_add(&op, &place, h.uuid, &b), 0);
	binding_free(&b);
	assert_int_equal(luks_read(&op, &place, &h2), 0);
	assert_int_equal(h2.nbindings, 1);
	assert_int_equal(luks_data_sectors(&op, &place, &h2, &sectors), 0);
	assert_int_equal(sectors, 8 * MIB / 512);
	header_free(&h2);
	assert_int_equal(luks_read(&op, &alone, &h2), -ENODATA);
}

static void test_tokens(void **state)
{
	_cleanup_free_ char *path = scratch_image("tokens", 32 * MIB);
	struct luks_place place = { .device = path };
	_cleanup_header_ struct header h = { 0 }, h2 = { 0 }, h3 = { 0 };
	_cleanup_binding_ struct binding a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	format(&place, &h);
	make_binding(&a, 1);
	make_binding(&b, 2);
	make_binding(&c, 3);
	assert_int_equal(luks_add(&op, &place, h.uuid, &a), 0);
	assert_int_equal(luks_add(&op, &place, h.uuid, &b), 0);
	assert_int_equal(a.token, 0);
	assert_int_equal(b.token, 1);
	assert_int_equal(luks_read(&op, &place, &h2), 0);
	assert_int_equal(h2.nbindings, 2);
	assert_int_equal(h2.bindings[0].err, 0);
	assert_int_equal(h2.bindings[1].wrapped.data[0], 2);
	/* as a reader finds it, not as it was written */
	assert_int_equal(luks_replace(&op, &place, h.uuid, &h2.bindings[0], &c),
			 0);
	assert_int_equal(c.token, 0);
	/* the second who read the same loses */
	assert_int_equal(luks_replace(&op, &place, h.uuid, &h2.bindings[0], &b),
			 -EAGAIN);
	assert_int_equal(luks_remove(&op, &place, h.uuid, &h2.bindings[0]),
			 -EAGAIN);
	assert_int_equal(luks_remove(&op, &place, h.uuid, &h2.bindings[1]), 0);
	assert_int_equal(luks_remove(&op, &place, h.uuid, &h2.bindings[1]), 0);
	assert_int_equal(luks_read(&op, &place, &h3), 0);
	assert_int_equal(h3.nbindings, 1);
	assert_int_equal(h3.bindings[0].wrapped.data[0], 3);
	assert_int_equal(luks_add(&op, &place, ID, &b), -EKEYREJECTED);
}

static void test_too_many_tokens(void **state)
{
	_cleanup_free_ char *path = scratch_image("many", 32 * MIB);
	struct luks_place place = { .device = path };
	_cleanup_header_ struct header h = { 0 }, h2 = { 0 };
	int i;

	(void)state;
	format(&place, &h);
	for (i = 0; i <= KMSC_MAX_BINDINGS; i++) {
		_cleanup_binding_ struct binding b = { 0 };

		make_binding(&b, i);
		assert_int_equal(luks_add(&op, &place, h.uuid, &b),
				 i < KMSC_MAX_BINDINGS ? 0 : -ENOSPC);
	}
	assert_int_equal(luks_read(&op, &place, &h2), 0);
	assert_int_equal(h2.nbindings, KMSC_MAX_BINDINGS);
}

/* A foreign or damaged token beside a good one. */
static void test_other_tokens(void **state)
{
	_cleanup_free_ char *path = scratch_image("other", 32 * MIB);
	struct luks_place place = { .device = path };
	_cleanup_header_ struct header h = { 0 }, h2 = { 0 };
	_cleanup_binding_ struct binding b = { 0 };

	(void)state;
	format(&place, &h);
	assert_int_equal(run("echo '{\"type\":\"clevis\",\"keyslots\":[]}' | "
			     "cryptsetup token import $IMG",
			     path),
			 0);
	assert_int_equal(run("echo '{\"type\":\"kmscrypt\",\"keyslots\":[],"
			     "\"version\":9}' | cryptsetup token import $IMG",
			     path),
			 0);
	make_binding(&b, 1);
	assert_int_equal(luks_add(&op, &place, h.uuid, &b), 0);
	assert_int_equal(b.token, 2);
	assert_int_equal(luks_read(&op, &place, &h2), 0);
	assert_int_equal(h2.nbindings, 2);
	assert_int_equal(h2.bindings[0].err, -EBADMSG);
	assert_non_null(strstr(h2.bindings[0].why, "newer"));
	assert_int_equal(h2.bindings[0].token, 1);
	assert_int_equal(h2.bindings[1].err, 0);
	assert_int_equal(h2.bindings[1].token, 2);
}

static void write_over_and_over(const struct luks_place *place,
				const char *uuid, int who)
{
	for (int round = 0; round < 6; round++) {
		struct binding b;

		make_binding(&b, who * 16 + round);
		op_init(&op, 0);
		if (luks_add(&op, place, uuid, &b) < 0 ||
		    (round < 5 && luks_remove(&op, place, uuid, &b) < 0)) {
			fprintf(stderr, "%d: %s\n", who, op.detail);
			_exit(1);
		}
		binding_free(&b);
	}
	_exit(0);
}

/* Every writer gets its way, and nothing of another's is lost. */
static void test_many_writers(void **state)
{
	_cleanup_free_ char *path = scratch_image("writers", 32 * MIB);
	struct luks_place place = { .device = path };
	_cleanup_header_ struct header h = { 0 }, h2 = { 0 };
	int seen = 0, status, i;

	(void)state;
	format(&place, &h);
	for (i = 0; i < 4; i++)
		if (fork() == 0)
			write_over_and_over(&place, h.uuid, i);
	for (i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(luks_read(&op, &place, &h2), 0);
	assert_int_equal(h2.nbindings, 4);
	for (i = 0; i < 4; i++)
		seen |= 1 << (h2.bindings[i].wrapped.data[0] / 16);
	assert_int_equal(seen, 15);
}

static void test_nothing_there(void **state)
{
	_cleanup_free_ char *path = scratch_image("nothing", 32 * MIB);
	_cleanup_free_ char *v1 = scratch_image("luks1", 32 * MIB);
	_cleanup_free_ char *absent = scratch_path("absent");
	struct luks_place place = { .device = path };
	struct header h;

	(void)state;
	assert_int_equal(luks_read(&op, &place, &h), -ENODATA);
	assert_non_null(strstr(op.detail, path));
	place.device = absent;
	assert_int_equal(luks_read(&op, &place, &h), -ENOENT);
	place.device = scratch;
	assert_int_equal(luks_read(&op, &place, &h), -ENODEV);
	/* both copies of the header damaged */
	place.device = path;
	format(&place, &h);
	header_free(&h);
	assert_int_equal(run("dd if=/dev/urandom of=$IMG bs=1k seek=5 count=27 "
			     "conv=notrunc 2>/dev/null",
			     path),
			 0);
	assert_int_equal(luks_read(&op, &place, &h), -EBADMSG);
	assert_int_equal(run("echo x | cryptsetup luksFormat -q --type luks1 "
			     "--pbkdf-force-iterations 1000 $IMG -",
			     v1),
			 0);
	place.device = v1;
	assert_true(luks_read(&op, &place, &h) < 0);
}

static void test_reencryption(void **state)
{
	_cleanup_free_ char *path = scratch_image("reencrypt", 32 * MIB);
	struct luks_place place = { .device = path };
	struct crypt_device *cd;
	struct header h;

	(void)state;
	format(&place, &h);
	header_free(&h);
	assert_int_equal(crypt_init(&cd, path), 0);
	assert_int_equal(crypt_load(cd, CRYPT_LUKS2, NULL), 0);
	assert_int_equal(
		crypt_persistent_flags_set(cd, CRYPT_FLAGS_REQUIREMENTS,
					   CRYPT_REQUIREMENT_OFFLINE_REENCRYPT),
		0);
	crypt_free(cd);
	assert_int_equal(luks_read(&op, &place, &h), -EBUSY);
	assert_non_null(strstr(op.detail, "re-encryption"));
	header_free(&h);
}

static void test_verify_key(void **state)
{
	_cleanup_free_ char *path = scratch_image("verify", 32 * MIB);
	struct luks_place place = { .device = path };
	_cleanup_header_ struct header h = { 0 };
	_cleanup_secret_ struct secret wrong = SECRET_EMPTY;

	(void)state;
	format(&place, &h);
	assert_int_equal(luks_verify_key(&op, &place, &key), 0);
	assert_int_equal(secret_random(&wrong, 64), 0);
	assert_int_equal(luks_verify_key(&op, &place, &wrong), -EKEYREJECTED);
	assert_int_equal(luks_set_label(&op, &place, "new"), 0);
	header_free(&h);
	assert_int_equal(luks_read(&op, &place, &h), 0);
	assert_string_equal(h.label, "new");
	assert_string_equal(h.subsystem, "kmscrypt");
}

/* What we write is LUKS2 to everybody else. */
static void test_stock_cryptsetup(void **state)
{
	_cleanup_free_ char *path = scratch_image("stock", 32 * MIB);
	_cleanup_free_ char *key_file = scratch_path("stock.key");
	struct luks_place place = { .device = path };
	_cleanup_header_ struct header h = { 0 };
	_cleanup_binding_ struct binding b = { 0 };

	(void)state;
	format(&place, &h);
	make_binding(&b, 1);
	assert_int_equal(luks_add(&op, &place, h.uuid, &b), 0);
	assert_int_equal(secret_write_file(&key, key_file), 0);
	assert_int_equal(run("cryptsetup luksDump $IMG | grep -q '0: kmscrypt'",
			     path),
			 0);
	assert_int_equal(run("cryptsetup isLuks --type luks2 $IMG", path), 0);
	assert_int_equal(
		run("test \"$(blkid -p -o value -s SUBSYSTEM $IMG)\" = "
		    "kmscrypt",
		    path),
		0);
	assert_int_equal(run("cryptsetup open --test-passphrase --volume-key-"
			     "file $IMG.key --key-size 512 $IMG",
			     path),
			 0);
	assert_int_equal(
		run("head -c 64 /dev/zero > $IMG.key && ! cryptsetup "
		    "open --test-passphrase --volume-key-file $IMG.key "
		    "--key-size 512 $IMG 2>/dev/null",
		    path),
		0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_format, fresh),
		cmocka_unit_test_setup(test_format_options, fresh),
		cmocka_unit_test_setup(test_detached, fresh),
		cmocka_unit_test_setup(test_tokens, fresh),
		cmocka_unit_test_setup(test_too_many_tokens, fresh),
		cmocka_unit_test_setup(test_other_tokens, fresh),
		cmocka_unit_test_setup(test_many_writers, fresh),
		cmocka_unit_test_setup(test_nothing_there, fresh),
		cmocka_unit_test_setup(test_reencryption, fresh),
		cmocka_unit_test_setup(test_verify_key, fresh),
		cmocka_unit_test_setup(test_stock_cryptsetup, fresh),
	};
	int r;

	if (scratch_setup() < 0 || secret_random(&key, 64) < 0)
		return 1;
	r = cmocka_run_group_tests_name("luks", tests, NULL, NULL);
	secret_free(&key);
	scratch_remove();
	return r;
}
