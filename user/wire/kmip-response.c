// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KMIP responses. See kmip-msg.h; section numbers are KMIP 1.4's.
 *
 * Fields are found in any order and unknown ones are skipped: servers add a
 * vendor's fields, and ones of a newer version than they say they speak.
 */
#include "wire/kmip-msg.h"

#include <errno.h>
#include <string.h>

#include "wire/kmip-names.h"

int kmip_response_length(const uint8_t head[TTLV_HEADER], size_t *ret)
{
	static const uint8_t start[] = { 0x42, 0x00, 0x7b, TTLV_STRUCTURE };
	size_t len;

	if (memcmp(head, start, sizeof(start)))
		return -EPROTO;
	len = (size_t)head[4] << 24 | (size_t)head[5] << 16 |
	      (size_t)head[6] << 8 | head[7];
	if (len > KMIP_RESPONSE_MAX - TTLV_HEADER)
		return -EPROTO;
	*ret = len;
	return 0;
}

/* For what must be there: absence is malformed as well. */
static int find(const struct ttlv_item *parent, enum kmip_tag tag,
		struct ttlv_item *ret)
{
	int r = ttlv_find(parent, tag, ret);

	return r == -ENODATA ? -EPROTO : r;
}

static int find_enumeration(const struct ttlv_item *parent, enum kmip_tag tag,
			    uint32_t *ret)
{
	struct ttlv_item item;
	int r = find(parent, tag, &item);

	return r ? r : ttlv_enumeration(&item, ret);
}

/* A small number that cannot be negative */
static int find_u16(const struct ttlv_item *parent, enum kmip_tag tag,
		    uint16_t *ret)
{
	struct ttlv_item item;
	int32_t value;
	int r;

	r = find(parent, tag, &item);
	if (!r)
		r = ttlv_integer(&item, &value);
	if (r)
		return r;
	if (value < 0 || value > UINT16_MAX)
		return -EPROTO;
	*ret = (uint16_t)value;
	return 0;
}

/*
 * Text for people, from the server: cut to size, and everything but printable
 * ASCII replaced, so that it can neither paint a terminal nor forge a line.
 */
static int find_words(const struct ttlv_item *parent, enum kmip_tag tag,
		      char ret[KMIP_TEXT_MAX])
{
	struct ttlv_item item;
	size_t i, len;
	int r;

	ret[0] = '\0';
	r = ttlv_find(parent, tag, &item);
	if (r)
		return r == -ENODATA ? 0 : r;
	if (item.type != TTLV_TEXT_STRING)
		return -EPROTO;
	len = item.len < KMIP_TEXT_MAX ? item.len : KMIP_TEXT_MAX - 1;
	for (i = 0; i < len; i++) {
		bool plain = item.value[i] >= ' ' && item.value[i] <= '~';

		ret[i] = plain ? (char)item.value[i] : '?';
	}
	ret[len] = '\0';
	return 0;
}

static int parse_version(const struct ttlv_item *item, struct kmip_version *ret)
{
	int r;

	r = find_u16(item, KMIP_TAG_PROTOCOL_VERSION_MAJOR, &ret->major);
	if (r)
		return r;
	return find_u16(item, KMIP_TAG_PROTOCOL_VERSION_MINOR, &ret->minor);
}

/* Response header (7.1): one item was asked, one must be answered. */
static int parse_header(const struct ttlv_item *message,
			struct kmip_version *ret)
{
	struct ttlv_item header, version;
	uint16_t count;
	int r;

	r = find(message, KMIP_TAG_RESPONSE_HEADER, &header);
	if (!r)
		r = find(&header, KMIP_TAG_PROTOCOL_VERSION, &version);
	if (!r)
		r = parse_version(&version, ret);
	if (!r)
		r = find_u16(&header, KMIP_TAG_BATCH_COUNT, &count);
	if (r)
		return r;
	return count == 1 ? 0 : -EPROTO;
}

