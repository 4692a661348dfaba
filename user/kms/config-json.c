// SPDX-License-Identifier: GPL-2.0-or-later
/* See config-json.h. */
#include "kms/config-json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "kms/config.h"

#define ENTRY_VERSION 1

static const char *const states[] = {
	[GENERATION_CURRENT] = "current",
	[GENERATION_RETIRING] = "retiring",
};

static const char *const logins[] = {
	[LOGIN_TOKEN] = "token",
	[LOGIN_APPROLE] = "approle",
	[LOGIN_KUBERNETES] = "kubernetes",
	[LOGIN_CERT] = "cert",
};

#define NLOGINS (sizeof(logins) / sizeof(logins[0]))

const char *config_login_name(enum vault_login login)
{
	return logins[login];
}

static int add_if(struct json_object *obj, const char *name, const char *value)
{
	return json_add_string(obj, name, value && *value ? value : NULL);
}

static int add_addresses(const struct generation *g, struct json_object *obj)
{
	struct json_object *list;
	size_t i;

	if (!g->naddresses)
		return 0;
	list = json_object_new_array();
	if (!list)
		return -ENOMEM;
	for (i = 0; i < g->naddresses; i++) {
		struct json_object *s = json_object_new_string(g->addresses[i]);

		if (!s || json_object_array_add(list, s) < 0) {
			json_object_put(s);
			json_object_put(list);
			return -ENOMEM;
		}
	}
	return json_add(obj, "addresses", list);
}

static int generation_to_json(const struct generation *g,
			      struct json_object *obj)
{
	int r;

	r = json_add_string(obj, "id", g->id);
	r = r	  ?:
		    json_add_string(obj, "provider",
				    wrapped_provider_name(g->provider));
	r = r ?: json_add_string(obj, "state", states[g->state]);
	r = r ?: json_add_u64(obj, "created", g->created);
	if (!r && g->set)
		r = json_add_u64(obj, "credentials", g->set);
	r = r ?: add_addresses(g, obj);
	r = r ?: add_if(obj, "key_id", g->key_id);
	r = r ?: add_if(obj, "mount", g->mount);
	r = r ?: add_if(obj, "namespace", g->ns);
	if (!r && g->login != LOGIN_TOKEN)
		r = json_add_string(obj, "login", logins[g->login]);
	r = r ?: add_if(obj, "auth_mount", g->auth_mount);
	r = r ?: add_if(obj, "role", g->role);
	r = r ?: add_if(obj, "jwt_file", g->jwt_file);
	if (!r && g->open_only)
		r = json_add_bool(obj, "open_only", true);
	r = r ?: add_if(obj, "proxy", g->proxy);
	r = r ?: add_if(obj, "server_name", g->server_name);
	r = r ?: add_if(obj, "kmip_version", g->kmip_version);
	r = r ?: add_if(obj, "mode", wrapped_mode_name(g->mode));
	r = r ?: add_if(obj, "tls_ciphers", g->ciphers);
	return r ?: add_if(obj, "username", g->username);
}

int entry_to_json(const struct entry *e, struct json_object **ret)
{
	_cleanup_json_ struct json_object *obj = json_object_new_object();
	_cleanup_json_ struct json_object *list = json_object_new_array();
	size_t i;
	int r;

	if (!obj || !list)
		return -ENOMEM;
	r = json_add_u64(obj, "version", ENTRY_VERSION);
	r = r ?: json_add_string(obj, "name", e->name);
	for (i = 0; !r && i < e->ngenerations; i++) {
		struct json_object *child = json_object_new_object();

		if (!child || json_object_array_add(list, child) < 0) {
			json_object_put(child);
			return -ENOMEM;
		}
		r = generation_to_json(&e->generations[i], child);
	}
	if (r < 0)
		return r;
	r = json_add(obj, "generations", list);
	list = NULL;
	if (r < 0)
		return r;
	*ret = obj;
	obj = NULL;
	return 0;
}

static int optional(int r)
{
	return r == -ENODATA ? 0 : r;
}

