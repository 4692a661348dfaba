// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KMIP responses, built with the TTLV writer, which test-ttlv.c has compared
 * with bytes: what must be found in them, and all that must be refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/kmip-msg.h"
#include "wire/kmip-names.h"

static uint8_t buf[8192];
static struct ttlv_writer w;

static void put_version(uint16_t major, uint16_t minor)
{
	ttlv_begin(&w, KMIP_TAG_PROTOCOL_VERSION);
	ttlv_put_integer(&w, KMIP_TAG_PROTOCOL_VERSION_MAJOR, major);
	ttlv_put_integer(&w, KMIP_TAG_PROTOCOL_VERSION_MINOR, minor);
	ttlv_end(&w);
}

/* Up to and with the status; @operation 0: none is named. */
static void begin_response(uint32_t operation, uint32_t status)
{
	ttlv_writer_init(&w, buf, sizeof(buf));
	ttlv_begin(&w, KMIP_TAG_RESPONSE_MESSAGE);
	ttlv_begin(&w, KMIP_TAG_RESPONSE_HEADER);
	put_version(1, 4);
	ttlv_put_integer(&w, KMIP_TAG_BATCH_COUNT, 1);
	ttlv_end(&w);
	ttlv_begin(&w, KMIP_TAG_BATCH_ITEM);
	if (operation)
		ttlv_put_enumeration(&w, KMIP_TAG_OPERATION, operation);
	ttlv_put_enumeration(&w, KMIP_TAG_RESULT_STATUS, status);
}

static int end_response(enum kmip_operation operation, struct kmip_result *res)
{
	size_t len = 0;

	ttlv_end(&w);
	ttlv_end(&w);
	assert_int_equal(ttlv_finish(&w, &len), 0);
	return kmip_response_parse(buf, len, operation, res);
}

static void begin_payload(uint32_t operation)
{
	begin_response(operation, KMIP_STATUS_SUCCESS);
	ttlv_begin(&w, KMIP_TAG_RESPONSE_PAYLOAD);
}

static struct kmip_result end_payload(enum kmip_operation operation)
{
	struct kmip_result res;

	ttlv_end(&w);
	assert_int_equal(end_response(operation, &res), 0);
	assert_int_equal(res.status, KMIP_STATUS_SUCCESS);
	return res;
}

static void test_failure(void **state)
{
	struct kmip_result res;

	(void)state;
	begin_response(KMIP_OP_DECRYPT, KMIP_STATUS_FAILED);
	ttlv_put_enumeration(&w, KMIP_TAG_RESULT_REASON, 0x0c);
	ttlv_put_text(&w, KMIP_TAG_RESULT_MESSAGE, "no\x1b[2J\n\xc3\xa9.");
	assert_int_equal(end_response(KMIP_OP_DECRYPT, &res), 0);
	assert_int_equal(res.status, KMIP_STATUS_FAILED);
	assert_int_equal(res.reason, KMIP_REASON_PERMISSION_DENIED);
	assert_string_equal(res.message, "no?[2J???.");
	assert_int_equal(res.version.minor, 4);
	assert_null(res.payload.value);
	assert_string_equal(kmip_reason_name(res.reason), "Permission Denied");
	assert_string_equal(kmip_reason_name(0x7777), "unknown reason");
}

static void test_long_message(void **state)
{
	char text[1000] = { 0 };
	struct kmip_result res;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	begin_response(KMIP_OP_DECRYPT, KMIP_STATUS_FAILED);
	ttlv_put_text(&w, KMIP_TAG_RESULT_MESSAGE, text);
	assert_int_equal(end_response(KMIP_OP_DECRYPT, &res), 0);
	assert_int_equal(strlen(res.message), KMIP_TEXT_MAX - 1);
}

/* An error about the message names no operation; a success must. */
static void test_operation(void **state)
{
	struct kmip_result res = { .status = 99 };

	(void)state;
	begin_response(0, KMIP_STATUS_FAILED);
	assert_int_equal(end_response(KMIP_OP_DECRYPT, &res), 0);
	begin_response(0, KMIP_STATUS_SUCCESS);
	assert_int_equal(end_response(KMIP_OP_DECRYPT, &res), -EPROTO);
	begin_response(KMIP_OP_ENCRYPT, KMIP_STATUS_SUCCESS);
	assert_int_equal(end_response(KMIP_OP_DECRYPT, &res), -EPROTO);
	begin_response(KMIP_OP_ENCRYPT, KMIP_STATUS_FAILED);
	res.status = 99;
	assert_int_equal(end_response(KMIP_OP_DECRYPT, &res), -EPROTO);
	assert_int_equal(res.status, 99);
}

