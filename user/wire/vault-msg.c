// SPDX-License-Identifier: GPL-2.0-or-later
/* See vault-msg.h. */
#include "wire/vault-msg.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "wire/vault-secret.h"

void vault_item_free(struct vault_item *item)
{
	secret_free(&item->plaintext);
}

/* Appends, with @keep a set of characters that are sent as they are. */
static int append_encoded(char *buf, size_t size, const char *part,
			  const char *keep)
{
	size_t at = strlen(buf);

	for (; *part; part++) {
		unsigned char c = (unsigned char)*part;
		bool plain = c < 0x80 && (isalnum(c) || strchr(keep, c));
		int n;

		n = snprintf(buf + at, size - at, plain ? "%c" : "%%%02X", c);
		if (n < 0 || (size_t)n >= size - at)
			return -EINVAL;
		at += (size_t)n;
	}
	return 0;
}

int vault_msg_path(char *buf, size_t size, const char *mount, const char *verb,
		   const char *key)
{
	int r;

	if (size < 1)
		return -EINVAL;
	buf[0] = '\0';
	r = append_encoded(buf, size, "/v1/", "/");
	r = r ?: append_encoded(buf, size, mount, "-._~/");
	r = r ?: append_encoded(buf, size, "/", "/");
	r = r ?: append_encoded(buf, size, verb, "-._~/");
	if (key) {
		r = r ?: append_encoded(buf, size, "/", "/");
		r = r ?: append_encoded(buf, size, key, "-._~");
	}
	return r;
}

static int append(struct secret *s, size_t *capacity, const char *text)
{
	return secret_append(s, capacity, text, strlen(text));
}

static int append_plaintext(struct secret *s, size_t *capacity,
			    const struct secret *plaintext)
{
	_cleanup_secret_ struct secret text = SECRET_EMPTY;
	int r;

	r = secret_base64(&text, plaintext->data, plaintext->len);
	r = r ?: append(s, capacity, "{\"plaintext\":\"");
	r = r ?: secret_append(s, capacity, text.data, text.len);
	return r ?: append(s, capacity, "\"}");
}

/*
 * The one JSON text that json-c does not emit: it would keep the plaintext on
 * its heap. Base64 needs no escapes.
 */
int vault_msg_encrypt(const struct secret *plaintexts, size_t n,
		      struct secret *ret)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	size_t capacity = 0, i;
	int r = 0;

	if (!n || n > VAULT_BATCH_MAX)
		return -EINVAL;
	if (n > 1)
		r = append(&body, &capacity, "{\"batch_input\":[");
	for (i = 0; !r && i < n; i++) {
		if (i)
			r = append(&body, &capacity, ",");
		r = r ?: append_plaintext(&body, &capacity, &plaintexts[i]);
	}
	if (n > 1)
		r = r ?: append(&body, &capacity, "]}");
	if (!r)
		secret_move(ret, &body);
	return r;
}

static struct json_object *ciphertext_object(const char *text)
{
	struct json_object *obj = json_object_new_object();

	if (obj && json_add_string(obj, "ciphertext", text) < 0) {
		json_object_put(obj);
		obj = NULL;
	}
	return obj;
}

static int batch_of(const char *const *texts, size_t n,
		    struct json_object **ret)
{
	_cleanup_json_ struct json_object *obj = json_object_new_object();
	struct json_object *list = json_object_new_array();
	size_t i;

	if (!obj || json_add(obj, "batch_input", list) < 0)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		struct json_object *item = ciphertext_object(texts[i]);

		if (!item || json_object_array_add(list, item) < 0) {
			json_object_put(item);
			return -ENOMEM;
		}
	}
	*ret = obj;
	obj = NULL;
	return 0;
}

int vault_msg_ciphertexts(const char *const *texts, size_t n,
			  struct secret *ret)
{
	_cleanup_json_ struct json_object *obj = NULL;
	const char *text;
	int r = 0;

	if (!n || n > VAULT_BATCH_MAX)
		return -EINVAL;
	if (n == 1)
		obj = ciphertext_object(texts[0]);
	else
		r = batch_of(texts, n, &obj);
	text = obj ? json_object_to_json_string_ext(
			     obj, JSON_C_TO_STRING_PLAIN |
					  JSON_C_TO_STRING_NOSLASHESCAPE) :
		     NULL;
	if (r || !text)
		return -ENOMEM;
	return secret_copy(ret, text, strlen(text));
}

static int parse(const struct secret *body, struct json_object **ret)
{
	if (!body->data)
		return -EPROTO;
	return json_parse((const char *)body->data, body->len, ret);
}

