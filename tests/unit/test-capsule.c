// SPDX-License-Identifier: GPL-2.0-or-later
/* The capsule: known answers (capsule-vectors.py), and every way to be wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/op.h"
#include "base/secret.h"
#include "volume/capsule.h"
#include "volume/header.h"

#define UUID "0c1d2e3f-4051-6273-8495-a6b7c8d9eafb"

static struct header header;
static struct capsule capsule;

static void fill_bytes(uint8_t *p, size_t len, int step, int start)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * (size_t)step + (size_t)start);
}

static int setup(void **state)
{
	struct segment *s = &header.segment;
	struct digest *d = &header.digest;
	struct op op;

	(void)state;
	op_init(&op, 0);
	memset(&header, 0, sizeof(header));
	assert_int_equal(header_set_uuid(&op, &header, UUID), 0);
	strcpy(s->type, "crypt");
	strcpy(s->cipher, "aes-xts-plain64");
	s->sector_size = 4096;
	s->iv_tweak = 8;
	s->offset = 16 << 20;
	s->size = 1 << 30;
	strcpy(d->type, "pbkdf2");
	strcpy(d->hash, "sha256");
	d->iterations = 1000;
	d->salt_len = d->value_len = 32;
	fill_bytes(d->salt, 32, 7, 3);
	fill_bytes(d->value, 32, 5, 1);
	capsule = (struct capsule){
		.policy = 1,
		.lease_s = 3600,
		.queue_cap_s = 90,
		.epoch = 7,
		.created = 1700000000,
	};
	assert_int_equal(secret_alloc(&capsule.key, 64), 0);
	fill_bytes(capsule.key.data, 64, 1, 1);
	return capsule_bind(&capsule, &header, KMSC_DESC_IV_LARGE_SECTORS);
}

static int teardown(void **state)
{
	(void)state;
	capsule_free(&capsule);
	return 0;
}

static void assert_hex(const uint8_t *data, size_t len, const char *hex)
{
	char text[2 * 64 + 1];

	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	assert_string_equal(text, hex);
}

static void test_known_answers(void **state)
{
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;
	uint8_t desc[CAPSULE_DESC_MAX], sum[32];

	(void)state;
	assert_int_equal(capsule_describe(&header, 64, 1, desc), 185);
	assert_hex(capsule.desc, 32,
		   "983f0e6422308f5e48b3d863775232cb"
		   "60ec6f5eb12f5e44807c5a12a30fe089");
	assert_int_equal(capsule_encode(&capsule, &plain), 0);
	assert_int_equal(plain.len, 256);
	assert_hex(plain.data + 224, 32,
		   "9b1cc1eb3d33c28d47e1e987bd72861c"
		   "61ae589d6bc9755311f0e7f4d8b6e9b6");
	EVP_Digest(plain.data, plain.len, sum, NULL, EVP_sha256(), NULL);
	assert_hex(sum, 32,
		   "1b1cb00c1e1ea20ae0da0514abf46676"
		   "be4bee9ff9796e17a1271cb3b93bdbcc");
	assert_int_equal(capsule_vkid(&capsule.key, capsule.uuid, sum), 0);
	assert_hex(sum, 32,
		   "747a034880be5c70cf4f0ae32b72bfb2"
		   "06f26e3436a701d721584233b121f705");
}

static void test_round_trip(void **state)
{
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;
	_cleanup_capsule_ struct capsule back = { 0 };
	struct op op;

	(void)state;
	op_init(&op, 0);
	assert_int_equal(capsule_encode(&capsule, &plain), 0);
	assert_int_equal(capsule_decode(&op, &plain, &back), 0);
	assert_memory_equal(back.uuid, capsule.uuid, 16);
	assert_memory_equal(back.desc, capsule.desc, 32);
	assert_int_equal(back.policy, 1);
	assert_int_equal(back.lease_s, 3600);
	assert_int_equal(back.queue_cap_s, 90);
	assert_int_equal(back.epoch, 7);
	assert_int_equal(back.created, 1700000000);
	assert_true(secret_equal(&back.key, &capsule.key));
	assert_int_equal(capsule_verify(&op, &back, &header, 64, 1), 0);
}

static void assert_rejected(const struct secret *plain)
{
	struct capsule back = { 0 };
	struct op op;

	op_init(&op, 0);
	assert_int_equal(capsule_decode(&op, plain, &back), -EKEYREJECTED);
	assert_string_equal(op.detail, CAPSULE_REJECTED);
	assert_null(back.key.data);
}

static void test_each_bit(void **state)
{
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;

	(void)state;
	assert_int_equal(capsule_encode(&capsule, &plain), 0);
	for (size_t i = 0; i < plain.len * 8; i++) {
		plain.data[i / 8] ^= 1 << i % 8;
		assert_rejected(&plain);
		plain.data[i / 8] ^= 1 << i % 8;
	}
	secret_truncate(&plain, plain.len - 1);
	assert_rejected(&plain);
	secret_truncate(&plain, 0);
	assert_rejected(&plain);
}

/* Who may encrypt can make a valid MAC: the form is checked as well. */
static void sign(struct kmsc_capsule *c, size_t key_len)
{
	OSSL_PARAM p[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256",
				       0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, c->key, key_len),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, c->uuid, 16),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO,
					(char *)KMSC_CAPSULE_MAC_INFO,
					strlen(KMSC_CAPSULE_MAC_INFO)),
		OSSL_PARAM_END,
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	uint8_t key[32];

	assert_int_equal(EVP_KDF_derive(ctx, key, sizeof(key), p), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, 32,
				  (uint8_t *)c, 224, c->mac, 32, NULL));
}

