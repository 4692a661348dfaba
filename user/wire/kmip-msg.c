// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KMIP requests. See kmip-msg.h; section numbers are KMIP 1.4's unless another
 * version is named. Servers look at the next tag only, so all fields are in
 * the standard's order.
 */
#include "wire/kmip-msg.h"

#include <errno.h>
#include <string.h>

#include "wire/kmip-names.h"

int kmip_version_cmp(struct kmip_version a, struct kmip_version b)
{
	if (a.major != b.major)
		return a.major < b.major ? -1 : 1;
	return (a.minor > b.minor) - (a.minor < b.minor);
}

/* One digit each, as in every version there is. */
int kmip_version_parse(const char *text, struct kmip_version *ret)
{
	if (strlen(text) != 3 || text[1] != '.' || text[0] < '1' ||
	    text[0] > '9' || text[2] < '0' || text[2] > '9')
		return -EINVAL;
	*ret = KMIP_VERSION(text[0] - '0', text[2] - '0');
	return 0;
}

static bool at_least(struct kmip_version v, uint16_t major, uint16_t minor)
{
	return kmip_version_cmp(v, KMIP_VERSION(major, minor)) >= 0;
}

static void put_version(struct ttlv_writer *w, struct kmip_version v)
{
	ttlv_begin(w, KMIP_TAG_PROTOCOL_VERSION);
	ttlv_put_integer(w, KMIP_TAG_PROTOCOL_VERSION_MAJOR, v.major);
	ttlv_put_integer(w, KMIP_TAG_PROTOCOL_VERSION_MINOR, v.minor);
	ttlv_end(w);
}

/* Authentication (6.6) with a credential of a name and a password (2.1.2) */
static void put_credential(struct ttlv_writer *w, const struct kmip_header *h)
{
	ttlv_begin(w, KMIP_TAG_AUTHENTICATION);
	ttlv_begin(w, KMIP_TAG_CREDENTIAL);
	ttlv_put_enumeration(w, KMIP_TAG_CREDENTIAL_TYPE,
			     KMIP_CREDENTIAL_USERNAME_PASSWORD);
	ttlv_begin(w, KMIP_TAG_CREDENTIAL_VALUE);
	ttlv_put_text(w, KMIP_TAG_USERNAME, h->username);
	if (h->password && h->password->len)
		ttlv_put_text_n(w, KMIP_TAG_PASSWORD, h->password->data,
				h->password->len);
	ttlv_end(w);
	ttlv_end(w);
	ttlv_end(w);
}

/*
 * Request header (7.1). Nothing that is optional: no Time Stamp, since servers
 * refuse one that is a minute off, and no Maximum Response Size, since the
 * error about it may be longer than that.
 */
static void put_header(struct ttlv_writer *w, const struct kmip_header *h)
{
	ttlv_begin(w, KMIP_TAG_REQUEST_HEADER);
	put_version(w, h->version);
	if (h->username)
		put_credential(w, h);
	ttlv_put_integer(w, KMIP_TAG_BATCH_COUNT, 1);
	ttlv_end(w);
}

/* An attribute of KMIP 1.x (2.1.1), with a value that is a number */
static void put_attribute(struct ttlv_writer *w, const char *name,
			  enum ttlv_type type, uint32_t value)
{
	ttlv_begin(w, KMIP_TAG_ATTRIBUTE);
	ttlv_put_text(w, KMIP_TAG_ATTRIBUTE_NAME, name);
	if (type == TTLV_ENUMERATION)
		ttlv_put_enumeration(w, KMIP_TAG_ATTRIBUTE_VALUE, value);
	else
		ttlv_put_integer(w, KMIP_TAG_ATTRIBUTE_VALUE, (int32_t)value);
	ttlv_end(w);
}

/* The value of @tag for a new key; 0 is for those that the server sets. */
static uint32_t created_value(const struct kmip_request *q, enum kmip_tag tag)
{
	switch (tag) {
	case KMIP_TAG_CRYPTOGRAPHIC_ALGORITHM:
		return KMIP_ALGORITHM_AES;
	case KMIP_TAG_CRYPTOGRAPHIC_LENGTH:
		return q->key_bits;
	case KMIP_TAG_CRYPTOGRAPHIC_USAGE_MASK:
		return q->usage_mask;
	default:
		return 0;
	}
}

/* Create (4.1) */
static void put_create(struct ttlv_writer *w, struct kmip_version version,
		       const struct kmip_request *q)
{
	bool v2 = at_least(version, 2, 0);
	size_t i;

	ttlv_put_enumeration(w, KMIP_TAG_OBJECT_TYPE,
			     KMIP_OBJECT_SYMMETRIC_KEY);
	ttlv_begin(w, v2 ? KMIP_TAG_ATTRIBUTES : KMIP_TAG_TEMPLATE_ATTRIBUTE);
	for (i = 0; i < KMIP_N_ATTRIBUTES; i++) {
		const struct kmip_attribute *a = &kmip_attributes[i];
		uint32_t value = created_value(q, a->tag);

		if (!value)
			continue;
		if (!v2)
			put_attribute(w, a->name, a->type, value);
		else if (a->type == TTLV_ENUMERATION)
			ttlv_put_enumeration(w, a->tag, value);
		else
			ttlv_put_integer(w, a->tag, (int32_t)value);
	}
	ttlv_end(w);
}

