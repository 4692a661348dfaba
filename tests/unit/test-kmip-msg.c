// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KMIP requests, compared byte by byte with ones worked out by hand from the
 * message structure (KMIP 1.4, sections 4, 6 and 7).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/kmip-msg.h"

#define V14 KMIP_VERSION(1, 4)
#define V20 KMIP_VERSION(2, 0)

/* Messages as text: hexadecimal digits, blanks do not count. */

#define VERSION(major, minor)                                                  \
	"420069 01 00000020", "42006a 02 00000004 0000000" #major " 00000000", \
		"42006b 02 00000004 0000000" #minor " 00000000"
#define HEADER(major, minor)                         \
	"420077 01 00000038", VERSION(major, minor), \
		"42000d 02 00000004 00000001 00000000"
#define OPERATION(op) "42005c 05 00000004 000000" #op " 00000000"
#define UID_1 "420094 07 00000001 31 00000000000000"
/* "Cryptographic Algorithm" and so on, as Attribute Name */
#define CRYPTOGRAPHIC "43727970746f6772617068696320"
#define NAME_ALGORITHM \
	"42000a 07 00000017" CRYPTOGRAPHIC "416c676f726974686d 00"
#define NAME_LENGTH "42000a 07 00000014" CRYPTOGRAPHIC "4c656e677468 00000000"
#define NAME_USAGE_MASK \
	"42000a 07 00000018" CRYPTOGRAPHIC "5573616765204d61736b"
/* A list of items, one in a string */
#define MESSAGE(...) ((const char *const[]){ __VA_ARGS__, NULL })

static size_t digits_of(const uint8_t *data, size_t len, char *text)
{
	size_t i;

	for (i = 0; i < len; i++)
		sprintf(text + i * 2, "%02x", data[i]);
	return len * 2;
}

static void assert_encodes(struct kmip_version version,
			   const struct kmip_request *q,
			   const char *const *expected)
{
	const struct kmip_header h = { .version = version };
	struct secret s = SECRET_EMPTY;
	size_t len, n = 0;
	const char *c;
	char *text;

	assert_int_equal(kmip_request_encode(&h, q, &s), 0);
	text = malloc(s.len * 2 + 1);
	len = digits_of(s.data, s.len, text);
	for (; *expected; expected++) {
		for (c = *expected; *c; c++) {
			if (*c == ' ')
				continue;
			if (n == len || text[n] != *c)
				fail_msg("byte %zu: not as in %s", n / 2,
					 *expected);
			n++;
		}
	}
	assert_int_equal(n, len);
	assert_int_equal(ttlv_check(s.data, s.len), 0);
	free(text);
	secret_free(&s);
}

static void test_discover(void **state)
{
	const struct kmip_request q = {
		.operation = KMIP_OP_DISCOVER_VERSIONS,
	};

	(void)state;
	assert_encodes(V14, &q,
		       MESSAGE("420078 01 00000060", HEADER(1, 4),
			       "42000f 01 00000018", OPERATION(1e),
			       "420079 01 00000000"));
}

static void test_query(void **state)
{
	const struct kmip_request q = { .operation = KMIP_OP_QUERY };

	(void)state;
	assert_encodes(V20, &q,
		       MESSAGE("420078 01 00000070", HEADER(2, 0),
			       "42000f 01 00000028", OPERATION(18),
			       "420079 01 00000010",
			       "420074 05 00000004 00000003 00000000"));
}

static void test_activate(void **state)
{
	const struct kmip_request q = {
		.operation = KMIP_OP_ACTIVATE,
		.uid = "1",
	};

	(void)state;
	assert_encodes(V14, &q,
		       MESSAGE("420078 01 00000070", HEADER(1, 4),
			       "42000f 01 00000028", OPERATION(12),
			       "420079 01 00000010", UID_1));
}

static void test_create(void **state)
{
	const struct kmip_request q = {
		.operation = KMIP_OP_CREATE,
		.key_bits = 256,
		.usage_mask = KMIP_USAGE_ENCRYPT | KMIP_USAGE_DECRYPT,
	};

	(void)state;
	/* 2.0: Attributes with a tag each */
	assert_encodes(V20, &q,
		       MESSAGE("420078 01 000000a8", HEADER(2, 0),
			       "42000f 01 00000060", OPERATION(01),
			       "420079 01 00000048",
			       "420057 05 00000004 00000002 00000000",
			       "420125 01 00000030",
			       "420028 05 00000004 00000003 00000000",
			       "42002a 02 00000004 00000100 00000000",
			       "42002c 02 00000004 0000000c 00000000"));
	/* 1.4: Template-Attribute with names */
	assert_encodes(V14, &q,
		       MESSAGE("420078 01 00000120", HEADER(1, 4),
			       "42000f 01 000000d8", OPERATION(01),
			       "420079 01 000000c0",
			       "420057 05 00000004 00000002 00000000",
			       "420091 01 000000a8", "420008 01 00000030",
			       NAME_ALGORITHM,
			       "42000b 05 00000004 00000003 00000000",
			       "420008 01 00000030", NAME_LENGTH,
			       "42000b 02 00000004 00000100 00000000",
			       "420008 01 00000030", NAME_USAGE_MASK,
			       "42000b 02 00000004 0000000c 00000000"));
}