/* Everything but errors and health is wrapped up in "data". */
static int parse_data(const struct secret *body, struct json_object **ret_root,
		      struct json_object **ret_data)
{
	int r;

	r = parse(body, ret_root);
	r = r ?: json_get_object(*ret_root, "data", ret_data);
	return r == -ENODATA ? -EPROTO : r;
}

static int optional(int r)
{
	return r == -ENODATA ? 0 : r;
}

uint32_t vault_msg_ciphertext_version(const char *text)
{
	static const char prefix[] = "vault:v";
	unsigned long version;
	char *end;

	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	text += sizeof(prefix) - 1;
	if (!isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	version = strtoul(text, &end, 10);
	if (*end != ':' || errno || version > UINT32_MAX)
		return 0;
	/* servers take v0 for v1: it is what the oldest ones wrote */
	return version ? (uint32_t)version : 1;
}

static int get_ciphertext(struct json_object *obj, struct vault_item *item)
{
	const char *p;
	int r;

	r = json_get_string(obj, "ciphertext", item->ciphertext,
			    sizeof(item->ciphertext));
	if (r)
		return -EPROTO;
	for (p = item->ciphertext; *p; p++)
		if (*p <= ' ' || *p > '~')
			return -EPROTO;
	if (p == item->ciphertext)
		return -EPROTO;
	/* servers before 1.5 do not tell it apart */
	item->key_version = vault_msg_ciphertext_version(item->ciphertext);
	return optional(json_get_u32(obj, "key_version", &item->key_version));
}

/* The secrets that were taken out of the text, in its order */
struct found {
	struct secret list[VAULT_BATCH_MAX];
	size_t n, used;
};

static void found_free(struct found *f)
{
	size_t i;

	for (i = 0; i < VAULT_BATCH_MAX; i++)
		secret_free(&f->list[i]);
}

static int get_plaintext(struct json_object *obj, struct found *found,
			 struct vault_item *item)
{
	struct json_object *child;
	const struct secret *text;

	/* what is not overwritten was not written as Vault writes it */
	if (!json_object_object_get_ex(obj, "plaintext", &child) ||
	    !json_object_is_type(child, json_type_string) ||
	    json_object_get_string(child)[0] != '*' || found->used >= found->n)
		return -EPROTO;
	text = &found->list[found->used++];
	if (secret_unbase64(&item->plaintext, (const char *)text->data,
			    text->len, VAULT_PLAINTEXT_MAX) < 0)
		return -EPROTO;
	return 0;
}

static int get_item(struct json_object *obj, enum vault_result what,
		    struct found *found, struct vault_item *item)
{
	struct json_object *error;

	if (!json_object_is_type(obj, json_type_object))
		return -EPROTO;
	/* a failed item of a batch may carry an empty plaintext, too */
	if (json_object_object_get_ex(obj, "error", &error) &&
	    json_object_is_type(error, json_type_string) &&
	    json_object_get_string_len(error) > 0) {
		snprintf(item->error, sizeof(item->error), "%s",
			 json_object_get_string(error));
		return 0;
	}
	return what == VAULT_PLAINTEXT ? get_plaintext(obj, found, item) :
					 get_ciphertext(obj, item);
}

static int get_items(const struct secret *body, enum vault_result what,
		     size_t n, struct found *found, struct vault_item *items)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *data, *list;
	size_t i;
	int r;

	r = parse_data(body, &root, &data);
	if (!r && n == 1)
		return get_item(data, what, found, items);
	r = r ?: json_get_array(data, "batch_results", &list);
	if (r)
		return r == -ENODATA ? -EPROTO : r;
	if (json_object_array_length(list) != n)
		return -EPROTO;
	for (i = 0; !r && i < n; i++)
		r = get_item(json_object_array_get_idx(list, i), what, found,
			     &items[i]);
	return r;
}

int vault_msg_items(struct secret *body, enum vault_result what, size_t n,
		    struct vault_item *items)
{
	struct found *found;
	int r;

