// SPDX-License-Identifier: GPL-2.0-or-later
/* See header.h. */
#include "volume/header.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/op.h"
#include "volume/binding.h"
#include "volume/integrity.h"

#define TOKENS_MAX 32 /* LUKS2's own limit */

void header_free(struct header *h)
{
	size_t i;

	for (i = 0; i < h->nbindings; i++)
		binding_free(&h->bindings[i]);
	free(h->bindings);
	h->bindings = NULL;
	h->nbindings = 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int uuid_parse(const char *text, uint8_t ret[KMSC_UUID_BYTES])
{
	uint8_t bytes[KMSC_UUID_BYTES];
	size_t i, n = 0;
	int hi, lo;

	if (strnlen(text, KMSC_UUID_STR_LEN + 1) != KMSC_UUID_STR_LEN)
		return -EBADMSG;
	for (i = 0; i < KMSC_UUID_STR_LEN; i += 2) {
		if (i == 8 || i == 13 || i == 18 || i == 23)
			if (text[i++] != '-')
				return -EBADMSG;
		hi = hex_digit(text[i]);
		lo = hex_digit(text[i + 1]);
		if (hi < 0 || lo < 0)
			return -EBADMSG;
		bytes[n++] = (uint8_t)(hi << 4 | lo);
	}
	memcpy(ret, bytes, sizeof(bytes));
	return 0;
}

int header_set_uuid(struct op *op, struct header *h, const char *uuid)
{
	if (!uuid || uuid_parse(uuid, h->uuid_bytes) < 0)
		return op_fail(op, -EBADMSG, "the header's UUID is malformed");
	memcpy(h->uuid, uuid, sizeof(h->uuid));
	return 0;
}

static int bad(struct op *op, const char *what)
{
	return op_fail(op, -EBADMSG, "the header is not usable: %s", what);
}

/* LUKS2 keeps 64-bit numbers as decimal strings, without sign or zeroes. */
static int get_decimal(struct json_object *obj, const char *name, uint64_t *ret)
{
	unsigned long long v;
	char text[32], again[32];

	if (json_get_string(obj, name, text, sizeof(text)) < 0)
		return -EBADMSG;
	errno = 0;
	v = strtoull(text, NULL, 10);
	if (errno)
		return -EBADMSG;
	/* what strtoull() accepts beyond digits does not print like that */
	snprintf(again, sizeof(again), "%llu", v);
	if (strcmp(text, again))
		return -EBADMSG;
	*ret = v;
	return 0;
}

/*
 * It goes into table lines and callouts, so it may not hold blanks. A null
 * cipher would map a volume that stores plaintext: cryptsetup's name for it is
 * "null" too; but "null" is also the name of an IV.
 */
bool header_cipher_ok(const char *cipher)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_:().,";

	return *cipher && !cipher[strspn(cipher, chars)] &&
	       !strcasestr(cipher, "cipher_null") &&
	       strncasecmp(cipher, "null", 4) != 0;
}

/* dm-integrity could encrypt and authenticate its journal; LUKS2 never does. */
static bool is_none(struct json_object *obj, const char *name)
{
	char text[HEADER_NAME_MAX];

	return !json_get_string(obj, name, text, sizeof(text)) &&
	       !strcmp(text, "none");
}

/* The MAC's key has its usual length, written down or not. */
static bool key_size_ok(struct json_object *obj, const char *type)
{
	uint32_t bytes;
	int r = json_get_u32(obj, "key_size", &bytes);

	return r == -ENODATA || (!r && bytes == integrity_mac_bytes(type));
}

static int parse_integrity(struct json_object *obj, char *ret, size_t size)
{
	struct json_object *integrity;
	int r;

	*ret = '\0';
	r = json_get_object(obj, "integrity", &integrity);
	if (r == -ENODATA)
		return 0;
	if (r < 0 || json_get_string(integrity, "type", ret, size) < 0 ||
	    !*ret || !is_none(integrity, "journal_encryption") ||
	    !is_none(integrity, "journal_integrity") ||
	    !key_size_ok(integrity, ret))
		return -EBADMSG;
	return 0;
}