/* Get Attributes (4.12): by name, from 2.0 on by reference to the tag */
static void put_get_attributes(struct ttlv_writer *w,
			       struct kmip_version version,
			       const struct kmip_request *q)
{
	size_t i;

	ttlv_put_text(w, KMIP_TAG_UNIQUE_IDENTIFIER, q->uid);
	for (i = 0; i < KMIP_N_ATTRIBUTES; i++) {
		if (at_least(version, 2, 0))
			ttlv_put_enumeration(w, KMIP_TAG_ATTRIBUTE_REFERENCE,
					     kmip_attributes[i].tag);
		else
			ttlv_put_text(w, KMIP_TAG_ATTRIBUTE_NAME,
				      kmip_attributes[i].name);
	}
}

/*
 * Encrypt (4.29) and Decrypt (4.30). The parameters (3.6) are complete, since
 * not every server fills them up from the key's. Tag Length is in bytes. We
 * choose the IV: a server that chooses may take 16 bytes for GCM as well.
 */
static void put_crypt(struct ttlv_writer *w, const struct kmip_request *q)
{
	ttlv_put_text(w, KMIP_TAG_UNIQUE_IDENTIFIER, q->uid);
	ttlv_begin(w, KMIP_TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enumeration(w, KMIP_TAG_BLOCK_CIPHER_MODE, q->mode);
	if (q->padding)
		ttlv_put_enumeration(w, KMIP_TAG_PADDING_METHOD, q->padding);
	ttlv_put_enumeration(w, KMIP_TAG_CRYPTOGRAPHIC_ALGORITHM,
			     KMIP_ALGORITHM_AES);
	if (q->mode == KMIP_MODE_GCM)
		ttlv_put_integer(w, KMIP_TAG_TAG_LENGTH, KMIP_GCM_TAG_BYTES);
	ttlv_end(w);
	ttlv_put_bytes(w, KMIP_TAG_DATA, q->data, q->data_len);
	ttlv_put_bytes(w, KMIP_TAG_IV_COUNTER_NONCE, q->iv, q->iv_len);
	if (q->operation == KMIP_OP_DECRYPT && q->tag_field)
		ttlv_put_bytes(w, KMIP_TAG_AUTHENTICATED_ENCRYPTION_TAG, q->tag,
			       q->tag_len);
}

static int put_payload(struct ttlv_writer *w, struct kmip_version version,
		       const struct kmip_request *q)
{
	switch (q->operation) {
	case KMIP_OP_DISCOVER_VERSIONS:
		/* empty: all that it has (4.26) */
		return 0;
	case KMIP_OP_QUERY:
		ttlv_put_enumeration(w, KMIP_TAG_QUERY_FUNCTION,
				     KMIP_QUERY_SERVER_INFORMATION);
		return 0;
	case KMIP_OP_CREATE:
		put_create(w, version, q);
		return 0;
	case KMIP_OP_ACTIVATE:
		ttlv_put_text(w, KMIP_TAG_UNIQUE_IDENTIFIER, q->uid);
		return 0;
	case KMIP_OP_GET_ATTRIBUTES:
		put_get_attributes(w, version, q);
		return 0;
	case KMIP_OP_ENCRYPT:
	case KMIP_OP_DECRYPT:
		if (q->tag_field && !at_least(version, 1, 4))
			return -EOPNOTSUPP;
		put_crypt(w, q);
		return 0;
	default:
		return -EINVAL;
	}
}

int kmip_request_encode(const struct kmip_header *h,
			const struct kmip_request *q, struct secret *ret)
{
	_cleanup_secret_ struct secret s = SECRET_EMPTY;
	struct ttlv_writer w;
	size_t len;
	int r;

	r = secret_alloc(&s, KMIP_REQUEST_MAX);
	if (r)
		return r;
	ttlv_writer_init(&w, s.data, s.len);
	ttlv_begin(&w, KMIP_TAG_REQUEST_MESSAGE);
	put_header(&w, h);
	ttlv_begin(&w, KMIP_TAG_BATCH_ITEM);
	ttlv_put_enumeration(&w, KMIP_TAG_OPERATION, q->operation);
	ttlv_begin(&w, KMIP_TAG_REQUEST_PAYLOAD);
	r = put_payload(&w, h->version, q);
	if (r)
		return r;
	ttlv_end(&w);
	ttlv_end(&w);
	ttlv_end(&w);
	r = ttlv_finish(&w, &len);
	if (r)
		return r;
	secret_truncate(&s, len);
	secret_move(ret, &s);
	return 0;
}
