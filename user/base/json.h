/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json-c with strict, bounded access. Text is parsed with a depth limit, no
 * trailing bytes and no duplicate trickery; emitting always goes through the
 * library, never through printf.
 */
#ifndef _BASE_JSON_H
#define _BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/**
 * json_parse() - parse @len bytes as one JSON object, nothing after it
 * Return: 0, -EPROTO when it is not, -ENOMEM. *@ret is the caller's to put.
 */
int json_parse(const char *text, size_t len, struct json_object **ret);

/** json_read_file() - the same for a file of at most @max bytes; -errno. */
int json_read_file(const char *path, size_t max, struct json_object **ret);

/** json_write_file() - replace @path atomically, mode 0600. 0, -errno. */
int json_write_file(const char *path, struct json_object *obj);

/*
 * Getters: 0, -ENODATA when the member is absent (or null), -EPROTO when it
 * has another type, holds a NUL, is out of range or does not fit.
 */
int json_get_string(struct json_object *obj, const char *name, char *buf,
		    size_t size);
int json_get_u64(struct json_object *obj, const char *name, uint64_t *ret);
int json_get_u32(struct json_object *obj, const char *name, uint32_t *ret);
int json_get_bool(struct json_object *obj, const char *name, bool *ret);
/* Borrowed pointers */
int json_get_object(struct json_object *obj, const char *name,
		    struct json_object **ret);
int json_get_array(struct json_object *obj, const char *name,
		   struct json_object **ret);
/* Base64 into @buf of @size bytes; *@ret_len is what it took. */
int json_get_base64(struct json_object *obj, const char *name, void *buf,
		    size_t size, size_t *ret_len);

/* Setters: 0 or -ENOMEM. A NULL string adds nothing. */
int json_add_string(struct json_object *obj, const char *name, const char *s);
int json_add_u64(struct json_object *obj, const char *name, uint64_t v);
int json_add_bool(struct json_object *obj, const char *name, bool v);
int json_add_base64(struct json_object *obj, const char *name, const void *data,
		    size_t len);
/* Takes over @child, also on failure. */
int json_add(struct json_object *obj, const char *name,
	     struct json_object *child);

static inline void json_putp(struct json_object **obj)
{
	json_object_put(*obj);
	*obj = NULL;
}

#define _cleanup_json_ __attribute__((cleanup(json_putp)))

#endif
