// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Vault's and OpenBao's transit engine. What is asked is in vault-msg.c, whom
 * in vault-call.c; here is what the answers mean.
 *
 * Deliberately without associated data: old servers ignore it silently and
 * rewrap cannot take it. The capsule itself says what it belongs to.
 */
#include "kms/kms.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/op.h"
#include "kms/config.h"
#include "kms/own-end.h"
#include "kms/vault-ask.h"
#include "kms/vault-call.h"
#include "kms/vault-key.h"
#include "kms/vault-login.h"
#include "kms/vault-policy.h"
#include "wire/http.h"
#include "wire/own-cert.h"
#include "wire/vault-msg.h"

static_assert(VAULT_CIPHERTEXT_MAX == WRAPPED_TEXT_MAX,
	      "codec and token agree on the length of a ciphertext");
static_assert(VAULT_BATCH_MAX == KMS_BATCH_MAX,
	      "codec and callers agree on the length of a batch");

#define VERSION_MS 2000

static struct vault *to_vault(struct kms *kms)
{
	return (struct vault *)kms;
}

/* --- check ---------------------------------------------------------------- */

static void warn(struct kms_health *h, const char *text)
{
	size_t at = strlen(h->warning);

	/* what has no room is said another time */
	if (*text && at + strlen(text) + 1 < sizeof(h->warning))
		snprintf(h->warning + at, sizeof(h->warning) - at, "%s%s",
			 at ? " " : "", text);
}

/*
 * Name and version are for people; not every server tells, and one that says
 * nothing at all must not take the time of what counts.
 */
static void check_version(const struct op *op, struct vault *v,
			  struct kms_health *h)
{
	const struct vault_request q = {
		.method = "GET",
		.path = "/v1/sys/health?standbyok=true&perfstandbyok=true",
		.anonymous = true
	};
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	char version[64];
	struct op own;

	op_init_part(&own, op, VERSION_MS);
	if (vault_call(&own, v, &q, &a) < 0 || a.status != 200 ||
	    vault_msg_version(&a.body, version, sizeof(version)) < 0)
		return;
	snprintf(h->server, sizeof(h->server), "Vault %s", version);
}

/* A login's token may come again and again, its certificate may not. */
static void check_certificate(const struct vault *v, struct kms_health *h)
{
	char text[128];

	if (!v->g->client_cert ||
	    !own_end_warning(own_cert_left_pem(v->g->client_cert), text,
			     sizeof(text)))
		return;
	h->credential_ends = true;
	warn(h, text);
}

static void check_rights(struct op *op, struct vault *v, struct kms_health *h)
{
	struct vault_rights rights;

	vault_rights(op, v, &rights);
	if (rights.creates)
		warn(h, "The policy allows 'create' on encrypt: a mistyped key "
			"name makes a key there; 'update' is enough "
			"('kmscrypt kms policy').");
}

/*
 * A ciphertext of the right form that nobody has made. Policy and key are
 * looked at first, so who hears that it does not decrypt may decrypt.
 */
static int probe_decrypt(struct op *op, struct vault *v)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	_cleanup_secret_ struct secret random = SECRET_EMPTY;
	_cleanup_secret_ struct secret base64 = SECRET_EMPTY;
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	char path[VAULT_PATH_MAX], text[VAULT_CIPHERTEXT_MAX];
	const char *texts = text;
	const struct vault_request q = { .method = "POST",
					 .path = path,
					 .body = &body };
	int r;

	/* nonce and tag of AES-GCM around what a capsule has */
	r = secret_random(&random, 12 + KMSC_CAPSULE_SIZE + 16);
	r = r ?: secret_base64(&base64, random.data, random.len);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "vault:v1:%.*s", (int)base64.len,
		 (const char *)base64.data);
	r = vault_msg_ciphertexts(&texts, 1, &body);
	r = r ?: vault_transit_path(v, "decrypt", path);
	r = r ?: vault_ask(op, v, &q, EINVAL, &a);
	if (!r)
		return op_fail(op, -EPROTO,
			       "%s decrypts what nobody has encrypted",
			       vault_address(v));
	/* version 1 may be retired, and that is no matter of ours */
	if (r != -EKEYREJECTED &&
	    !(r == -EKEYREVOKED && strstr(op->detail, "too old")))
		return r;
	op_clear(op);
	return 0;
}

