// SPDX-License-Identifier: GPL-2.0-or-later
/* The local provider through kms.h, and what kms.c does for every provider. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"
#include "kms/kms.h"

static struct generation g;
static struct secret plain;
static struct kms *kms;
static struct op op;

static int set_up(void **state)
{
	(void)state;
	op_init(&op, 0);
	g = (struct generation){ .provider = KMS_LOCAL };
	if (generation_new_id(g.id) || secret_random(&g.local_key, 32) ||
	    secret_random(&plain, KMSC_CAPSULE_SIZE))
		return -1;
	return kms_open(&op, &g, &kms);
}

static int tear_down(void **state)
{
	(void)state;
	kms_closep(&kms);
	secret_free(&plain);
	generation_free(&g);
	return 0;
}

static void test_round_trip(void **state)
{
	_cleanup_secret_ struct secret back = SECRET_EMPTY;
	struct kms_health health;
	struct wrapped w, again;

	(void)state;
	assert_int_equal(kms_check(&op, kms, &health), 0);
	assert_int_equal(kms_wrap(&op, kms, &plain, &w), 0);
	assert_int_equal(w.provider, KMS_LOCAL);
	assert_string_equal(w.entry, g.id);
	assert_int_equal(w.mode, WRAP_MODE_GCM);
	assert_int_equal(w.data_len, KMSC_CAPSULE_SIZE);
	assert_int_equal(w.iv_len, 12);
	assert_int_equal(w.tag_len, 16);
	assert_int_equal(kms_unwrap(&op, kms, &w, &back), 0);
	assert_true(secret_equal(&back, &plain));
	/* never the same IV twice */
	assert_int_equal(kms_wrap(&op, kms, &plain, &again), 0);
	assert_memory_not_equal(w.iv, again.iv, 12);
	assert_memory_not_equal(w.data, again.data, w.data_len);
	assert_int_equal(kms_rewrap(&op, kms, &w, &again), -EOPNOTSUPP);
	assert_int_equal(kms_newest_version(&op, kms, &(uint32_t){ 0 }),
			 -EOPNOTSUPP);
}

static void rejected(const struct wrapped *w)
{
	_cleanup_secret_ struct secret back = SECRET_EMPTY;

	op_fail(&op, 0, "old words");
	assert_int_equal(kms_unwrap(&op, kms, w, &back), -EKEYREJECTED);
	assert_null(back.data);
	assert_string_equal(op.detail, "");
}

static void test_tampered(void **state)
{
	struct wrapped w, bad;
	size_t i;

	(void)state;
	assert_int_equal(kms_wrap(&op, kms, &plain, &w), 0);
	for (i = 0; i < w.data_len; i++) {
		bad = w;
		bad.data[i] ^= (uint8_t)(1 << i % 8);
		rejected(&bad);
	}
	for (i = 0; i < w.iv_len; i++) {
		bad = w;
		bad.iv[i] ^= 1;
		rejected(&bad);
	}
	for (i = 0; i < w.tag_len; i++) {
		bad = w;
		bad.tag[i] ^= 0x80;
		rejected(&bad);
	}
	bad = w;
	bad.data_len--;
	rejected(&bad);
	bad = w;
	bad.data_len = 0;
	rejected(&bad);
	bad = w;
	bad.iv_len = 11;
	rejected(&bad);
	/* a short tag would be a tag that can be guessed */
	bad = w;
	bad.tag_len = 4;
	rejected(&bad);
	bad = w;
	bad.mode = WRAP_MODE_CTR;
	rejected(&bad);
	bad = w;
	strcpy(bad.key_id, "other");
	rejected(&bad);
	bad = w;
	strcpy(bad.mount, "other");
	rejected(&bad);
	bad = w;
	strcpy(bad.ns, "other");
	rejected(&bad);
	bad = w;
	bad.provider = KMS_VAULT;
	rejected(&bad);
}

/* The same key file under another generation's name */
static void test_other_generation(void **state)
{
	struct wrapped w;

	(void)state;
	assert_int_equal(kms_wrap(&op, kms, &plain, &w), 0);
	g.id[0] = g.id[0] == 'a' ? 'b' : 'a';
	rejected(&w);
}

static void test_other_key(void **state)
{
	struct wrapped w;

	(void)state;
	assert_int_equal(kms_wrap(&op, kms, &plain, &w), 0);
	g.local_key.data[31] ^= 1;
	rejected(&w);
}

static void test_bad_input(void **state)
{
	struct generation h = g;
	struct kms *other = NULL;
	struct wrapped w;

	(void)state;
	h.local_key = SECRET_EMPTY;
	assert_int_equal(kms_open(&op, &h, &other), -ENODATA);
	assert_int_equal(secret_random(&h.local_key, 31), 0);
	assert_int_equal(kms_open(&op, &h, &other), -EBADMSG);
	secret_free(&h.local_key);
	h.provider = KMS_PROVIDERS;
	assert_int_equal(kms_open(&op, &h, &other), -EINVAL);
	assert_null(other);
	secret_free(&plain);
	assert_int_equal(kms_wrap(&op, kms, &plain, &w), -EINVAL);
	assert_int_equal(secret_random(&plain, KMSC_CAPSULE_SIZE + 1), 0);
	assert_int_equal(kms_wrap(&op, kms, &plain, &w), -EINVAL);
	kms_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_tampered, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_other_generation, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_other_key, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_bad_input, set_up,
						tear_down),
	};

	if (secret_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