static void test_get_attributes(void **state)
{
	const struct kmip_request q = {
		.operation = KMIP_OP_GET_ATTRIBUTES,
		.uid = "1",
	};

	(void)state;
	assert_encodes(V20, &q,
		       MESSAGE("420078 01 000000b0", HEADER(2, 0),
			       "42000f 01 00000068", OPERATION(0b),
			       "420079 01 00000050", UID_1,
			       "42013b 05 00000004 0042008d 00000000",
			       "42013b 05 00000004 00420028 00000000",
			       "42013b 05 00000004 0042002a 00000000",
			       "42013b 05 00000004 0042002c 00000000"));
	assert_encodes(V14, &q,
		       MESSAGE("420078 01 000000e0", HEADER(1, 4),
			       "42000f 01 00000098", OPERATION(0b),
			       "420079 01 00000080", UID_1,
			       "42000a 07 00000005 5374617465 000000",
			       NAME_ALGORITHM, NAME_LENGTH, NAME_USAGE_MASK));
}

#define PARAMETERS                                                    \
	"42002b 01 00000030", "420011 05 00000004 00000009 00000000", \
		"420028 05 00000004 00000003 00000000",               \
		"4200ce 02 00000004 00000010 00000000"
#define DATA_ABC "4200c2 08 00000003 616263 0000000000"
#define IV_12 "42003d 08 0000000c 000102030405060708090a0b 00000000"

static const uint8_t iv[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

static struct kmip_request crypt_request(enum kmip_operation operation)
{
	return (struct kmip_request){
		.operation = operation,
		.mode = KMIP_MODE_GCM,
		.tag_field = true,
		.uid = "1",
		.data = (const uint8_t *)"abc",
		.data_len = 3,
		.iv = iv,
		.iv_len = sizeof(iv),
		.tag = (const uint8_t *)"0123456789abcdef",
		.tag_len = 16,
	};
}

static void test_encrypt(void **state)
{
	const struct kmip_request q = crypt_request(KMIP_OP_ENCRYPT);

	(void)state;
	assert_encodes(V14, &q,
		       MESSAGE("420078 01 000000d0", HEADER(1, 4),
			       "42000f 01 00000088", OPERATION(1f),
			       "420079 01 00000070", UID_1, PARAMETERS,
			       DATA_ABC, IV_12));
}

/* Below 1.4: no field for a tag, padding before the algorithm. */
static void test_older_modes(void **state)
{
	struct kmip_request q = crypt_request(KMIP_OP_DECRYPT);

	(void)state;
	q.tag_field = false;
	assert_encodes(KMIP_VERSION(1, 2), &q,
		       MESSAGE("420078 01 000000d0", HEADER(1, 2),
			       "42000f 01 00000088", OPERATION(20),
			       "420079 01 00000070", UID_1, PARAMETERS,
			       DATA_ABC, IV_12));
	q.mode = KMIP_MODE_CBC;
	q.padding = KMIP_PADDING_PKCS5;
	assert_encodes(KMIP_VERSION(1, 2), &q,
		       MESSAGE("420078 01 000000d0", HEADER(1, 2),
			       "42000f 01 00000088", OPERATION(20),
			       "420079 01 00000070", UID_1,
			       "42002b 01 00000030"
			       "420011 05 00000004 00000001 00000000"
			       "42005f 05 00000004 00000003 00000000"
			       "420028 05 00000004 00000003 00000000",
			       DATA_ABC, IV_12));
	q.mode = KMIP_MODE_CTR;
	q.padding = 0;
	assert_encodes(KMIP_VERSION(1, 2), &q,
		       MESSAGE("420078 01 000000c0", HEADER(1, 2),
			       "42000f 01 00000078", OPERATION(20),
			       "420079 01 00000060", UID_1,
			       "42002b 01 00000020"
			       "420011 05 00000004 00000006 00000000"
			       "420028 05 00000004 00000003 00000000",
			       DATA_ABC, IV_12));
}

static void test_decrypt(void **state)
{
	const struct kmip_request q = crypt_request(KMIP_OP_DECRYPT);

	(void)state;
	assert_encodes(
		V20, &q,
		MESSAGE("420078 01 000000e8", HEADER(2, 0),
			"42000f 01 000000a0", OPERATION(20),
			"420079 01 00000088", UID_1, PARAMETERS, DATA_ABC,
			IV_12,
			"4200ff 08 00000010 30313233343536373839616263646566"));
}

static void test_credential(void **state)
{
	const struct kmip_request q = {
		.operation = KMIP_OP_DISCOVER_VERSIONS,
	};
	struct secret password = SECRET_EMPTY, s = SECRET_EMPTY;
	struct kmip_header h = { .version = V14, .username = "me" };
	static const uint8_t expected[] = {
		0x42, 0x00, 0x0c, 0x01, 0,    0,    0,	  0x48, 0x42, 0x00,
		0x23, 0x01, 0,	  0,	0,    0x40, 0x42, 0x00, 0x24, 0x05,
		0,    0,    0,	  4,	0,    0,    0,	  1,	0,    0,
		0,    0,    0x42, 0x00, 0x25, 0x01, 0,	  0,	0,    0x28,
		0x42, 0x00, 0x99, 0x07, 0,    0,    0,	  2,	'm',  'e',
		0,    0,    0,	  0,	0,    0,    0x42, 0x00, 0xa1, 0x07,
		0,    0,    0,	  9,	'p',  'a',  's',  's',	' ',  'w',
		'o',  'r',  'd',  0,	0,    0,    0,	  0,	0,    0,
		0x42, 0x00, 0x0d, 0x02, 0,    0,    0,	  4,	0,    0,
		0,    1,    0,	  0,	0,    0,
	};

	(void)state;
	assert_int_equal(secret_copy(&password, "pass word", 9), 0);
	h.password = &password;
	assert_int_equal(kmip_request_encode(&h, &q, &s), 0);
	/* message and header headers, then 40 bytes of version */
	assert_memory_equal(s.data + 16 + 40, expected, sizeof(expected));
	assert_int_equal(ttlv_check(s.data, s.len), 0);
	secret_free(&s);
	h.password = NULL;
	assert_int_equal(kmip_request_encode(&h, &q, &s), 0);
	assert_int_equal(ttlv_check(s.data, s.len), 0);
	secret_free(&s);
	secret_free(&password);
}

/* Servers refuse a Time Stamp that is a minute off: no clock of ours counts. */
static void test_no_time_stamp(void **state)
{
	static const uint8_t tag[] = { 0x42, 0x00, 0x92 };
	static const enum kmip_operation all[] = {
		KMIP_OP_DISCOVER_VERSIONS, KMIP_OP_QUERY,   KMIP_OP_CREATE,
		KMIP_OP_ACTIVATE,	   KMIP_OP_ENCRYPT, KMIP_OP_DECRYPT,
		KMIP_OP_GET_ATTRIBUTES,
	};
	const struct kmip_header h = { .version = V14 };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct kmip_request q = crypt_request(all[i]);
		struct secret s = SECRET_EMPTY;

		assert_int_equal(kmip_request_encode(&h, &q, &s), 0);
		for (size_t k = 0; k + sizeof(tag) <= s.len; k++)
			assert_memory_not_equal(s.data + k, tag, sizeof(tag));
		secret_free(&s);
	}
}

