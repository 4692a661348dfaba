// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kms check: the key is there, and a probe comes back. The kernel's helper asks
 * where there is one, because who opens volumes is the helper.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "volume/helper.h"

struct check {
	struct kms_health health;
	bool by_helper;
	int64_t us;
};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int print_json(const char *name, const struct generation *g,
		      const struct check *c)
{
	const struct kms_health *h = &c->health;
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "entry", name) ||
	    json_add_string(obj, "provider",
			    wrapped_provider_name(g->provider)) ||
	    json_add_string(obj, "key_id", g->key_id) ||
	    (g->open_only && json_add_bool(obj, "open_only", true)) ||
	    json_add_string(obj, "server", h->server) ||
	    json_add_string(obj, "address", h->address) ||
	    (h->key_version &&
	     json_add_u64(obj, "key_version", h->key_version)) ||
	    (h->credential_s >= 0 && json_add_u64(obj, "credential_seconds",
						  (uint64_t)h->credential_s)) ||
	    json_add_bool(obj, "credential_renewable",
			  h->credential_renewable) ||
	    json_add_bool(obj, "credential_periodic", h->credential_periodic) ||
	    (h->credential_uses &&
	     json_add_u64(obj, "credential_uses", h->credential_uses)) ||
	    (g->provider == KMS_VAULT &&
	     json_add_string(obj, "login", config_login_name(g->login))) ||
	    json_add_bool(obj, "credential_ends", h->credential_ends) ||
	    json_add_bool(obj, "helper", c->by_helper) ||
	    json_add_u64(obj, "check_us", (uint64_t)c->us) ||
	    (*h->warning && json_add_string(obj, "warning", h->warning))) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

static void print_text(const char *name, const struct generation *g,
		       const struct check *c)
{
	const struct kms_health *h = &c->health;

	output_line("entry '%s' works (%s): %s in %" PRId64 ".%03" PRId64 " ms",
		    name, wrapped_provider_name(g->provider),
		    g->open_only ? "it may decrypt with the key, asked" :
				   "key found, probe wrapped and unwrapped",
		    c->us / 1000, c->us % 1000);
	output_line("  asked by     %s",
		    c->by_helper ? "the kernel's helper, in its sandbox" :
				   "this command: no rule for request-key(8) "
				   "names a helper");
	if (*h->address)
		output_line("  address      %s%s%s%s", h->address,
			    *h->server ? " (" : "", h->server,
			    *h->server ? ")" : "");
	if (h->key_version)
		output_line("  key version  %" PRIu32, h->key_version);
	if (h->credential_s > 0)
		output_line("  credential   valid for %" PRId64 " s%s",
			    h->credential_s,
			    h->credential_renewable ? ", renewable" : "");
}

static int check(struct op *op, const char *name, const struct generation *g,
		 struct check *ret)
{
	_cleanup_free_ char *program = NULL;
	_cleanup_kms_ struct kms *kms = NULL;
	int64_t start = now_us();
	int r = helper_find(op, &program);

	ret->by_helper = !r;
	if (!r) {
		r = helper_check(op, program, name, &ret->health);
	} else if (r == -ENOENT) {
		r = kms_open(op, g, &kms);
		if (!r)
			r = kms_check_saved(op, kms, &ret->health);
	}
	ret->us = now_us() - start;
	return r;
}

int cmd_kms_check(struct cli *cli)
{
	_cleanup_generation_ struct generation g = { 0 };
	struct check c = { .us = 0 };
	const char *name;
	int r = options_entry(cli, &name);

	if (!r)
		r = config_current(&cli->op, name, &g);
	if (!r)
		r = check(&cli->op, name, &g, &c);
	if (r)
		return r;
	if (*c.health.warning)
		output_warning(cli, "%s", c.health.warning);
	if (cli->json)
		r = print_json(name, &g, &c);
	else
		print_text(name, &g, &c);
	return !r && c.health.credential_ends ? EXIT_ENDS : r;
}