	memset(items, 0, n * sizeof(*items));
	if (!n || n > VAULT_BATCH_MAX)
		return -EINVAL;
	found = calloc(1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	/* also where none is expected: nothing else wipes it */
	r = vault_secret_take(body, "plaintext", found->list, VAULT_BATCH_MAX);
	if (r >= 0) {
		found->n = r < VAULT_BATCH_MAX ? (size_t)r : VAULT_BATCH_MAX;
		r = get_items(body, what, n, found, items);
	}
	/* one that belongs to no item would have shifted those after it */
	if (!r && what == VAULT_PLAINTEXT && found->used != found->n)
		r = -EPROTO;
	found_free(found);
	free(found);
	return r == -ENOMEM ? r : r < 0 ? -EPROTO : 0;
}

int vault_msg_key(const struct secret *body, struct vault_key *ret)
{
	/* servers that know no such member support both */
	struct vault_key key = { .supports_encryption = true,
				 .supports_decryption = true };
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *data;
	int r;

	r = parse_data(body, &root, &data);
	r = r ?: json_get_string(data, "type", key.type, sizeof(key.type));
	r = r ?: json_get_u32(data, "latest_version", &key.latest_version);
	r = r	  ?:
		    optional(json_get_u32(data, "min_decryption_version",
					  &key.min_decryption_version));
	r = r	  ?:
		    optional(json_get_u32(data, "min_encryption_version",
					  &key.min_encryption_version));
	r = r ?: optional(json_get_bool(data, "derived", &key.derived));
	r = r	  ?:
		    optional(json_get_bool(data, "soft_deleted",
					   &key.soft_deleted));
	r = r	  ?:
		    optional(json_get_bool(data, "deletion_allowed",
					   &key.deletion_allowed));
	r = r	  ?:
		    optional(json_get_bool(data, "supports_encryption",
					   &key.supports_encryption));
	r = r	  ?:
		    optional(json_get_bool(data, "supports_decryption",
					   &key.supports_decryption));
	if (r)
		return r == -ENOMEM ? r : -EPROTO;
	*ret = key;
	return 0;
}

int vault_msg_token(struct secret *body, struct vault_token *ret)
{
	struct vault_token token = { .ttl_s = 0 };
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *data;
	int r;

	/* that is the token itself */
	r = vault_secret_take(body, "id", NULL, 0);
	if (r < 0)
		return r;
	r = parse_data(body, &root, &data);
	r = r ?: json_get_u64(data, "ttl", &token.ttl_s);
	r = r	  ?:
		    optional(json_get_u64(data, "creation_ttl",
					  &token.creation_ttl_s));
	r = r ?: optional(json_get_u64(data, "num_uses", &token.num_uses));
	r = r ?: optional(json_get_u64(data, "period", &token.period_s));
	r = r	  ?:
		    optional(json_get_u64(data, "explicit_max_ttl",
					  &token.explicit_max_ttl_s));
	r = r ?: optional(json_get_bool(data, "renewable", &token.renewable));
	if (r)
		return r == -ENOMEM ? r : -EPROTO;
	*ret = token;
	return 0;
}

int vault_msg_paths(const char *const *paths, size_t n, struct secret *ret)
{
	_cleanup_json_ struct json_object *obj = json_object_new_object();
	struct json_object *list = json_object_new_array();
	const char *text;

	if (!obj || json_add(obj, "paths", list) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct json_object *s = json_object_new_string(paths[i]);

		if (!s || json_object_array_add(list, s) < 0) {
			json_object_put(s);
			return -ENOMEM;
		}
	}
	text = json_object_to_json_string_ext(
		obj, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	return text ? secret_copy(ret, text, strlen(text)) : -ENOMEM;
}

static bool lists(struct json_object *list, const char *word)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (json_object_is_type(item, json_type_string) &&
		    !strcmp(json_object_get_string(item), word))
			return true;
	}
	return false;
}

int vault_msg_allows(const struct secret *body, const char *path,
		     const char *capability, bool *ret)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *data, *list;
	int r;

	r = parse_data(body, &root, &data);
	r = r ?: json_get_array(data, path, &list);
	if (r)
		return r == -ENOMEM ? r : -EPROTO;
	*ret = lists(list, capability);
	return 0;
}

int vault_msg_capable(const struct secret *body, const char *path,
		      const char *capability, bool *ret)
{
	int r = vault_msg_allows(body, path, capability, ret);

	return r || *ret ? r : vault_msg_allows(body, path, "root", ret);
}

int vault_msg_version(const struct secret *body, char *buf, size_t size)
{
	_cleanup_json_ struct json_object *root = NULL;
	int r;

	r = parse(body, &root);
	r = r ?: json_get_string(root, "version", buf, size);
	return r == -ENODATA ? -EPROTO : r;
}

int vault_msg_errors(const struct secret *body, char *buf, size_t size)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *list;
	size_t i, at = 0;
	int r;

	buf[0] = '\0';
	r = parse(body, &root);
	if (r < 0)
		return r;
	if (json_get_array(root, "errors", &list) < 0)
		return 0;
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		int n;

		if (!json_object_is_type(item, json_type_string))
			continue;
		n = snprintf(buf + at, size - at, "%s%s", at ? "; " : "",
			     json_object_get_string(item));
		if (n < 0 || (size_t)n >= size - at)
			break;
		at += (size_t)n;
	}
	return 0;
}