/* Batch item (7.2): status, reason and message are 6.9, 6.10, 6.11. */
static int parse_item(const struct ttlv_item *message, struct kmip_result *ret)
{
	struct ttlv_item batch, item;
	int r;

	r = find(message, KMIP_TAG_BATCH_ITEM, &batch);
	if (r)
		return r;
	r = find_enumeration(&batch, KMIP_TAG_RESULT_STATUS, &ret->status);
	if (r)
		return r;
	r = ttlv_find(&batch, KMIP_TAG_OPERATION, &item);
	if (!r)
		r = ttlv_enumeration(&item, &ret->operation);
	if (r && r != -ENODATA)
		return r;
	r = ttlv_find(&batch, KMIP_TAG_RESULT_REASON, &item);
	if (!r)
		r = ttlv_enumeration(&item, &ret->reason);
	if (r && r != -ENODATA)
		return r;
	r = find_words(&batch, KMIP_TAG_RESULT_MESSAGE, ret->message);
	if (r)
		return r;
	r = ttlv_find(&batch, KMIP_TAG_RESPONSE_PAYLOAD, &ret->payload);
	if (r)
		return r == -ENODATA ? 0 : r;
	return ret->payload.type == TTLV_STRUCTURE ? 0 : -EPROTO;
}

int kmip_response_parse(const void *buf, size_t len,
			enum kmip_operation operation, struct kmip_result *ret)
{
	struct kmip_result res = { 0 };
	struct ttlv_reader reader;
	struct ttlv_item message;
	int r;

	r = ttlv_check(buf, len);
	if (r)
		return r;
	ttlv_reader_init(&reader, buf, len);
	r = ttlv_next(&reader, &message);
	if (r != 1 || message.tag != KMIP_TAG_RESPONSE_MESSAGE)
		return -EPROTO;
	r = parse_header(&message, &res.version);
	if (r)
		return r;
	r = parse_item(&message, &res);
	if (r)
		return r;
	/* Some errors name no operation; a success always does. */
	if (res.operation != operation && (res.operation != KMIP_OP_NONE ||
					   res.status == KMIP_STATUS_SUCCESS))
		return -EPROTO;
	*ret = res;
	return 0;
}

/* --- payloads ------------------------------------------------------------ */

int kmip_payload_versions(const struct kmip_result *res,
			  struct kmip_versions *ret)
{
	struct ttlv_reader reader;
	struct ttlv_item item;
	int r;

	ret->n = 0;
	if (!res->payload.value)
		return 0;
	r = ttlv_enter(&res->payload, &reader);
	if (r)
		return r;
	while ((r = ttlv_next(&reader, &item)) > 0) {
		if (item.tag != KMIP_TAG_PROTOCOL_VERSION ||
		    ret->n == KMIP_VERSIONS_MAX)
			continue;
		r = parse_version(&item, &ret->v[ret->n]);
		if (r)
			return r;
		ret->n++;
	}
	return r;
}

int kmip_payload_vendor(const struct kmip_result *res, char ret[KMIP_TEXT_MAX])
{
	ret[0] = '\0';
	if (!res->payload.value)
		return 0;
	return find_words(&res->payload, KMIP_TAG_VENDOR_IDENTIFICATION, ret);
}

int kmip_payload_uid(const struct kmip_result *res, char ret[KMIP_UID_MAX])
{
	struct ttlv_item item;
	int r;

	r = find(&res->payload, KMIP_TAG_UNIQUE_IDENTIFIER, &item);
	return r ? r : ttlv_text(&item, ret, KMIP_UID_MAX);
}