static int parse_segment_size(struct json_object *obj, uint64_t *ret)
{
	char text[32];

	if (json_get_string(obj, "size", text, sizeof(text)) < 0)
		return -EBADMSG;
	if (!strcmp(text, "dynamic")) {
		*ret = 0;
		return 0;
	}
	if (get_decimal(obj, "size", ret) < 0 || !*ret || *ret % 512)
		return -EBADMSG;
	return 0;
}

static int parse_segment(struct op *op, struct json_object *obj,
			 struct segment *s)
{
	struct json_object *flags;

	if (json_get_string(obj, "type", s->type, sizeof(s->type)) < 0 ||
	    strcmp(s->type, "crypt"))
		return bad(op, "its segment is not of type crypt");
	if (json_object_object_get_ex(obj, "flags", &flags))
		return bad(op, "its segment has flags of a re-encryption");
	if (json_get_string(obj, "encryption", s->cipher, sizeof(s->cipher)) <
	    0)
		return bad(op, "its segment names no cipher");
	if (!header_cipher_ok(s->cipher))
		return bad(op, "its segment's cipher is none or malformed");
	if (json_get_u32(obj, "sector_size", &s->sector_size) < 0 ||
	    s->sector_size < KMSC_SECTOR_MIN ||
	    s->sector_size > KMSC_SECTOR_MAX ||
	    (s->sector_size & (s->sector_size - 1)))
		return bad(op, "its segment's sector size is malformed");
	if (get_decimal(obj, "iv_tweak", &s->iv_tweak) < 0)
		return bad(op, "its segment's iv_tweak is malformed");
	if (get_decimal(obj, "offset", &s->offset) < 0 || s->offset % 512)
		return bad(op, "its segment's offset is malformed");
	if (parse_segment_size(obj, &s->size) < 0)
		return bad(op, "its segment's size is malformed");
	if (parse_integrity(obj, s->integrity, sizeof(s->integrity)) < 0)
		return bad(op, "its segment's integrity is malformed");
	return 0;
}

/* Does @obj (a digest) cover segment @id? */
static bool covers(struct json_object *obj, const char *id)
{
	struct json_object *ids, *one;
	size_t i;

	if (json_get_array(obj, "segments", &ids) < 0)
		return false;
	for (i = 0; i < json_object_array_length(ids); i++) {
		one = json_object_array_get_idx(ids, i);
		if (json_object_is_type(one, json_type_string) &&
		    !strcmp(json_object_get_string(one), id))
			return true;
	}
	return false;
}

static int parse_digest(struct op *op, struct json_object *obj,
			struct digest *d)
{
	if (json_get_string(obj, "type", d->type, sizeof(d->type)) < 0 ||
	    json_get_string(obj, "hash", d->hash, sizeof(d->hash)) < 0 ||
	    json_get_u32(obj, "iterations", &d->iterations) < 0 ||
	    json_get_base64(obj, "salt", d->salt, sizeof(d->salt),
			    &d->salt_len) < 0 ||
	    json_get_base64(obj, "digest", d->value, sizeof(d->value),
			    &d->value_len) < 0)
		return bad(op, "its digest is malformed");
	return 0;
}

static int parse_data(struct op *op, struct json_object *root,
		      struct header *ret)
{
	struct json_object *segments, *digests, *segment = NULL, *found = NULL;
	const char *id = NULL;
	int r;

	if (json_get_object(root, "segments", &segments) < 0 ||
	    json_get_object(root, "digests", &digests) < 0)
		return bad(op, "it has no segments or digests");
	if (json_object_object_length(segments) != 1)
		return bad(op, "it has not exactly one segment");
	json_object_object_foreach(segments, name, child) {
		id = name;
		segment = child;
	}
	r = parse_segment(op, segment, &ret->segment);
	if (r < 0)
		return r;
	json_object_object_foreach(digests, digest_name, digest) {
		(void)digest_name;
		if (!covers(digest, id))
			continue;
		if (found)
			return bad(op, "several digests cover its segment");
		found = digest;
	}
	if (!found)
		return bad(op, "no digest covers its segment");
	return parse_digest(op, found, &ret->digest);
}