static int check_key(struct op *op, struct vault *v, struct kms_health *ret)
{
	struct vault_key key;
	int r;

	/* first: only reading tells a mistyped name without making a key */
	r = vault_read_key(op, v, &key);
	r = r ?: vault_key_fits(op, v, &key);
	if (r < 0)
		return r;
	ret->key_version = key.latest_version;
	if (key.deletion_allowed)
		warn(ret, "The KMS allows the key to be deleted "
			  "(deletion_allowed).");
	return 0;
}

static int vault_check(struct op *op, struct kms *kms, struct kms_health *ret)
{
	struct vault *v = to_vault(kms);
	struct kms_health key = { .key_version = 0 };
	int r;

	r = v->g->open_only ? probe_decrypt(op, v) : check_key(op, v, &key);
	r = r ?: vault_login_check(op, v, ret);
	if (r < 0)
		return r;
	ret->key_version = key.key_version;
	check_certificate(v, ret);
	warn(ret, key.warning);
	check_rights(op, v, ret);
	check_version(op, v, ret);
	snprintf(ret->address, sizeof(ret->address), "%.255s",
		 vault_address(v));
	return 0;
}

/* --- wrap, unwrap, rewrap -------------------------------------------------- */

static void fill(const struct vault_item *item, struct wrapped *w)
{
	memcpy(w->text, item->ciphertext, sizeof(w->text));
	w->key_version = item->key_version;
	w->mode = WRAP_MODE_NONE;
}

static int vault_wrap(struct op *op, struct kms *kms,
		      const struct secret *plain, struct wrapped *ret)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	struct vault_item item;
	int r;

	r = vault_msg_encrypt(plain, 1, &body);
	r = r	  ?:
		    vault_transit(op, to_vault(kms), "encrypt", &body, EINVAL,
				  1, &item);
	if (r < 0)
		return r;
	fill(&item, ret);
	return 0;
}

static int vault_unwrap(struct op *op, struct kms *kms, const struct wrapped *w,
			struct secret *ret)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	const char *text = w->text;
	struct vault_item item;
	int r;

	r = vault_msg_ciphertexts(&text, 1, &body);
	r = r	  ?:
		    vault_transit(op, to_vault(kms), "decrypt", &body,
				  EKEYREJECTED, 1, &item);
	if (r < 0)
		return r;
	secret_move(ret, &item.plaintext);
	return 0;
}

static int vault_rewrap(struct op *op, struct kms *kms,
			const struct wrapped *old, struct wrapped *ret)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	const char *text = old->text;
	struct vault_item item;
	int r;

	r = vault_msg_ciphertexts(&text, 1, &body);
	r = r	  ?:
		    vault_transit(op, to_vault(kms), "rewrap", &body,
				  EKEYREJECTED, 1, &item);
	if (r < 0)
		return r;
	fill(&item, ret);
	return 0;
}

static int batch_body(enum kms_verb verb, struct kms_item *const *items,
		      size_t n, struct secret *ret)
{
	struct secret plain[VAULT_BATCH_MAX]; /* borrowed */
	const char *texts[VAULT_BATCH_MAX];

	for (size_t i = 0; i < n; i++) {
		if (verb == KMS_WRAP)
			plain[i] = *items[i]->plain;
		else
			texts[i] = items[i]->old->text;
	}
	return verb == KMS_WRAP ? vault_msg_encrypt(plain, n, ret) :
				  vault_msg_ciphertexts(texts, n, ret);
}

/* The item's own failure, in the words and errno of a single request. */
static int item_failed(struct kms_item *item, struct vault *v,
		       const char *error, int other)
{
	int err = vault_meaning(error);

	return op_fail(&item->op, -(err ? err : other), "%s: %s",
		       vault_address(v), error);
}

