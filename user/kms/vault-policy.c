// SPDX-License-Identifier: GPL-2.0-or-later
/* See vault-policy.h. */
#include "kms/vault-policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kms/config.h"
#include "kms/vault-call.h"
#include "wire/vault-msg.h"

/* What asking may take of the time of what was asked for. */
#define RIGHTS_MS 2000

/* "update" and not "create": with that, a mistyped name makes a key. */
static const struct need {
	const char *verb;
	const char *capability;
	bool opens; /* also where volumes are only opened */
} needs[] = {
	{ "keys", "read", false },
	{ "encrypt", "update", false },
	{ "decrypt", "update", true },
	{ "rewrap", "update", false },
};

#define NNEEDS (sizeof(needs) / sizeof(needs[0]))
#define ENCRYPT 1 /* in needs */

/* The names are ones that need no quoting, in HCL as in a URL. */
static int need_path(const struct generation *g, const struct need *n,
		     char *buf, size_t size)
{
	int len;

	if (!wrapped_name_ok(g->key_id, 0) || !wrapped_name_ok(g->mount, 1))
		return -EINVAL;
	len = snprintf(buf, size, "%s/%s/%s", g->mount, n->verb, g->key_id);
	return len < 0 || (size_t)len >= size ? -EINVAL : 0;
}

static int add_line(char *buf, size_t size, const char *between,
		    const char *path, const char *capability)
{
	size_t at = strlen(buf);
	int len = snprintf(buf + at, size - at,
			   "%spath \"%s\" { capabilities = [\"%s\"] }",
			   at ? between : "", path, capability);

	if (len >= 0 && (size_t)len < size - at)
		return 0;
	buf[at] = '\0'; /* whole lines only */
	return -EINVAL;
}

int vault_policy(const struct generation *g, bool open_only, char *buf,
		 size_t size)
{
	char path[VAULT_PATH_MAX];
	int r = size ? 0 : -EINVAL;

	if (!r)
		buf[0] = '\0';
	for (size_t i = 0; !r && i < NNEEDS; i++) {
		if (open_only && !needs[i].opens)
			continue;
		r = need_path(g, &needs[i], path, sizeof(path));
		r = r ?: add_line(buf, size, "\n", path, needs[i].capability);
	}
	return r;
}

static int ask_rights(struct op *op, struct vault *v,
		      char (*paths)[VAULT_PATH_MAX], struct vault_answer *a)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	const struct vault_request q = { .method = "POST",
					 .path = "/v1/sys/capabilities-self",
					 .body = &body };
	const char *list[NNEEDS];
	int r = 0;

	for (size_t i = 0; !r && i < NNEEDS; i++) {
		list[i] = paths[i];
		r = need_path(v->g, &needs[i], paths[i], sizeof(paths[i]));
	}
	r = r ?: vault_msg_paths(list, NNEEDS, &body);
	r = r ?: vault_call(op, v, &q, a);
	return r < 0 || a->status == 200 ? r : -EACCES;
}

void vault_rights(const struct op *op, struct vault *v,
		  struct vault_rights *ret)
{
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	char paths[NNEEDS][VAULT_PATH_MAX];
	struct op own;

	memset(ret, 0, sizeof(*ret));
	op_init_part(&own, op, RIGHTS_MS);
	if (ask_rights(&own, v, paths, &a) < 0)
		return;
	for (size_t i = 0; i < NNEEDS; i++) {
		const struct need *n = &needs[i];
		bool may;

		if (vault_msg_capable(&a.body, paths[i], n->capability, &may))
			return;
		if (!may && (n->opens || !v->g->open_only))
			(void)add_line(ret->missing, sizeof(ret->missing), ", ",
				       paths[i], n->capability);
	}
	/* root may do everything, and is asked here for "create" by name */
	if (vault_msg_allows(&a.body, paths[ENCRYPT], "create", &ret->creates))
		return;
	ret->known = true;
}