static int store_attribute(struct kmip_key_info *ret, enum kmip_tag tag,
			   uint32_t value)
{
	struct {
		enum kmip_tag tag;
		bool *has;
		uint32_t *value;
	} const to[] = {
		{ KMIP_TAG_STATE, &ret->has_state, &ret->state },
		{ KMIP_TAG_CRYPTOGRAPHIC_ALGORITHM, &ret->has_algorithm,
		  &ret->algorithm },
		{ KMIP_TAG_CRYPTOGRAPHIC_LENGTH, &ret->has_length,
		  &ret->length },
		{ KMIP_TAG_CRYPTOGRAPHIC_USAGE_MASK, &ret->has_usage_mask,
		  &ret->usage_mask },
	};
	size_t i;

	for (i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		if (to[i].tag != tag)
			continue;
		if (*to[i].has)
			return -EPROTO;
		*to[i].has = true;
		*to[i].value = value;
	}
	return 0;
}

static int number(const struct ttlv_item *item, enum ttlv_type type,
		  uint32_t *ret)
{
	int32_t value;
	int r;

	if (type == TTLV_ENUMERATION)
		return ttlv_enumeration(item, ret);
	r = ttlv_integer(item, &value);
	if (!r)
		*ret = (uint32_t)value;
	return r;
}

/* @value is that of the attribute with this @name, or this @tag. */
static int take_attribute(struct kmip_key_info *ret,
			  const struct ttlv_item *name, uint32_t tag,
			  const struct ttlv_item *value)
{
	uint32_t n;
	size_t i;
	int r;

	for (i = 0; i < KMIP_N_ATTRIBUTES; i++) {
		const struct kmip_attribute *a = &kmip_attributes[i];

		if (name ? !ttlv_text_is(name, a->name) : a->tag != tag)
			continue;
		r = number(value, a->type, &n);
		return r ? r : store_attribute(ret, a->tag, n);
	}
	return 0; /* one that we did not ask for */
}

/* KMIP 2.x: Attributes holds each under a tag of its own. */
static int take_attributes(struct kmip_key_info *ret,
			   const struct ttlv_item *structure)
{
	struct ttlv_reader reader;
	struct ttlv_item item;
	int r;

	r = ttlv_enter(structure, &reader);
	while (!r && (r = ttlv_next(&reader, &item)) > 0)
		r = take_attribute(ret, NULL, item.tag, &item);
	return r;
}

/* Both shapes, whatever the version: a server that mixes them means well. */
int kmip_payload_key_info(const struct kmip_result *res,
			  struct kmip_key_info *ret)
{
	struct ttlv_item item, name, value;
	struct ttlv_reader reader;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = ttlv_enter(&res->payload, &reader);
	while (!r && (r = ttlv_next(&reader, &item)) > 0) {
		r = 0;
		if (item.tag == KMIP_TAG_ATTRIBUTES) {
			r = take_attributes(ret, &item);
		} else if (item.tag == KMIP_TAG_ATTRIBUTE) {
			r = find(&item, KMIP_TAG_ATTRIBUTE_NAME, &name);
			if (!r)
				r = find(&item, KMIP_TAG_ATTRIBUTE_VALUE,
					 &value);
			if (!r)
				r = take_attribute(ret, &name, 0, &value);
		}
	}
	return r;
}

static int find_bytes(const struct ttlv_item *parent, enum kmip_tag tag,
		      const uint8_t **ret, size_t *ret_len)
{
	struct ttlv_item item;
	int r = ttlv_find(parent, tag, &item);

	return r ? r : ttlv_bytes(&item, ret, ret_len);
}

int kmip_payload_crypto(const struct kmip_result *res, struct kmip_crypto *ret)
{
	const struct ttlv_item *p = &res->payload;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = find_bytes(p, KMIP_TAG_DATA, &ret->data, &ret->data_len);
	if (r)
		return r == -ENODATA ? -EPROTO : r;
	r = find_bytes(p, KMIP_TAG_IV_COUNTER_NONCE, &ret->iv, &ret->iv_len);
	if (r && r != -ENODATA)
		return r;
	r = find_bytes(p, KMIP_TAG_AUTHENTICATED_ENCRYPTION_TAG, &ret->tag,
		       &ret->tag_len);
	return r == -ENODATA ? 0 : r;
}
