// SPDX-License-Identifier: GPL-2.0-or-later
/* See vault-auth.h. */
#include "wire/vault-auth.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "wire/vault-secret.h"

static int append(struct secret *s, size_t *capacity, const char *text)
{
	return secret_append(s, capacity, text, strlen(text));
}

/* Not json-c, which would keep the secret on its heap. */
static int append_string(struct secret *s, size_t *capacity, const char *text,
			 size_t len)
{
	size_t i;
	int r;

	r = append(s, capacity, "\"");
	for (i = 0; !r && i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return -EINVAL;
		if (text[i] == '"' || text[i] == '\\')
			r = append(s, capacity, "\\");
		r = r ?: secret_append(s, capacity, &text[i], 1);
	}
	return r ?: append(s, capacity, "\"");
}

static int append_member(struct secret *s, size_t *capacity, const char *name,
			 const char *text, size_t len)
{
	int r = 0;

	if (s->len > 1)
		r = append(s, capacity, ",");
	r = r ?: append_string(s, capacity, name, strlen(name));
	r = r ?: append(s, capacity, ":");
	return r ?: append_string(s, capacity, text, len);
}

int vault_auth_body(const char *name, const char *value,
		    const char *secret_name, const struct secret *secret,
		    struct secret *ret)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	size_t capacity = 0;
	int r;

	r = append(&body, &capacity, "{");
	if (!r && name)
		r = append_member(&body, &capacity, name, value, strlen(value));
	if (!r && secret_name)
		r = append_member(&body, &capacity, secret_name,
				  (const char *)secret->data, secret->len);
	r = r ?: append(&body, &capacity, "}");
	if (!r)
		secret_move(ret, &body);
	return r;
}

/* What is not overwritten was not written as Vault writes it. */
static int check_token(struct json_object *auth)
{
	struct json_object *child;

	if (!json_object_object_get_ex(auth, "client_token", &child) ||
	    !json_object_is_type(child, json_type_string) ||
	    json_object_get_string(child)[0] != '*')
		return -EPROTO;
	return 0;
}

int vault_auth_parse(struct secret *body, struct vault_auth *ret)
{
	_cleanup_secret_ struct secret token = SECRET_EMPTY;
	_cleanup_json_ struct json_object *root = NULL;
	struct vault_auth auth = { .ttl_s = 0 };
	struct json_object *obj;
	int r;

	if (!body->data)
		return -EPROTO;
	r = vault_secret_take(body, "client_token", &token, 1);
	if (r < 0)
		return r == -ENOMEM ? r : -EPROTO;
	if (r != 1)
		return -EPROTO;
	r = json_parse((const char *)body->data, body->len, &root);
	r = r ?: json_get_object(root, "auth", &obj);
	r = r ?: check_token(obj);
	r = r ?: json_get_u64(obj, "lease_duration", &auth.ttl_s);
	r = r ?: json_get_bool(obj, "renewable", &auth.renewable);
	if (r)
		return r == -ENOMEM ? r : -EPROTO;
	secret_move(&auth.token, &token);
	*ret = auth;
	return 0;
}