static int get_optional(struct json_object *obj, const char *name, char *buf,
			size_t size)
{
	return optional(json_get_string(obj, name, buf, size));
}

/* An address goes into a URL or a socket, and into messages. */
static bool address_ok(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"'<>\\^`{|}", *p))
			return false;
	return p != text;
}

static int get_addresses(struct json_object *obj, struct generation *g)
{
	struct json_object *list, *item;
	size_t i, n, len;
	int r;

	r = json_get_array(obj, "addresses", &list);
	if (r)
		return optional(r);
	n = json_object_array_length(list);
	if (n > CONFIG_ADDRESSES_MAX)
		return -EBADMSG;
	for (i = 0; i < n; i++) {
		item = json_object_array_get_idx(list, i);
		if (!json_object_is_type(item, json_type_string))
			return -EBADMSG;
		len = (size_t)json_object_get_string_len(item);
		if (len >= CONFIG_ADDRESS_MAX)
			return -EBADMSG;
		memcpy(g->addresses[i], json_object_get_string(item), len + 1);
		if (strlen(g->addresses[i]) != len ||
		    !address_ok(g->addresses[i]))
			return -EBADMSG;
	}
	g->naddresses = n;
	return 0;
}

static int get_state(struct json_object *obj, struct generation *g)
{
	char name[16];
	int r;

	r = json_get_string(obj, "state", name, sizeof(name));
	if (r)
		return r;
	if (strcmp(name, states[GENERATION_CURRENT]) == 0)
		g->state = GENERATION_CURRENT;
	else if (strcmp(name, states[GENERATION_RETIRING]) == 0)
		g->state = GENERATION_RETIRING;
	else
		return -EBADMSG;
	return 0;
}

static int get_login(struct json_object *obj, struct generation *g)
{
	char name[16];
	size_t i;
	int r;

	r = json_get_string(obj, "login", name, sizeof(name));
	if (r)
		return optional(r);
	for (i = 0; i < NLOGINS; i++)
		if (strcmp(name, logins[i]) == 0)
			break;
	if (i == NLOGINS)
		return -EBADMSG;
	g->login = (enum vault_login)i;
	return 0;
}

bool config_word_ok(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return p != text;
}

/* It stands in the entry and in messages, where no password may be. */
bool config_proxy_ok(const char *url)
{
	static const char *const schemes[] = { "http://", "https://",
					       "socks5h://" };
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]);

		if (!strncmp(url, schemes[i], len))
			return url[len] && !strpbrk(url + len, "@/?#") &&
			       address_ok(url);
	}
	return false;
}

/* Each way to log in with what it needs, and nothing else. */
static bool login_ok(const struct generation *g)
{
	bool role = g->login == LOGIN_APPROLE || g->login == LOGIN_KUBERNETES;

	if (g->provider != KMS_VAULT)
		return g->login == LOGIN_TOKEN && !g->role[0] &&
		       !g->jwt_file[0] && !g->proxy[0];
	if (role ? !config_word_ok(g->role) : g->role[0] != '\0')
		return false;
	if (g->login == LOGIN_KUBERNETES ? g->jwt_file[0] != '/' :
					   g->jwt_file[0] != '\0')
		return false;
	return !g->proxy[0] || config_proxy_ok(g->proxy);
}

static bool names_ok(const struct generation *g)
{
	bool vault = g->provider == KMS_VAULT;

	if (!wrapped_entry_ok(g->id) || !login_ok(g) ||
	    (g->open_only && !vault))
		return false;
	if (g->provider == KMS_LOCAL)
		return !g->naddresses &&
		       (!g->key_id[0] || wrapped_name_ok(g->key_id, 0)) &&
		       !g->mount[0] && !g->ns[0];
	if (!g->naddresses || !wrapped_name_ok(g->key_id, !vault))
		return false;
	if (vault ? !wrapped_name_ok(g->mount, 1) : g->mount[0] != '\0')
		return false;
	if (g->ns[0] && (!vault || !wrapped_name_ok(g->ns, 1)))
		return false;
	return !g->auth_mount[0] || wrapped_name_ok(g->auth_mount, 1);
}