/* Of a binding that is not ours to read: what it needs all the same. */
static void note_entry(struct json_object *obj, struct wrapped *ret)
{
	char id[sizeof(ret->entry)];

	if (json_get_string(obj, "entry", id, sizeof(id)) == 0 &&
	    wrapped_entry_ok(id))
		memcpy(ret->entry, id, sizeof(id));
}

static int parse_token(struct op *op, struct json_object *obj, int number,
		       struct binding *ret)
{
	struct op inner = *op;
	const char *text;
	size_t len;
	int r;

	op_clear(&inner);
	text = json_object_to_json_string_length(
		obj, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		&len);
	if (!text)
		return -ENOMEM;
	r = binding_from_json(&inner, text, len, ret);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		ret->err = r;
		note_entry(obj, &ret->wrapped);
		snprintf(ret->why, sizeof(ret->why), "%.*s",
			 (int)sizeof(ret->why) - 1, inner.detail);
	}
	ret->token = number;
	return 0;
}

static bool is_binding(struct json_object *obj)
{
	char type[HEADER_NAME_MAX];

	return json_get_string(obj, "type", type, sizeof(type)) == 0 &&
	       !strcmp(type, KMSC_TOKEN_TYPE);
}

/* By number, not in the order of the text, so that every reader agrees. */
static int parse_tokens(struct op *op, struct json_object *root,
			struct header *ret)
{
	struct json_object *tokens, *obj;
	char name[16];
	int i, r;

	if (json_get_object(root, "tokens", &tokens) < 0)
		return bad(op, "it has no list of tokens");
	ret->bindings = calloc(KMSC_MAX_BINDINGS, sizeof(*ret->bindings));
	if (!ret->bindings)
		return -ENOMEM;
	for (i = 0; i < TOKENS_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (!json_object_object_get_ex(tokens, name, &obj) ||
		    !is_binding(obj))
			continue;
		if (ret->nbindings == KMSC_MAX_BINDINGS)
			return bad(op, "it has too many bindings");
		r = parse_token(op, obj, i, &ret->bindings[ret->nbindings]);
		if (r < 0)
			return r;
		ret->nbindings++;
	}
	return 0;
}

static int parse_requirements(struct op *op, struct json_object *root)
{
	struct json_object *config, *requirements, *mandatory;
	size_t i, n;

	if (json_get_object(root, "config", &config) < 0)
		return bad(op, "it has no configuration");
	if (!json_object_object_get_ex(config, "requirements", &requirements))
		return 0;
	if (json_get_array(requirements, "mandatory", &mandatory) < 0)
		return bad(op, "its requirements are malformed");
	n = json_object_array_length(mandatory);
	for (i = 0; i < n; i++)
		if (strstr(json_object_get_string(json_object_array_get_idx(mandatory, i)) ?:
				   "",
			   "reencrypt"))
			return op_fail(op, -EBUSY,
				       "a re-encryption of the volume is under "
				       "way or was interrupted");
	return n ? bad(op, "it requires something unknown") : 0;
}

int header_parse(struct op *op, const char *text, size_t len,
		 struct header *ret)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *keyslots;
	int r;

	if (len > HEADER_JSON_MAX)
		return bad(op, "it is too large");
	r = json_parse(text, len, &root);
	if (r < 0)
		return r == -ENOMEM ? r : bad(op, "it is not valid JSON");
	r = parse_requirements(op, root);
	if (r < 0)
		return r;
	if (json_get_object(root, "keyslots", &keyslots) < 0)
		return bad(op, "it has no list of keyslots");
	ret->keyslots = (unsigned int)json_object_object_length(keyslots);
	r = parse_data(op, root, ret);
	if (r < 0)
		return r;
	return parse_tokens(op, root, ret);
}
