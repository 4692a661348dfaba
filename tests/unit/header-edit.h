/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One field of a LUKS2 header changed by somebody who can write the disk and
 * knows the format: any member of the JSON, or a field of the binary header.
 * Which field and how is a matter of a random number alone, so that each edit
 * can be had again. Included by one test only.
 */
#ifndef _UNIT_HEADER_EDIT_H
#define _UNIT_HEADER_EDIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "luks2-edit.h"

#define EDIT_SPOTS_MAX 256
#define EDIT_HEADER_SIZE 16384 /* of one copy, as libcryptsetup makes it */
#define EDIT_LONG 5000

/* A member of an object, or an element of an array. */
struct spot {
	struct json_object *parent;
	char name[64]; /* "" in an array */
	size_t index;
	char path[128];
};

struct spots {
	struct spot list[EDIT_SPOTS_MAX];
	size_t n;
};

/* What there is to take values from, besides the header itself. */
struct edit_sources {
	struct json_object *other; /* header of another volume */
	struct json_object *older; /* an older header of this volume */
};

static uint64_t edit_state;
static char edit_what[512]; /* what was done, in words */

/* splitmix64: the same on every machine */
static inline uint64_t edit_random(void)
{
	uint64_t z = edit_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline size_t edit_below(size_t n)
{
	return (size_t)(edit_random() % n);
}

static inline void edit_walk(struct json_object *obj, const char *path,
			     struct spots *ret);

static inline void edit_add(struct spots *ret, struct json_object *parent,
			    const char *name, size_t index, const char *path,
			    struct json_object *child)
{
	struct spot *s = &ret->list[ret->n];

	if (ret->n == EDIT_SPOTS_MAX)
		abort();
	ret->n++;
	s->parent = parent;
	s->index = index;
	snprintf(s->name, sizeof(s->name), "%s", name);
	if (*name)
		snprintf(s->path, sizeof(s->path), "%.60s/%.60s", path, name);
	else
		snprintf(s->path, sizeof(s->path), "%.60s/%zu", path, index);
	edit_walk(child, s->path, ret);
}

static inline void edit_walk(struct json_object *obj, const char *path,
			     struct spots *ret)
{
	char here[128];
	size_t i;

	snprintf(here, sizeof(here), "%s", path);
	if (json_object_is_type(obj, json_type_object)) {
		json_object_object_foreach(obj, name, child)
			edit_add(ret, obj, name, 0, here, child);
	} else if (json_object_is_type(obj, json_type_array)) {
		for (i = 0; i < json_object_array_length(obj); i++)
			edit_add(ret, obj, "", i, here,
				 json_object_array_get_idx(obj, i));
	}
}

static inline struct json_object *edit_get(const struct spot *s)
{
	if (*s->name)
		return json_object_object_get(s->parent, s->name);
	return json_object_array_get_idx(s->parent, s->index);
}

static inline void edit_put(const struct spot *s, struct json_object *value)
{
	if (*s->name)
		json_object_object_add(s->parent, s->name, value);
	else
		json_object_array_put_idx(s->parent, s->index, value);
}

static inline void edit_drop(const struct spot *s)
{
	if (*s->name)
		json_object_object_del(s->parent, s->name);
	else
		json_object_array_del_idx(s->parent, s->index, 1);
}

static inline struct json_object *edit_copy(struct json_object *obj)
{
	struct json_object *copy = NULL;

	if (obj && json_object_deep_copy(obj, &copy, NULL) < 0)
		abort();
	return copy;
}

/* What members hold somewhere, valid and less so; JSON. */
static const char *const edit_bank[] = {
	"\"aes-xts-plain64\"",
	"\"aes-xts-plain\"",
	"\"aes-cbc-essiv:sha256\"",
	"\"serpent-xts-plain64\"",
	"\"aes-cbc-plain64\"",
	"\"aes-ecb\"",
	"\"cipher_null-ecb\"",
	"\"capi:xts(aes)-plain64\"",
	"\"capi:xts(ecb(cipher_null))-plain64\"",
	"\"aes-xts-random\"",
	"\"capi:authenc(hmac(sha256),xts(aes))-random\"",
	"\"dynamic\"",
	"\"crypt\"",
	"\"linear\"",
	"\"pbkdf2\"",
	"\"kmscrypt\"",
	"\"luks2-keyring\"",
	"\"systemd-tpm2\"",
	"\"local\"",
	"\"vault\"",
	"\"kmip\"",
	"\"gcm\"",
	"\"ctr\"",
	"\"cbc\"",
	"\"sha1\"",
	"\"sha256\"",
	"\"sha512\"",
	"\"transit\"",
	"\"default\"",
	"\"online-reencrypt\"",
	"[\"online-reencrypt-v2\"]",
	"{\"mandatory\":[\"online-reencrypt\"]}",
	"{\"mandatory\":[\"unknown\"]}",
	"{\"type\":\"hmac(sha256)\",\"journal_encryption\":\"none\","
	"\"journal_integrity\":\"none\"}",
	"{\"type\":\"aead\",\"journal_encryption\":\"none\","
	"\"journal_integrity\":\"none\"}",
	"[\"backup-final\"]",
	"[\"iv_large_sectors\"]",
	"[\"allow-discards\"]",
	"[\"0\"]",
	"[\"1\"]",
	"[\"0\",\"0\"]",
	"[0]",
	"[]",
	"{}",
	"true",
	"false",
	"null",
	"512",
	"1024",
	"2048",
	"4096",
	"8192",
	"1000",
	"32",
	"64",
	"96",
	"97",
	"\"16777216\"",
	"\"16777728\"",
	"\"16781312\"",
	"\"8388608\"",
	"\"33554432\"",
	"\"1048576\"",
	"\"8\"",
	"\"0\"",
	"\"-1\"",
	"\" 0\"",
	"\"00\"",
	"\"0x0\"",
	"\"18446744073709551615\"",
	"\"18446744073709551616\"",
	"\"18446744073709547520\"",
	"0",
	"1",
	"2",
	"-1",
	"2147483648",
	"4294967296",
	"4294971392",
	"18446744073709551615",
	"1e3",
	"0.5",
	"\"\"",
	"\"A\"",
	"\"AAAA\"",
	"\"../../auth/token/revoke-self\"",
	"\"a\\u0000b\"",
	"\"a\\r\\nb\"",
};

static inline struct json_object *edit_from_bank(void)
{
	size_t n = sizeof(edit_bank) / sizeof(edit_bank[0]);

	return json_tokener_parse(edit_bank[edit_below(n)]);
}

/* A number in decimal, as LUKS2 keeps the large ones. */
static inline struct json_object *edit_step(struct json_object *old)
{
	static const int64_t steps[] = {
		1, -1, 7, 8, 512, -512, 4096, 1LL << 32
	};
	const int64_t step = steps[edit_below(8)];
	char text[32];

	if (!json_object_is_type(old, json_type_string))
		return json_object_new_int64(json_object_get_int64(old) + step);
	snprintf(text, sizeof(text), "%llu",
		 strtoull(json_object_get_string(old), NULL, 10) + step);
	return json_object_new_string(text);
}

static inline struct json_object *edit_text(struct json_object *old)
{
	static const char digits[] = "ABCDwxyz0189+/=-_ \t\n\"\\.";
	const char *text = old ? json_object_get_string(old) : "";
	char buf[EDIT_LONG + 512];
	size_t len;

	snprintf(buf, 500, "%s", text);
	len = strlen(buf);
	switch (edit_below(6)) {
	case 0: /* shorter */
		buf[edit_below(len + 1)] = '\0';
		break;
	case 1: /* longer */
		snprintf(buf + len, 10, "%c", digits[edit_below(23)]);
		break;
	case 2: /* much longer */
		memset(buf + len, 'A', EDIT_LONG);
		buf[len + EDIT_LONG] = '\0';
		break;
	case 3: /* another case, where it has one */
		if (len)
			buf[edit_below(len)] ^= 0x20;
		break;
	default: /* another character */
		if (len)
			buf[edit_below(len)] = digits[edit_below(23)];
	}
	return json_object_new_string(buf);
}

static inline struct json_object *edit_lookup(struct json_object *root,
					      const char *path)
{
	struct json_object *obj = NULL;

	return json_pointer_get(root, path, &obj) < 0 ? NULL : obj;
}

/* One member or element more, next to @s. */
static inline void edit_more(const struct spots *all, const struct spot *s)
{
	struct json_object *value = edit_below(2) ? edit_copy(edit_get(s)) :
						    edit_from_bank();
	static const char *const names[] = {
		"requirements",	    "requirements", "flags",
		"integrity",	    "must",	    "mount",
		"namespace",	    "address",	    "version",
		"iv_large_sectors",
	};
	char name[80];

	if (!*s->name) {
		json_object_array_add(s->parent, value);
		return;
	}
	switch (edit_below(4)) {
	case 0:
		snprintf(name, sizeof(name), "%zu", edit_below(4));
		break;
	case 1: /* a name from elsewhere */
		snprintf(name, sizeof(name), "%s",
			 all->list[edit_below(all->n)].name);
		break;
	case 2: /* one that means something where it may be missing */
		snprintf(name, sizeof(name), "%s", names[edit_below(10)]);
		break;
	default:
		snprintf(name, sizeof(name), "%s%c", s->name,
			 " _x\t"[edit_below(4)]);
	}
	if (json_object_object_get_ex(s->parent, name, NULL) || !*name)
		strcat(name, "2");
	json_object_object_add(s->parent, name, value);
}

/* Value of @s: one of ten ways to make another. */
static inline void edit_change(const struct spots *all, const struct spot *s,
			       const struct edit_sources *from)
{
	struct json_object *old = edit_get(s), *new = NULL;

	switch (edit_below(10)) {
	case 0:
		edit_drop(s);
		return;
	case 1:
		edit_more(all, s);
		return;
	case 2:
		new = edit_step(old);
		break;
	case 3:
	case 4:
		new = edit_text(old);
		break;
	case 5: /* of another member */
		new = edit_copy(edit_get(&all->list[edit_below(all->n)]));
		break;
	case 6:
		new = edit_copy(edit_lookup(from->other, s->path));
		break;
	case 7:
		new = edit_copy(edit_lookup(from->older, s->path));
		break;
	default:
		new = edit_from_bank();
	}
	edit_put(s, new);
}

/*
 * The member twice in the text, the second time changed or the first: readers
 * of JSON differ in which one counts. Where a member of the name comes first
 * in the text is where it goes.
 */
static inline int edit_twice(uint8_t *copy, const char *text,
			     const struct spot *s)
{
	char name[80], *out = NULL;
	const char *at;
	int r;

	snprintf(name, sizeof(name), "\"%s\":", s->name);
	at = *s->name ? strstr(text, name) : NULL;
	if (!at)
		return -1;
	if (asprintf(&out, "%.*s%s%s,%s", (int)(at - text), text, name,
		     edit_bank[edit_below(sizeof(edit_bank) /
					  sizeof(edit_bank[0]))],
		     at) < 0)
		abort();
	r = luks2_fill(copy, EDIT_HEADER_SIZE, out);
	free(out);
	return r;
}

/* A field of the binary header: where, and how many bytes. */
struct edit_field {
	const char *name;
	size_t at, len;
};

static const struct edit_field edit_fields[] = {
	{ "magic", 0, 6 },	  { "version", 6, 2 },
	{ "hdr_size", 8, 8 },	  { "seqid", 16, 8 },
	{ "label", 24, 48 },	  { "checksum_alg", 72, 32 },
	{ "salt", 104, 64 },	  { "uuid", 168, 40 },
	{ "subsystem", 208, 48 }, { "hdr_offset", 256, 8 },
	{ "padding", 264, 184 },  { "padding4096", 512, 3584 },
};

/* The same change in both copies. */
static inline void edit_binary(uint8_t *copies)
{
	const struct edit_field *f = &edit_fields[edit_below(12)];
	size_t i, at = f->at + edit_below(f->len);
	uint8_t byte = (uint8_t)edit_random();

	snprintf(edit_what, sizeof(edit_what), "binary %s, byte %zu: ^%02x",
		 f->name, at - f->at, byte);
	for (i = 0; i < 2; i++) {
		uint8_t *copy = copies + i * EDIT_HEADER_SIZE;

		copy[at] ^= byte;
		luks2_seal(copy, EDIT_HEADER_SIZE);
	}
}

/* The JSON of both copies. Return: 0, -1: that edit cannot be made. */
static inline int edit_json(uint8_t *copies, size_t which,
			    const struct edit_sources *from)
{
	struct json_object *root;
	static struct spots all;
	const char *text;
	struct spot *s;
	int r = 0;

	root = json_tokener_parse((char *)copies + LUKS2_JSON_AT);
	all.n = 0;
	edit_walk(root, "", &all);
	s = &all.list[which % all.n];
	if (edit_below(8)) {
		edit_change(&all, s, from);
		text = json_object_to_json_string_ext(root, 0);
		r = luks2_fill(copies, EDIT_HEADER_SIZE, text);
	} else {
		text = json_object_to_json_string_ext(root, 0);
		r = edit_twice(copies, text, s);
	}
	snprintf(edit_what, sizeof(edit_what), "%s: %.300s", s->path,
		 json_object_to_json_string_ext(edit_lookup(root, s->path), 0));
	if (r == 0) {
		uint8_t *second = copies + EDIT_HEADER_SIZE;

		memcpy(second + LUKS2_JSON_AT, copies + LUKS2_JSON_AT,
		       EDIT_HEADER_SIZE - LUKS2_JSON_AT);
		luks2_seal(second, EDIT_HEADER_SIZE);
	}
	json_object_put(root);
	return r;
}

/**
 * edit_header() - edit number @n of @copies, the two copies of a header
 * Return: 0, -1: there is no such edit (no room for it in the JSON area).
 */
static inline int edit_header(uint8_t *copies, size_t n,
			      const struct edit_sources *from)
{
	edit_state = n;
	if (n % 16 == 15) {
		edit_binary(copies);
		return 0;
	}
	return edit_json(copies, n, from);
}

#endif
