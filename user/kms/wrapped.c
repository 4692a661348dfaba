// SPDX-License-Identifier: GPL-2.0-or-later
/* See wrapped.h. */
#include "kms/wrapped.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

static const char *const providers[KMS_PROVIDERS] = {
	[KMS_LOCAL] = "local",
	[KMS_VAULT] = "vault",
	[KMS_KMIP] = "kmip",
};

static const char *const modes[] = {
	[WRAP_MODE_GCM] = "gcm",
	[WRAP_MODE_GCM_APPENDED] = "gcm-appended",
	[WRAP_MODE_CTR] = "ctr",
	[WRAP_MODE_CBC] = "cbc",
};

#define NMODES (sizeof(modes) / sizeof(modes[0]))

const char *wrapped_provider_name(enum kms_provider provider)
{
	return provider < KMS_PROVIDERS ? providers[provider] : "unknown";
}

int wrapped_provider_parse(const char *name, enum kms_provider *ret)
{
	int i;

	for (i = 0; i < KMS_PROVIDERS; i++) {
		if (strcmp(providers[i], name) == 0) {
			*ret = (enum kms_provider)i;
			return 0;
		}
	}
	return -EBADMSG;
}

const char *wrapped_mode_name(enum wrap_mode mode)
{
	return mode < NMODES ? modes[mode] : NULL;
}

int wrapped_mode_parse(const char *name, enum wrap_mode *ret)
{
	size_t i;

	for (i = 0; i < NMODES; i++) {
		if (modes[i] && strcmp(modes[i], name) == 0) {
			*ret = (enum wrap_mode)i;
			return 0;
		}
	}
	return -EBADMSG;
}

int wrapped_entry_ok(const char *id)
{
	size_t i;

	if (strlen(id) != WRAPPED_ENTRY_LEN)
		return 0;
	for (i = 0; i < WRAPPED_ENTRY_LEN; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (id[i] != '-')
				return 0;
		} else if (!strchr("0123456789abcdef", id[i])) {
			return 0;
		}
	}
	return 1;
}

int wrapped_name_ok(const char *name, int slashes)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";

	if (strlen(name) >= WRAPPED_NAME_MAX)
		return 0;
	for (;;) {
		size_t len = strspn(name, allowed);

		if (!len || (len == 1 && name[0] == '.') ||
		    (len == 2 && name[0] == '.' && name[1] == '.'))
			return 0;
		if (!name[len])
			return 1;
		if (name[len] != '/' || !slashes)
			return 0;
		name += len + 1;
	}
}

/* A member that may be absent, but then only by being empty. */
static int add_if(struct json_object *obj, const char *name, const char *value)
{
	return json_add_string(obj, name, value && *value ? value : NULL);
}

static int add_bytes(struct json_object *obj, const char *name,
		     const uint8_t *data, size_t len)
{
	return len ? json_add_base64(obj, name, data, len) : 0;
}

int wrapped_to_json(const struct wrapped *w, struct json_object *obj)
{
	int r;

	r = json_add_string(obj, "provider",
			    wrapped_provider_name(w->provider));
	r = r ?: json_add_string(obj, "entry", w->entry);
	r = r ?: add_if(obj, "key_id", w->key_id);
	r = r ?: add_if(obj, "mount", w->mount);
	r = r ?: add_if(obj, "namespace", w->ns);
	r = r ?: add_if(obj, "mode", wrapped_mode_name(w->mode));
	if (w->key_version)
		r = r ?: json_add_u64(obj, "key_version", w->key_version);
	r = r ?: add_if(obj, "address", w->address);
	if (w->provider == KMS_VAULT)
		r = r ?: json_add_string(obj, "wrapped", w->text);
	else
		r = r ?: add_bytes(obj, "wrapped", w->data, w->data_len);
	r = r ?: add_bytes(obj, "iv", w->iv, w->iv_len);
	return r ?: add_bytes(obj, "tag", w->tag, w->tag_len);
}