static int generation_from_json(struct json_object *obj, struct generation *g)
{
	char name[16];
	int r;

	r = json_get_string(obj, "id", g->id, sizeof(g->id));
	r = r ?: json_get_string(obj, "provider", name, sizeof(name));
	r = r ?: wrapped_provider_parse(name, &g->provider);
	r = r ?: get_state(obj, g);
	r = r ?: json_get_u64(obj, "created", &g->created);
	r = r ?: optional(json_get_u64(obj, "credentials", &g->set));
	r = r ?: get_addresses(obj, g);
	r = r ?: get_optional(obj, "key_id", g->key_id, sizeof(g->key_id));
	r = r ?: get_optional(obj, "mount", g->mount, sizeof(g->mount));
	r = r ?: get_optional(obj, "namespace", g->ns, sizeof(g->ns));
	r = r ?: get_login(obj, g);
	r = r	  ?:
		    get_optional(obj, "auth_mount", g->auth_mount,
				 sizeof(g->auth_mount));
	r = r ?: get_optional(obj, "role", g->role, sizeof(g->role));
	r = r	  ?:
		    get_optional(obj, "jwt_file", g->jwt_file,
				 sizeof(g->jwt_file));
	r = r ?: optional(json_get_bool(obj, "open_only", &g->open_only));
	r = r ?: get_optional(obj, "proxy", g->proxy, sizeof(g->proxy));
	r = r	  ?:
		    get_optional(obj, "server_name", g->server_name,
				 sizeof(g->server_name));
	r = r	  ?:
		    get_optional(obj, "kmip_version", g->kmip_version,
				 sizeof(g->kmip_version));
	r = r	  ?:
		    get_optional(obj, "username", g->username,
				 sizeof(g->username));
	r = r	  ?:
		    get_optional(obj, "tls_ciphers", g->ciphers,
				 sizeof(g->ciphers));
	if (r)
		return r;
	r = json_get_string(obj, "mode", name, sizeof(name));
	if (!r)
		r = wrapped_mode_parse(name, &g->mode);
	r = optional(r);
	return r ? r : names_ok(g) ? 0 : -EBADMSG;
}

static int generations_from_json(struct json_object *list, struct entry *e)
{
	size_t i, n, ncurrent = 0;
	int r;

	n = json_object_array_length(list);
	if (n > CONFIG_GENERATIONS_MAX)
		return -EBADMSG;
	e->generations = calloc(n ? n : 1, sizeof(*e->generations));
	if (!e->generations)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		size_t k;

		r = generation_from_json(json_object_array_get_idx(list, i),
					 &e->generations[i]);
		if (r)
			return r;
		/* one id, one generation; at most one that wraps */
		for (k = 0; k < i; k++)
			if (!strcmp(e->generations[k].id, e->generations[i].id))
				return -EBADMSG;
		ncurrent += e->generations[i].state == GENERATION_CURRENT;
	}
	if (ncurrent > 1)
		return -EBADMSG;
	e->ngenerations = n;
	return 0;
}

int entry_from_json(struct json_object *obj, struct entry *ret)
{
	_cleanup_entry_ struct entry e = { .ngenerations = 0 };
	struct json_object *list;
	uint32_t version;
	int r;

	r = json_get_u32(obj, "version", &version);
	if (!r && version != ENTRY_VERSION)
		r = -EBADMSG;
	r = r ?: json_get_string(obj, "name", e.name, sizeof(e.name));
	if (!r && !config_name_ok(e.name))
		r = -EBADMSG;
	r = r ?: json_get_array(obj, "generations", &list);
	r = r ?: generations_from_json(list, &e);
	if (r)
		return r == -ENOMEM ? r : -EBADMSG;
	*ret = e;
	e = (struct entry){ .ngenerations = 0 };
	return 0;
}
