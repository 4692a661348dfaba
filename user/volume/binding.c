// SPDX-License-Identifier: GPL-2.0-or-later
/* See binding.h. Parse and emit are in this one file and tested as a pair. */
#include "volume/binding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/op.h"

#define MUST_IV_LARGE_SECTORS "iv_large_sectors"

/* Ours and those of wrapped_to_json(); all others are kept as they are. */
static const char *const known_members[] = {
	"type",
	"keyslots",
	"version",
	"must",
	"key_bytes",
	"entry",
	"provider",
	"key_id",
	"mount",
	"namespace",
	"mode",
	"address",
	"wrapped",
	"iv",
	"tag",
	"key_version",
	MUST_IV_LARGE_SECTORS,
};

#define NKNOWN (sizeof(known_members) / sizeof(known_members[0]))

void binding_free(struct binding *b)
{
	json_object_put(b->unknown);
	free(b->json);
	b->unknown = NULL;
	b->json = NULL;
}

uint32_t binding_flags(const struct binding *b)
{
	return b->iv_large_sectors ? KMSC_DESC_IV_LARGE_SECTORS : 0;
}

static int bad(struct op *op, const char *what)
{
	return op_fail(op, -EBADMSG, "the binding is not usable: %s", what);
}

static int parse_must(struct op *op, struct json_object *obj, bool *large)
{
	struct json_object *must, *name;
	size_t i;

	*large = false;
	if (json_get_array(obj, "must", &must) < 0)
		return bad(op, "it has no list \"must\"");
	for (i = 0; i < json_object_array_length(must); i++) {
		name = json_object_array_get_idx(must, i);
		if (!json_object_is_type(name, json_type_string) ||
		    strcmp(json_object_get_string(name), MUST_IV_LARGE_SECTORS))
			return bad(op, "it needs a newer kmscrypt (unknown "
				       "name in \"must\")");
		*large = true;
	}
	return 0;
}

static int parse_own(struct op *op, struct json_object *obj,
		     struct binding *ret)
{
	struct json_object *keyslots;
	uint32_t version;
	char type[16];
	bool large;
	int r;

	if (json_get_string(obj, "type", type, sizeof(type)) < 0 ||
	    strcmp(type, KMSC_TOKEN_TYPE))
		return bad(op, "its type is not " KMSC_TOKEN_TYPE);
	if (json_get_array(obj, "keyslots", &keyslots) < 0)
		return bad(op, "it has no list of keyslots");
	if (json_get_u32(obj, "version", &version) < 0)
		return bad(op, "it has no version");
	if (version != BINDING_VERSION)
		return bad(op, "it needs a newer kmscrypt (unknown version)");
	r = parse_must(op, obj, &large);
	if (r < 0)
		return r;
	if (json_get_u32(obj, "key_bytes", &ret->key_bytes) < 0 ||
	    !ret->key_bytes || ret->key_bytes > KMSC_KEY_MAX)
		return bad(op, "its key_bytes is malformed");
	r = json_get_bool(obj, MUST_IV_LARGE_SECTORS, &ret->iv_large_sectors);
	if (r < 0 && r != -ENODATA)
		return bad(op, "its iv_large_sectors is malformed");
	/* one without the other was not written by us */
	if (large != ret->iv_large_sectors)
		return bad(op, "\"must\" and iv_large_sectors disagree");
	return 0;
}

/* @obj is not needed any more: what remains after removing is the rest. */
static void keep_unknown(struct json_object *obj, struct binding *b)
{
	size_t i;

	for (i = 0; i < NKNOWN; i++)
		json_object_object_del(obj, known_members[i]);
	if (json_object_object_length(obj) > 0)
		b->unknown = json_object_get(obj);
}

int binding_from_json(struct op *op, const char *text, size_t len,
		      struct binding *ret)
{
	_cleanup_json_ struct json_object *obj = NULL;
	struct binding b = { .token = -1 };
	int r;

	if (len > BINDING_JSON_MAX)
		return bad(op, "it is too large");
	r = json_parse(text, len, &obj);
	if (r < 0)
		return r == -ENOMEM ? r : bad(op, "it is not valid JSON");
	r = parse_own(op, obj, &b);
	if (r < 0)
		return r;
	r = wrapped_from_json(obj, &b.wrapped);
	if (r < 0)
		return r == -ENOMEM ? r :
				      bad(op, "a member is missing or malformed"
					      " (names, ciphertext)");
	b.json = strndup(text, len);
	if (!b.json)
		return -ENOMEM;
	keep_unknown(obj, &b);
	*ret = b;
	return 0;
}

static int add_must(struct json_object *obj, const struct binding *b)
{
	struct json_object *must = json_object_new_array();
	struct json_object *name;

	if (!must || !b->iv_large_sectors)
		return json_add(obj, "must", must);
	name = json_object_new_string(MUST_IV_LARGE_SECTORS);
	if (!name || json_object_array_add(must, name) < 0) {
		json_object_put(name);
		json_object_put(must);
		return -ENOMEM;
	}
	return json_add(obj, "must", must);
}

static int add_own(struct json_object *obj, const struct binding *b)
{
	int r;

	r = json_add_string(obj, "type", KMSC_TOKEN_TYPE);
	if (r == 0)
		r = json_add(obj, "keyslots", json_object_new_array());
	if (r == 0)
		r = json_add_u64(obj, "version", BINDING_VERSION);
	if (r == 0)
		r = add_must(obj, b);
	if (r == 0)
		r = json_add_u64(obj, "key_bytes", b->key_bytes);
	if (r == 0 && b->iv_large_sectors)
		r = json_add_bool(obj, MUST_IV_LARGE_SECTORS, true);
	return r;
}

/* What is known wins over a kept member of the same name. */
static int add_unknown(struct json_object *obj, const struct binding *b)
{
	int r;

	if (!b->unknown)
		return 0;
	json_object_object_foreach(b->unknown, name, child) {
		if (json_object_object_get_ex(obj, name, NULL))
			continue;
		/* null is a value here, not a failure */
		if (!child) {
			if (json_object_object_add(obj, name, NULL) < 0)
				return -ENOMEM;
			continue;
		}
		r = json_add(obj, name, json_object_get(child));
		if (r < 0)
			return r;
	}
	return 0;
}

int binding_to_json(struct op *op, const struct binding *b, char **ret)
{
	_cleanup_json_ struct json_object *obj = NULL;
	const char *text;
	char *copy;
	int r;

	if (b->err)
		return op_fail(op, b->err, "%s", b->why);
	obj = json_object_new_object();
	if (!obj)
		return -ENOMEM;
	r = add_own(obj, b);
	if (r == 0)
		r = wrapped_to_json(&b->wrapped, obj);
	if (r == 0)
		r = add_unknown(obj, b);
	if (r < 0)
		return r;
	text = json_object_to_json_string_ext(
		obj, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	copy = text ? strdup(text) : NULL;
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}