static void test_signed_but_wrong(void **state)
{
	static const size_t offsets[] = {
		0, /* magic */
		8, /* version */
		10, /* total */
		15, /* policy: an unknown bit */
		88, /* reserved */
		160, /* after the key */
		191, /* its last byte */
		192, /* reserved2 */
		223,
	};
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;
	struct kmsc_capsule *raw;

	(void)state;
	assert_int_equal(capsule_encode(&capsule, &plain), 0);
	raw = (struct kmsc_capsule *)(void *)plain.data;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		plain.data[offsets[i]] ^= 0x40;
		sign(raw, 64);
		assert_rejected(&plain);
		plain.data[offsets[i]] ^= 0x40;
	}
	raw->lease_s = KMSC_LEASE_MIN_S - 1;
	sign(raw, 64);
	assert_rejected(&plain);
	raw->lease_s = 0;
	raw->key_bytes = 0;
	sign(raw, 1);
	assert_rejected(&plain);
	raw->key_bytes = KMSC_KEY_MAX + 1;
	sign(raw, 96);
	assert_rejected(&plain);
	/* the control: the signature of this test is good */
	raw->key_bytes = 64;
	sign(raw, 64);
	capsule_free(&capsule);
	assert_int_equal(capsule_decode(&(struct op){ 0 }, &plain, &capsule),
			 0);
}

static void assert_differs(uint32_t key_bytes, uint32_t flags)
{
	struct op op;

	op_init(&op, 0);
	assert_int_equal(capsule_verify(&op, &capsule, &header, key_bytes,
					flags),
			 -EKEYREJECTED);
	assert_string_equal(op.detail, CAPSULE_REJECTED);
}

#define FLIP(field)                            \
	do {                                   \
		((uint8_t *)&(field))[0] ^= 1; \
		assert_differs(64, 1);         \
		((uint8_t *)&(field))[0] ^= 1; \
	} while (0)

static void test_each_field_of_the_description(void **state)
{
	struct op op;

	(void)state;
	op_init(&op, 0);
	FLIP(header.uuid_bytes);
	FLIP(header.segment.type);
	FLIP(header.segment.cipher);
	FLIP(header.segment.sector_size);
	FLIP(header.segment.iv_tweak);
	FLIP(header.segment.offset);
	FLIP(header.segment.size);
	FLIP(header.segment.integrity);
	FLIP(header.digest.type);
	FLIP(header.digest.hash);
	FLIP(header.digest.iterations);
	FLIP(header.digest.salt);
	FLIP(header.digest.salt_len);
	FLIP(header.digest.value);
	FLIP(header.digest.value_len);
	assert_differs(32, 1);
	assert_differs(64, 0);
	/* a capsule that disagrees with itself */
	capsule.uuid[0] ^= 1;
	assert_differs(64, 1);
	capsule.uuid[0] ^= 1;
	secret_truncate(&capsule.key, 32);
	assert_differs(64, 1);
	capsule.key.len = 64;
	/* what is no part of it */
	strcpy(header.label, "other");
	header.keyslots = 3;
	assert_int_equal(capsule_verify(&op, &capsule, &header, 64, 1), 0);
}

static void test_out_of_range(void **state)
{
	_cleanup_secret_ struct secret plain = SECRET_EMPTY;
	uint8_t desc[CAPSULE_DESC_MAX];

	(void)state;
	capsule.policy = KMSC_POLICY_ALL + 1;
	assert_int_equal(capsule_encode(&capsule, &plain), -EINVAL);
	capsule.policy = 0;
	capsule.lease_s = 1;
	assert_int_equal(capsule_encode(&capsule, &plain), -EINVAL);
	capsule.lease_s = 0;
	assert_int_equal(capsule_encode(&capsule, &plain), 0);
	assert_int_equal(capsule_bind(&capsule, &header, 2), -EINVAL);
	secret_free(&capsule.key);
	assert_int_equal(capsule_bind(&capsule, &header, 0), -EINVAL);
	assert_int_equal(capsule_encode(&capsule, &plain), -EINVAL);
	/* the longest description that the structs can hold fits */
	memset(header.segment.type, 'x', HEADER_NAME_MAX - 1);
	memset(header.segment.cipher, 'x', KMSC_CIPHER_MAX - 1);
	memset(header.segment.integrity, 'x', KMSC_INTEGRITY_MAX - 1);
	memset(header.digest.type, 'x', HEADER_NAME_MAX - 1);
	memset(header.digest.hash, 'x', HEADER_NAME_MAX - 1);
	header.digest.salt_len = header.digest.value_len = HEADER_DIGEST_MAX;
	assert_true(capsule_describe(&header, 96, 1, desc) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_known_answers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_round_trip, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_each_bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signed_but_wrong, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_each_field_of_the_description, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_range, setup,
						teardown),
	};

	if (secret_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("capsule", tests, NULL, NULL);
}