/* -ENODATA: absent, which the caller judges; the buffer is empty then */
static int optional(int r)
{
	return r == -ENODATA ? 0 : r;
}

/* Who wrapped, with which key: names that later go into paths and messages */
static int names_from_json(struct json_object *obj, struct wrapped *w)
{
	char name[16];
	int vault, r;

	r = json_get_string(obj, "provider", name, sizeof(name));
	r = r ?: wrapped_provider_parse(name, &w->provider);
	r = r ?: json_get_string(obj, "entry", w->entry, sizeof(w->entry));
	r = r	  ?:
		    optional(json_get_string(obj, "key_id", w->key_id,
					     sizeof(w->key_id)));
	r = r	  ?:
		    optional(json_get_string(obj, "mount", w->mount,
					     sizeof(w->mount)));
	r = r	  ?:
		    optional(json_get_string(obj, "namespace", w->ns,
					     sizeof(w->ns)));
	if (r)
		return r;
	vault = w->provider == KMS_VAULT;
	if (!wrapped_entry_ok(w->entry))
		return -EBADMSG;
	/* the local provider has one key a generation, which needs no name */
	if (!(w->provider == KMS_LOCAL && !w->key_id[0]) &&
	    !wrapped_name_ok(w->key_id, !vault))
		return -EBADMSG;
	if (vault ? !wrapped_name_ok(w->mount, 1) : w->mount[0] != '\0')
		return -EBADMSG;
	if (w->ns[0] && (!vault || !wrapped_name_ok(w->ns, 1)))
		return -EBADMSG;
	return 0;
}

static int text_from_json(struct json_object *obj, struct wrapped *w)
{
	const char *p;
	int r;

	r = json_get_string(obj, "wrapped", w->text, sizeof(w->text));
	if (r)
		return r;
	for (p = w->text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return -EBADMSG;
	if (p == w->text || w->mode != WRAP_MODE_NONE || w->iv_len ||
	    w->tag_len)
		return -EBADMSG;
	return 0;
}

static int data_from_json(struct json_object *obj, struct wrapped *w)
{
	int r;

	r = json_get_base64(obj, "wrapped", w->data, sizeof(w->data),
			    &w->data_len);
	if (r)
		return r;
	if (!w->data_len || !w->iv_len || w->mode == WRAP_MODE_NONE)
		return -EBADMSG;
	/* only one mode has a tag of its own, and that one must have it */
	if ((w->mode == WRAP_MODE_GCM) != (w->tag_len != 0))
		return -EBADMSG;
	return 0;
}

static int cipher_from_json(struct json_object *obj, struct wrapped *w)
{
	char name[16] = "";
	int r;

	r = optional(json_get_string(obj, "mode", name, sizeof(name)));
	if (!r && name[0])
		r = wrapped_mode_parse(name, &w->mode);
	r = r ?: optional(json_get_u32(obj, "key_version", &w->key_version));
	r = r	  ?:
		    optional(json_get_string(obj, "address", w->address,
					     sizeof(w->address)));
	r = r	  ?:
		    optional(json_get_base64(obj, "iv", w->iv, sizeof(w->iv),
					     &w->iv_len));
	r = r	  ?:
		    optional(json_get_base64(obj, "tag", w->tag, sizeof(w->tag),
					     &w->tag_len));
	if (r)
		return r;
	return w->provider == KMS_VAULT ? text_from_json(obj, w) :
					  data_from_json(obj, w);
}

int wrapped_from_json(struct json_object *obj, struct wrapped *ret)
{
	struct wrapped w = { .provider = KMS_LOCAL };
	int r;

	r = names_from_json(obj, &w);
	r = r ?: cipher_from_json(obj, &w);
	if (r)
		return r == -ENOMEM ? r : -EBADMSG;
	*ret = w;
	return 0;
}