static void test_crypto_payload(void **state)
{
	struct kmip_result res;
	struct kmip_crypto c;

	(void)state;
	begin_payload(KMIP_OP_ENCRYPT);
	ttlv_put_text(&w, KMIP_TAG_UNIQUE_IDENTIFIER, "1");
	ttlv_put_bytes(&w, 0x42fff0, "unknown", 7);
	ttlv_put_bytes(&w, KMIP_TAG_AUTHENTICATED_ENCRYPTION_TAG, "tag", 3);
	ttlv_put_bytes(&w, KMIP_TAG_DATA, "data", 4);
	res = end_payload(KMIP_OP_ENCRYPT);
	assert_int_equal(kmip_payload_crypto(&res, &c), 0);
	assert_int_equal(c.data_len, 4);
	assert_memory_equal(c.data, "data", 4);
	assert_int_equal(c.tag_len, 3);
	assert_memory_equal(c.tag, "tag", 3);
	assert_null(c.iv);

	begin_payload(KMIP_OP_ENCRYPT);
	ttlv_put_bytes(&w, KMIP_TAG_DATA, "data", 4);
	ttlv_put_bytes(&w, KMIP_TAG_IV_COUNTER_NONCE, "iv", 2);
	res = end_payload(KMIP_OP_ENCRYPT);
	assert_int_equal(kmip_payload_crypto(&res, &c), 0);
	assert_int_equal(c.iv_len, 2);
	assert_null(c.tag);

	begin_payload(KMIP_OP_ENCRYPT);
	ttlv_put_bytes(&w, KMIP_TAG_IV_COUNTER_NONCE, "iv", 2);
	res = end_payload(KMIP_OP_ENCRYPT);
	assert_int_equal(kmip_payload_crypto(&res, &c), -EPROTO);

	begin_payload(KMIP_OP_ENCRYPT);
	ttlv_put_text(&w, KMIP_TAG_DATA, "data");
	res = end_payload(KMIP_OP_ENCRYPT);
	assert_int_equal(kmip_payload_crypto(&res, &c), -EPROTO);

	begin_payload(KMIP_OP_ENCRYPT);
	ttlv_put_bytes(&w, KMIP_TAG_DATA, "data", 4);
	ttlv_put_bytes(&w, KMIP_TAG_DATA, "else", 4);
	res = end_payload(KMIP_OP_ENCRYPT);
	assert_int_equal(kmip_payload_crypto(&res, &c), -EPROTO);
}