static int vault_many(struct op *op, struct kms *kms, enum kms_verb verb,
		      struct kms_item *const *items, size_t n)
{
	static const char *const paths[] = { "encrypt", "decrypt", "rewrap" };
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	int other = verb == KMS_WRAP ? EINVAL : EKEYREJECTED;
	struct vault *v = to_vault(kms);
	struct vault_item *got;
	int r;

	got = calloc(n, sizeof(*got));
	if (!got)
		return -ENOMEM;
	r = batch_body(verb, items, n, &body);
	r = r ?: vault_transit(op, v, paths[verb], &body, other, n, got);
	for (size_t i = 0; !r && i < n; i++) {
		if (got[i].error[0])
			items[i]->err =
				item_failed(items[i], v, got[i].error, other);
		else if (verb == KMS_UNWRAP)
			secret_move(&items[i]->secret, &got[i].plaintext);
		else
			fill(&got[i], &items[i]->wrapped);
		vault_item_free(&got[i]);
	}
	free(got);
	return r;
}

/* By decrypting, which every token may that opens volumes. */
static int vault_look(struct op *op, struct kms *kms)
{
	return probe_decrypt(op, to_vault(kms));
}

static int vault_newest_version(struct op *op, struct kms *kms, uint32_t *ret)
{
	struct vault_key key;
	int r;

	r = vault_read_key(op, to_vault(kms), &key);
	if (!r)
		*ret = key.latest_version;
	return r;
}

/* --- credential ------------------------------------------------------------ */

static int vault_renew(struct op *op, struct kms *kms, struct kms_health *ret)
{
	struct vault *v = to_vault(kms);
	int r = vault_login_renew(op, v, ret);

	snprintf(ret->address, sizeof(ret->address), "%.255s",
		 vault_address(v));
	return r;
}

static void vault_keep(struct kms *kms)
{
	vault_login_keep(to_vault(kms));
}

/* --- session --------------------------------------------------------------- */

static int addresses_ok(struct op *op, const struct generation *g)
{
	size_t i;

	for (i = 0; i < g->naddresses; i++) {
		const char *a = g->addresses[i];

		if (strncmp(a, "https://", 8) != 0 || !a[8])
			return op_fail(op, -EINVAL,
				       "the address '%s' does not start with "
				       "https://",
				       a);
		/* a password in there would land in messages */
		if (strpbrk(a, "@?#"))
			return op_fail(op, -EINVAL,
				       "the address '%s' has more than host, "
				       "port and path",
				       a);
	}
	return g->naddresses ? 0 : op_fail(op, -EINVAL, "there is no address");
}

static void vault_close(struct kms *kms)
{
	struct vault *v = to_vault(kms);

	http_close(v->http);
	vault_login_close(v);
	free(v);
}

static int vault_open(struct op *op, const struct generation *g,
		      struct kms **ret)
{
	const struct http_options options = {
		.ca_cert = g->ca_cert,
		.client_cert = g->client_cert,
		.client_key = &g->client_key,
		.proxy = g->proxy[0] ? g->proxy : NULL,
	};
	struct vault *v;
	int r;

	r = addresses_ok(op, g);
	if (r < 0)
		return r;
	if (!wrapped_name_ok(g->key_id, 0) || !wrapped_name_ok(g->mount, 1) ||
	    (g->ns[0] && !wrapped_name_ok(g->ns, 1)) ||
	    (g->auth_mount[0] && !wrapped_name_ok(g->auth_mount, 1)))
		return op_fail(op, -EINVAL,
			       "key, transit path, auth path or namespace has "
			       "characters that are not allowed");
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->g = g;
	r = http_open(&options, &v->http);
	r = r ?: vault_login_open(op, v);
	if (r < 0) {
		vault_close(&v->kms);
		return r;
	}
	*ret = &v->kms;
	return 0;
}

const struct kms_ops kms_vault_ops = {
	.name = "vault",
	.open = vault_open,
	.close = vault_close,
	.check = vault_check,
	.wrap = vault_wrap,
	.unwrap = vault_unwrap,
	.rewrap = vault_rewrap,
	.many = vault_many,
	.look = vault_look,
	.newest_version = vault_newest_version,
	.renew = vault_renew,
	.keep = vault_keep,
};