static void test_refused_requests(void **state)
{
	struct kmip_header h = { .version = KMIP_VERSION(1, 3) };
	struct kmip_request q = crypt_request(KMIP_OP_ENCRYPT);
	struct secret s = SECRET_EMPTY;
	static const uint8_t big[KMIP_REQUEST_MAX];

	(void)state;
	assert_int_equal(kmip_request_encode(&h, &q, &s), -EOPNOTSUPP);
	h.version = V14;
	q.data = big;
	q.data_len = sizeof(big);
	assert_int_equal(kmip_request_encode(&h, &q, &s), -EMSGSIZE);
	q.operation = (enum kmip_operation)0x14;
	assert_int_equal(kmip_request_encode(&h, &q, &s), -EINVAL);
	assert_null(s.data);
}

static void test_versions(void **state)
{
	struct kmip_version v;
	static const char *const bad[] = {
		"", "1", "1.", "1.44", ".4", "0.9", "a.b", "1.4 ", "-1.4", "1,4"
	};
	size_t i;

	(void)state;
	assert_int_equal(kmip_version_parse("2.1", &v), 0);
	assert_int_equal(kmip_version_cmp(v, KMIP_VERSION(2, 1)), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(kmip_version_parse(bad[i], &v), -EINVAL);
	assert_true(kmip_version_cmp(V14, V20) < 0);
	assert_true(kmip_version_cmp(V20, V14) > 0);
	assert_true(kmip_version_cmp(KMIP_VERSION(1, 3), V14) < 0);
}

static int setup(void **state)
{
	(void)state;
	return secret_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discover),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_activate),
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_get_attributes),
		cmocka_unit_test(test_encrypt),
		cmocka_unit_test(test_older_modes),
		cmocka_unit_test(test_decrypt),
		cmocka_unit_test(test_credential),
		cmocka_unit_test(test_no_time_stamp),
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests_name("kmip-msg", tests, setup, NULL);
}