static void test_no_payload(void **state)
{
	struct kmip_versions v = { .n = 3 };
	struct kmip_key_info info;
	struct kmip_result res;
	struct kmip_crypto c;
	char text[KMIP_UID_MAX];

	(void)state;
	begin_response(KMIP_OP_QUERY, KMIP_STATUS_SUCCESS);
	assert_int_equal(end_response(KMIP_OP_QUERY, &res), 0);
	assert_int_equal(kmip_payload_versions(&res, &v), 0);
	assert_int_equal(v.n, 0);
	assert_int_equal(kmip_payload_vendor(&res, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(kmip_payload_uid(&res, text), -EPROTO);
	assert_int_equal(kmip_payload_key_info(&res, &info), -EPROTO);
	assert_int_equal(kmip_payload_crypto(&res, &c), -EPROTO);
}

static void test_versions_payload(void **state)
{
	struct kmip_result res;
	struct kmip_versions v;
	int i;

	(void)state;
	begin_payload(KMIP_OP_DISCOVER_VERSIONS);
	put_version(2, 1);
	put_version(1, 4);
	res = end_payload(KMIP_OP_DISCOVER_VERSIONS);
	assert_int_equal(kmip_payload_versions(&res, &v), 0);
	assert_int_equal(v.n, 2);
	assert_int_equal(v.v[0].major, 2);
	assert_int_equal(v.v[1].minor, 4);

	begin_payload(KMIP_OP_DISCOVER_VERSIONS);
	for (i = 0; i < 3 * KMIP_VERSIONS_MAX; i++)
		put_version(1, 4);
	res = end_payload(KMIP_OP_DISCOVER_VERSIONS);
	assert_int_equal(kmip_payload_versions(&res, &v), 0);
	assert_int_equal(v.n, KMIP_VERSIONS_MAX);

	begin_payload(KMIP_OP_DISCOVER_VERSIONS);
	ttlv_begin(&w, KMIP_TAG_PROTOCOL_VERSION);
	ttlv_put_integer(&w, KMIP_TAG_PROTOCOL_VERSION_MAJOR, -1);
	ttlv_put_integer(&w, KMIP_TAG_PROTOCOL_VERSION_MINOR, 4);
	ttlv_end(&w);
	res = end_payload(KMIP_OP_DISCOVER_VERSIONS);
	assert_int_equal(kmip_payload_versions(&res, &v), -EPROTO);

	begin_payload(KMIP_OP_DISCOVER_VERSIONS);
	put_version(1, 4);
	ttlv_put_integer(&w, KMIP_TAG_PROTOCOL_VERSION, 14);
	res = end_payload(KMIP_OP_DISCOVER_VERSIONS);
	assert_int_equal(kmip_payload_versions(&res, &v), -EPROTO);
}

static void put_attribute(const char *name, bool enumeration, uint32_t value)
{
	ttlv_begin(&w, KMIP_TAG_ATTRIBUTE);
	ttlv_put_text(&w, KMIP_TAG_ATTRIBUTE_NAME, name);
	ttlv_put_integer(&w, 0x420009, 0); /* Attribute Index */
	if (enumeration)
		ttlv_put_enumeration(&w, KMIP_TAG_ATTRIBUTE_VALUE, value);
	else
		ttlv_put_integer(&w, KMIP_TAG_ATTRIBUTE_VALUE, (int32_t)value);
	ttlv_end(&w);
}

static void test_attributes_1x(void **state)
{
	struct kmip_key_info info;
	struct kmip_result res;

	(void)state;
	begin_payload(KMIP_OP_GET_ATTRIBUTES);
	put_attribute("State", true, 3);
	put_attribute("Cryptographic Usage Mask", false, 0xc);
	put_attribute("x-vendor", true, 9);
	res = end_payload(KMIP_OP_GET_ATTRIBUTES);
	assert_int_equal(kmip_payload_key_info(&res, &info), 0);
	assert_true(info.has_state && info.has_usage_mask);
	assert_false(info.has_algorithm || info.has_length);
	assert_int_equal(info.state, KMIP_STATE_DEACTIVATED);
	assert_int_equal(info.usage_mask, 0xc);
	assert_string_equal(kmip_state_name(info.state), "deactivated");

	begin_payload(KMIP_OP_GET_ATTRIBUTES);
	put_attribute("State", true, 3);
	put_attribute("State", true, 2);
	res = end_payload(KMIP_OP_GET_ATTRIBUTES);
	assert_int_equal(kmip_payload_key_info(&res, &info), -EPROTO);

	begin_payload(KMIP_OP_GET_ATTRIBUTES);
	put_attribute("State", false, 2);
	res = end_payload(KMIP_OP_GET_ATTRIBUTES);
	assert_int_equal(kmip_payload_key_info(&res, &info), -EPROTO);

	begin_payload(KMIP_OP_GET_ATTRIBUTES);
	ttlv_begin(&w, KMIP_TAG_ATTRIBUTE);
	ttlv_put_text(&w, KMIP_TAG_ATTRIBUTE_NAME, "State");
	ttlv_end(&w);
	res = end_payload(KMIP_OP_GET_ATTRIBUTES);
	assert_int_equal(kmip_payload_key_info(&res, &info), -EPROTO);
}

static void test_attributes_2x(void **state)
{
	struct kmip_key_info info;
	struct kmip_result res;

	(void)state;
	begin_payload(KMIP_OP_GET_ATTRIBUTES);
	ttlv_begin(&w, KMIP_TAG_ATTRIBUTES);
	ttlv_put_enumeration(&w, KMIP_TAG_STATE, 2);
	ttlv_put_enumeration(&w, KMIP_TAG_CRYPTOGRAPHIC_ALGORITHM, 3);
	ttlv_put_integer(&w, KMIP_TAG_CRYPTOGRAPHIC_LENGTH, 256);
	ttlv_put_bytes(&w, 0x540001, "vendor", 6);
	ttlv_end(&w);
	res = end_payload(KMIP_OP_GET_ATTRIBUTES);
	assert_int_equal(kmip_payload_key_info(&res, &info), 0);
	assert_int_equal(info.state, KMIP_STATE_ACTIVE);
	assert_int_equal(info.algorithm, KMIP_ALGORITHM_AES);
	assert_int_equal(info.length, 256);
	assert_false(info.has_usage_mask);

	/* both shapes at once cannot say two things */
	begin_payload(KMIP_OP_GET_ATTRIBUTES);
	put_attribute("State", true, 2);
	ttlv_begin(&w, KMIP_TAG_ATTRIBUTES);
	ttlv_put_enumeration(&w, KMIP_TAG_STATE, 3);
	ttlv_end(&w);
	res = end_payload(KMIP_OP_GET_ATTRIBUTES);
	assert_int_equal(kmip_payload_key_info(&res, &info), -EPROTO);

	begin_payload(KMIP_OP_GET_ATTRIBUTES);
	ttlv_put_integer(&w, KMIP_TAG_ATTRIBUTES, 3);
	res = end_payload(KMIP_OP_GET_ATTRIBUTES);
	assert_int_equal(kmip_payload_key_info(&res, &info), -EPROTO);
}

static void test_uid_payload(void **state)
{
	char uid[KMIP_UID_MAX], longest[KMIP_UID_MAX + 1] = { 0 };
	struct kmip_result res;

	(void)state;
	memset(longest, 'u', KMIP_UID_MAX);
	begin_payload(KMIP_OP_CREATE);
	ttlv_put_text(&w, KMIP_TAG_UNIQUE_IDENTIFIER, longest + 1);
	res = end_payload(KMIP_OP_CREATE);
	assert_int_equal(kmip_payload_uid(&res, uid), 0);
	assert_string_equal(uid, longest + 1);
	begin_payload(KMIP_OP_CREATE);
	ttlv_put_text(&w, KMIP_TAG_UNIQUE_IDENTIFIER, longest);
	res = end_payload(KMIP_OP_CREATE);
	assert_int_equal(kmip_payload_uid(&res, uid), -EPROTO);
	begin_payload(KMIP_OP_CREATE);
	ttlv_put_text_n(&w, KMIP_TAG_UNIQUE_IDENTIFIER, "1\0evil", 6);
	res = end_payload(KMIP_OP_CREATE);
	assert_int_equal(kmip_payload_uid(&res, uid), -EPROTO);
}

/* A response, cut after each of its bytes and with each of them changed */
static void test_truncated(void **state)
{
	struct kmip_result res;
	struct kmip_crypto c;
	size_t len, at;
	uint8_t *copy;
	int bit;

	(void)state;
	begin_payload(KMIP_OP_ENCRYPT);
	ttlv_put_bytes(&w, KMIP_TAG_DATA, "data", 4);
	ttlv_put_bytes(&w, KMIP_TAG_AUTHENTICATED_ENCRYPTION_TAG, "tag", 3);
	end_payload(KMIP_OP_ENCRYPT);
	assert_int_equal(ttlv_finish(&w, &len), 0);
	for (at = 0; at < len; at++) {
		copy = malloc(at + 1);
		memcpy(copy, buf, at);
		assert_int_equal(kmip_response_parse(copy, at, KMIP_OP_ENCRYPT,
						     &res),
				 -EPROTO);
		free(copy);
	}
	copy = malloc(len);
	for (at = 0; at < len; at++) {
		for (bit = 0; bit < 8; bit++) {
			memcpy(copy, buf, len);
			copy[at] ^= (uint8_t)(1U << bit);
			if (!kmip_response_parse(copy, len, KMIP_OP_ENCRYPT,
						 &res))
				kmip_payload_crypto(&res, &c);
		}
	}
	free(copy);
}

static void test_malformed(void **state)
{
	struct kmip_result res;

	(void)state;
	/* no status */
	begin_response(KMIP_OP_QUERY, 0);
	w.len -= 16;
	assert_int_equal(end_response(KMIP_OP_QUERY, &res), -EPROTO);
	/* status of another type */
	begin_response(KMIP_OP_QUERY, 0);
	w.len -= 16;
	ttlv_put_integer(&w, KMIP_TAG_RESULT_STATUS, 0);
	assert_int_equal(end_response(KMIP_OP_QUERY, &res), -EPROTO);
	/* a payload that is no structure */
	begin_response(KMIP_OP_QUERY, 0);
	ttlv_put_integer(&w, KMIP_TAG_RESPONSE_PAYLOAD, 0);
	assert_int_equal(end_response(KMIP_OP_QUERY, &res), -EPROTO);
	/* two items */
	begin_response(KMIP_OP_QUERY, 0);
	ttlv_end(&w);
	ttlv_begin(&w, KMIP_TAG_BATCH_ITEM);
	ttlv_put_enumeration(&w, KMIP_TAG_RESULT_STATUS, 0);
	assert_int_equal(end_response(KMIP_OP_QUERY, &res), -EPROTO);
	/* a batch count that is not what was asked for */
	begin_response(KMIP_OP_QUERY, 0);
	assert_int_equal(buf[16 + 40 + 11], 1);
	buf[16 + 40 + 11] = 2;
	assert_int_equal(end_response(KMIP_OP_QUERY, &res), -EPROTO);
	/* a request is no response */
	begin_response(KMIP_OP_QUERY, 0);
	buf[2] = 0x78;
	assert_int_equal(end_response(KMIP_OP_QUERY, &res), -EPROTO);
}

/* Malformed where we do not look: in a vendor's field, and after the end */
static void test_malformed_elsewhere(void **state)
{
	struct kmip_result res;
	size_t len;

	(void)state;
	begin_response(KMIP_OP_QUERY, 0);
	ttlv_begin(&w, 0x540001);
	ttlv_put_text(&w, 0x540002, "vendor");
	ttlv_end(&w);
	assert_int_equal(end_response(KMIP_OP_QUERY, &res), 0);
	assert_int_equal(buf[w.len - 9], 6);
	buf[w.len - 9] = 60;
	assert_int_equal(kmip_response_parse(buf, w.len, KMIP_OP_QUERY, &res),
			 -EPROTO);
	buf[w.len - 9] = 6;
	len = w.len;
	memcpy(buf + len, buf, len);
	assert_int_equal(kmip_response_parse(buf, len * 2, KMIP_OP_QUERY, &res),
			 -EPROTO);
}

static void test_response_length(void **state)
{
	uint8_t head[TTLV_HEADER] = { 0x42, 0, 0x7b, 1, 0, 0, 0, 0x38 };
	size_t len = 0;

	(void)state;
	assert_int_equal(kmip_response_length(head, &len), 0);
	assert_int_equal(len, 0x38);
	memcpy(head + 4, "\x00\x00\xff\xf8", 4);
	assert_int_equal(kmip_response_length(head, &len), 0);
	assert_int_equal(len, KMIP_RESPONSE_MAX - TTLV_HEADER);
	memcpy(head + 4, "\x00\x01\x00\x00", 4);
	assert_int_equal(kmip_response_length(head, &len), -EPROTO);
	memcpy(head + 4, "\xff\xff\xff\xf8", 4);
	assert_int_equal(kmip_response_length(head, &len), -EPROTO);
	memcpy(head, "HTTP/1.1", 8);
	assert_int_equal(kmip_response_length(head, &len), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_long_message),
		cmocka_unit_test(test_operation),
		cmocka_unit_test(test_crypto_payload),
		cmocka_unit_test(test_no_payload),
		cmocka_unit_test(test_versions_payload),
		cmocka_unit_test(test_attributes_1x),
		cmocka_unit_test(test_attributes_2x),
		cmocka_unit_test(test_uid_payload),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_malformed_elsewhere),
		cmocka_unit_test(test_response_length),
	};

	return cmocka_run_group_tests_name("kmip-response", tests, NULL, NULL);
}
