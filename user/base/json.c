// SPDX-License-Identifier: GPL-2.0-or-later
/* See json.h. */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/secret.h"

#define DEPTH_MAX 32
#define TEXT_MAX (16 * 1024 * 1024)

/*
 * What json-c lets through even when it is strict: names in single quotes, NaN
 * and Infinity, control characters in strings, and two members with one name,
 * of which it keeps the last and another reader may keep the first. The last
 * is found by counting: the colons outside of strings are the members that the
 * text has.
 */
static int scan(const char *text, size_t len, size_t *ret_members)
{
	bool inside = false;
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		if (inside && (uint8_t)text[i] < ' ')
			return -EPROTO;
		if (inside && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			inside = !inside;
		else if (inside)
			continue;
		else if (strchr("'NI", text[i]))
			return -EPROTO;
		else if (text[i] == ':')
			n++;
	}
	*ret_members = n;
	return 0;
}

static size_t count_members(struct json_object *obj)
{
	size_t i, n = 0;

	if (json_object_is_type(obj, json_type_array)) {
		for (i = 0; i < json_object_array_length(obj); i++)
			n += count_members(json_object_array_get_idx(obj, i));
	} else if (json_object_is_type(obj, json_type_object)) {
		n = (size_t)json_object_object_length(obj);
		json_object_object_foreach(obj, name, child) {
			(void)name;
			n += count_members(child);
		}
	}
	return n;
}

int json_parse(const char *text, size_t len, struct json_object **ret)
{
	_cleanup_json_ struct json_object *obj = NULL;
	struct json_tokener *tok;
	enum json_tokener_error err;
	size_t members;

	while (len && strchr(" \t\r\n", text[len - 1]) && text[len - 1])
		len--;
	if (!len || len > TEXT_MAX || memchr(text, '\0', len) ||
	    scan(text, len, &members) < 0)
		return -EPROTO;
	tok = json_tokener_new_ex(DEPTH_MAX);
	if (!tok)
		return -ENOMEM;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
					    JSON_TOKENER_VALIDATE_UTF8);
	obj = json_tokener_parse_ex(tok, text, (int)len);
	err = json_tokener_get_error(tok);
	/* the strict flag alone lets a second value follow in some versions */
	if (err == json_tokener_success &&
	    json_tokener_get_parse_end(tok) != len)
		err = json_tokener_error_parse_unexpected;
	json_tokener_free(tok);
	if (err != json_tokener_success ||
	    !json_object_is_type(obj, json_type_object) ||
	    count_members(obj) != members)
		return -EPROTO;
	*ret = obj;
	obj = NULL;
	return 0;
}

int json_read_file(const char *path, size_t max, struct json_object **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	r = file_read(path, max, &text, &len);
	return r < 0 ? r : json_parse(text, len, ret);
}

int json_write_file(const char *path, struct json_object *obj)
{
	_cleanup_free_ char *line = NULL;
	const char *text;
	int len;

	text = json_object_to_json_string_ext(
		obj, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			     JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return -ENOMEM;
	len = asprintf(&line, "%s\n", text);
	if (len < 0) {
		line = NULL;
		return -ENOMEM;
	}
	return file_write(path, line, (size_t)len);
}

/* null counts as absent */
static int get(struct json_object *obj, const char *name, enum json_type type,
	       struct json_object **ret)
{
	struct json_object *child;

	if (!json_object_is_type(obj, json_type_object))
		return -EPROTO;
	if (!json_object_object_get_ex(obj, name, &child) || !child)
		return -ENODATA;
	if (!json_object_is_type(child, type))
		return -EPROTO;
	*ret = child;
	return 0;
}

int json_get_string(struct json_object *obj, const char *name, char *buf,
		    size_t size)
{
	struct json_object *child;
	const char *text;
	size_t len;
	int r;

	r = get(obj, name, json_type_string, &child);
	if (r < 0)
		return r;
	text = json_object_get_string(child);
	len = (size_t)json_object_get_string_len(child);
	/* "\u0000" gives a NUL inside */
	if (len >= size || strlen(text) != len)
		return -EPROTO;
	memcpy(buf, text, len + 1);
	return 0;
}

int json_get_u64(struct json_object *obj, const char *name, uint64_t *ret)
{
	struct json_object *child;
	uint64_t value;
	int r;

	r = get(obj, name, json_type_int, &child);
	if (r < 0)
		return r;
	/* clamps: a negative number becomes 0, one that is too large the max */
	value = json_object_get_uint64(child);
	if (value == UINT64_MAX || (!value && json_object_get_int64(child)))
		return -EPROTO;
	*ret = value;
	return 0;
}

int json_get_u32(struct json_object *obj, const char *name, uint32_t *ret)
{
	uint64_t value;
	int r;

	r = json_get_u64(obj, name, &value);
	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return -EPROTO;
	*ret = (uint32_t)value;
	return 0;
}

int json_get_bool(struct json_object *obj, const char *name, bool *ret)
{
	struct json_object *child;
	int r;

	r = get(obj, name, json_type_boolean, &child);
	if (r < 0)
		return r;
	*ret = json_object_get_boolean(child);
	return 0;
}

int json_get_object(struct json_object *obj, const char *name,
		    struct json_object **ret)
{
	return get(obj, name, json_type_object, ret);
}

int json_get_array(struct json_object *obj, const char *name,
		   struct json_object **ret)
{
	return get(obj, name, json_type_array, ret);
}

int json_get_base64(struct json_object *obj, const char *name, void *buf,
		    size_t size, size_t *ret_len)
{
	_cleanup_secret_ struct secret bytes = SECRET_EMPTY;
	struct json_object *child;
	int r;

	r = get(obj, name, json_type_string, &child);
	if (r < 0)
		return r;
	r = secret_unbase64(&bytes, json_object_get_string(child),
			    (size_t)json_object_get_string_len(child), size);
	if (r < 0)
		return r == -EMSGSIZE ? -EPROTO : r;
	memcpy(buf, bytes.data, bytes.len);
	*ret_len = bytes.len;
	return 0;
}

int json_add(struct json_object *obj, const char *name,
	     struct json_object *child)
{
	if (!child)
		return -ENOMEM;
	if (json_object_object_add(obj, name, child) < 0) {
		json_object_put(child);
		return -ENOMEM;
	}
	return 0;
}

int json_add_string(struct json_object *obj, const char *name, const char *s)
{
	return s ? json_add(obj, name, json_object_new_string(s)) : 0;
}

int json_add_u64(struct json_object *obj, const char *name, uint64_t v)
{
	return json_add(obj, name, json_object_new_uint64(v));
}

int json_add_bool(struct json_object *obj, const char *name, bool v)
{
	return json_add(obj, name, json_object_new_boolean(v));
}

int json_add_base64(struct json_object *obj, const char *name, const void *data,
		    size_t len)
{
	_cleanup_secret_ struct secret text = SECRET_EMPTY;
	int r;

	r = secret_base64(&text, data, len);
	if (r < 0)
		return r;
	return json_add(obj, name,
			json_object_new_string_len((const char *)text.data,
						   (int)text.len));
}
