// SPDX-License-Identifier: GPL-2.0-or-later
/* kms show, kms: the entries, without asking anybody. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "kms/config.h"
#include "kms/login-state.h"
#include "kms/own-end.h"
#include "volume/scan.h"
#include "wire/own-cert.h"

#define END_MAX 256

static const char *state_name(const struct generation *g)
{
	return g->state == GENERATION_CURRENT ? "current" : "retiring";
}

static int peek(const struct generation *g, struct login_record *ret)
{
	char set[CONFIG_SET_MAX];

	generation_set_name(g, set);
	return login_state_peek(set, ret);
}

/*
 * What will make the credential stop working, or "": what the server said last
 * of a token, and what is in the certificate.
 */
static int find_end(struct op *op, const struct generation *g,
		    char text[END_MAX])
{
	_cleanup_record_ struct login_record record = { 0 };
	_cleanup_free_ char *cert = NULL;
	const char *token = NULL;
	int r;

	*text = '\0';
	if (g->provider == KMS_VAULT && !peek(g, &record))
		token = login_warning(&record, g->login != LOGIN_TOKEN);
	if (token)
		snprintf(text, END_MAX, "%s", token);
	r = config_client_cert(op, g, &cert);
	if (!r && !token)
		own_end_warning(own_cert_left_pem(cert), text, END_MAX);
	return r == -ENODATA ? 0 : r;
}

static size_t dependents(const struct scan *s, const char *id)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += scan_refers(&s->items[i], id);
	return n;
}

static int add_addresses(struct json_object *obj, const struct generation *g)
{
	struct json_object *list = json_object_new_array();

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < g->naddresses; i++)
		if (json_object_array_add(
			    list, json_object_new_string(g->addresses[i]))) {
			json_object_put(list);
			return -ENOMEM;
		}
	return json_add(obj, "addresses", list);
}

/* What the server said last; nothing where it was not asked since the boot. */
static int add_credential(struct json_object *obj, const struct generation *g)
{
	_cleanup_record_ struct login_record r = { 0 };
	int err;

	if (g->provider != KMS_VAULT)
		return 0;
	err = json_add_string(obj, "login", config_login_name(g->login));
	if (!err && *g->proxy)
		err = json_add_string(obj, "proxy", g->proxy);
	if (err || peek(g, &r))
		return err;
	if (r.ttl_s)
		err = json_add_u64(obj, "credential_seconds",
				   (uint64_t)login_left_s(&r));
	return err;
}

static struct json_object *generation_json(const struct generation *g,
					   const char *end,
					   const struct scan *s)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return NULL;
	if (!json_add_string(obj, "id", g->id) &&
	    !json_add_string(obj, "state", state_name(g)) &&
	    !json_add_string(obj, "provider",
			     wrapped_provider_name(g->provider)) &&
	    !add_addresses(obj, g) &&
	    !json_add_string(obj, "key_id", g->key_id) &&
	    !json_add_string(obj, "mount", g->mount) &&
	    !json_add_string(obj, "namespace", g->ns) &&
	    !(g->open_only && json_add_bool(obj, "open_only", true)) &&
	    !add_credential(obj, g) &&
	    !(*end && json_add_string(obj, "warning", end)) &&
	    !json_add_u64(obj, "created", g->created) &&
	    !json_add_u64(obj, "volumes", dependents(s, g->id)))
		return obj;
	json_object_put(obj);
	return NULL;
}

static int add_entry_json(struct json_object *list, const struct entry *e,
			  const char *ends, const struct scan *s)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *all = json_object_new_array();
	int r = obj && all ? json_add_string(obj, "name", e->name) : -ENOMEM;

	for (size_t i = 0; !r && i < e->ngenerations; i++) {
		struct json_object *g = generation_json(&e->generations[i],
							ends + i * END_MAX, s);

		if (!g || json_object_array_add(all, g)) {
			json_object_put(g);
			r = -ENOMEM;
		}
	}
	if (!r)
		r = json_add(obj, "generations", json_object_get(all));
	if (!r && json_object_array_add(list, json_object_get(obj)))
		r = -ENOMEM;
	json_object_put(all);
	json_object_put(obj);
	return r;
}

static void print_entry(const struct entry *e, const struct scan *s)
{
	for (size_t i = 0; i < e->ngenerations; i++) {
		const struct generation *g = &e->generations[i];
		size_t n = dependents(s, g->id);

		output_line("%-16s %-8s %-5s %s%s%s%s%s  %zu volume%s", e->name,
			    state_name(g), wrapped_provider_name(g->provider),
			    *g->ns ? g->ns : "", *g->ns ? "/" : "",
			    *g->mount ? g->mount : "", *g->mount ? "/" : "",
			    *g->key_id ? g->key_id : "key file on this host", n,
			    n == 1 ? "" : "s");
		for (size_t a = 0; a < g->naddresses; a++)
			output_line("%-16s   %s", "", g->addresses[a]);
		output_line("%-16s   generation %s%s", "", g->id,
			    g->open_only ? ", opens only" : "");
	}
}

/* Return: 0, EXIT_ENDS when a credential will end, -errno. */
static int show_one(struct cli *cli, const char *name, const struct scan *s,
		    struct json_object *list)
{
	_cleanup_entry_ struct entry e = { 0 };
	_cleanup_free_ char *ends = NULL;
	int r = config_load(&cli->op, name, &e), code = 0;

	if (r)
		return r;
	ends = calloc(e.ngenerations + 1, END_MAX);
	if (!ends)
		return -ENOMEM;
	for (size_t i = 0; !r && i < e.ngenerations; i++) {
		char *end = ends + i * END_MAX;

		r = find_end(&cli->op, &e.generations[i], end);
		if (!*end)
			continue;
		output_warning(cli, "entry '%s': %s", name, end);
		code = EXIT_ENDS;
	}
	if (r)
		return r;
	if (cli->json)
		r = add_entry_json(list, &e, ends, s);
	else
		print_entry(&e, s);
	return r ?: code;
}

static int show_all(struct cli *cli, const struct scan *s,
		    struct json_object *list)
{
	char **names = NULL;
	size_t n = 0;
	int r = config_list(&cli->op, &names, &n), code = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = show_one(cli, names[i], s, list);
		code = code ?: r;
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	if (!r && !n)
		output_note(cli, "no KMS entry on this host; 'kmscrypt kms "
				 "set' makes one");
	return r < 0 ? r : code;
}

int cmd_kms_show(struct cli *cli)
{
	_cleanup_scan_ struct scan s = { 0 };
	_cleanup_json_ struct json_object *list = json_object_new_array();
	struct json_object *obj;
	const char *name;
	int r = options_entry(cli, &name), err;

	if (!r)
		r = scan_registry(&cli->op, &s);
	if (!r)
		r = options_has(cli, OPT_NAME) ? show_one(cli, name, &s, list) :
						 show_all(cli, &s, list);
	if (r < 0 || !cli->json)
		return r;
	obj = json_object_new_object();
	if (!obj || json_add(obj, "entries", json_object_get(list))) {
		json_object_put(obj);
		return -ENOMEM;
	}
	err = output_json(obj);
	return err ?: r;
}
