// SPDX-License-Identifier: GPL-2.0-or-later
/* See vault-login.h. */
#include "kms/vault-login.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/op.h"
#include "kms/config.h"
#include "kms/login-state.h"
#include "kms/vault-call.h"
#include "wire/vault-auth.h"
#include "wire/vault-msg.h"

/* What a renewal may take of the time of what was asked for. */
#define TEND_MS 2000
/* A JWT that was read longer ago is read again. */
#define JWT_FRESH_S 60

static const char *auth_mount(const struct vault *v)
{
	static const char *const mounts[] = {
		[LOGIN_TOKEN] = "token",
		[LOGIN_APPROLE] = "approle",
		[LOGIN_KUBERNETES] = "kubernetes",
		[LOGIN_CERT] = "cert",
	};

	return v->g->auth_mount[0] ? v->g->auth_mount : mounts[v->g->login];
}

/* --- what is known of a token ---------------------------------------------- */

static void take_auth(struct vault *v, const struct vault_auth *auth)
{
	struct login_record *l = &v->login;

	l->since_s = login_now_s();
	l->ttl_s = auth->ttl_s;
	/* a renewal that gives little shows that the maximum is near */
	if (l->ttl_s > l->full_s || l->ttl_s < l->full_s / 2)
		l->full_s = l->ttl_s;
	l->renewable = auth->renewable;
	l->failed = false;
	v->known = true;
}

static void take_lookup(struct vault *v, const struct vault_token *t)
{
	struct login_record *l = &v->login;

	l->since_s = login_now_s();
	l->ttl_s = t->ttl_s;
	l->full_s = t->creation_ttl_s > t->ttl_s ? t->creation_ttl_s : t->ttl_s;
	l->uses = t->num_uses;
	l->period_s = t->period_s;
	l->max_ttl_s = t->explicit_max_ttl_s;
	l->renewable = t->renewable;
	v->known = true;
}

/*
 * Keeps it for others, unless they have another token by now. Nobody waits for
 * this: what is not kept is asked for again.
 */
static void store(struct vault *v)
{
	_cleanup_record_ struct login_record kept = { .since_s = 0 };
	struct login_state *s = v->g->login_state;
	struct op op;
	int r;

	op_init(&op, TEND_MS);
	if (!s || login_state_lock(&op, s) < 0)
		return;
	r = login_state_read(s, &kept);
	if (r == -ENODATA ? v->g->login == LOGIN_TOKEN :
			    !r && secret_equal(&kept.token, &v->login.token))
		(void)login_state_write(s, &v->login);
	login_state_unlock(s);
}

/* Others may have renewed it meanwhile. */
static void read_again(struct vault *v)
{
	_cleanup_record_ struct login_record kept = { .since_s = 0 };

	if (!v->g->login_state || login_state_read(v->g->login_state, &kept))
		return;
	if (!secret_equal(&kept.token, &v->login.token))
		return;
	secret_free(&v->login.token);
	v->login = kept;
	kept.token = SECRET_EMPTY; /* moved */
}

/*
 * A token without the default policy may not look at itself: that is no
 * failure, and nothing is known then. Return: the status, or -errno.
 */
static int look(struct op *op, struct vault *v)
{
	const struct vault_request q = { .method = "GET",
					 .path = "/v1/auth/token/lookup-self" };
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	struct vault_token token;
	int r;

	r = vault_call(op, v, &q, &a);
	if (r < 0 || a.status != 200)
		return r < 0 ? r : (int)a.status;
	r = vault_msg_token(&a.body, &token);
	if (r == -EPROTO)
		return op_fail(op, r, "%s: the answer is not Vault's",
			       vault_address(v));
	if (r < 0)
		return r;
	take_lookup(v, &token);
	return 200;
}

/* --- logging in ------------------------------------------------------------ */

static int no_credential(struct op *op, const char *what)
{
	op_next(op, "Run 'kmscrypt kms set vault' with a login.");
	return op_fail(op, -EACCES, "there is no %s to log in with", what);
}

/*
 * The one that came with the generation, which was read when this process
 * started: there the helper's sandbox was still open. A long run reads it
 * again, because it rotates.
 */
static const struct secret *jwt_of(struct vault *v)
{
	_cleanup_secret_ struct secret fresh = SECRET_EMPTY;

	if (login_now_s() - v->opened_s < JWT_FRESH_S)
		return &v->g->jwt;
	if (!config_read_jwt(v->g->jwt_file, &fresh) && fresh.len)
		secret_move(&v->jwt, &fresh);
	return v->jwt.len ? &v->jwt : &v->g->jwt;
}

static int login_body(struct op *op, struct vault *v, struct secret *ret)
{
	const struct generation *g = v->g;
	const struct secret *jwt;
	int r = 0;

	switch (g->login) {
	case LOGIN_APPROLE:
		if (!g->secret_id.len)
			return no_credential(op, "secret id");
		r = vault_auth_body("role_id", g->role, "secret_id",
				    &g->secret_id, ret);
		break;
	case LOGIN_KUBERNETES:
		jwt = jwt_of(v);
		if (!jwt->len) {
			op_next(op, "Is the service account's token mounted "
				    "there?");
			return op_fail(op, -EACCES,
				       "there is no JWT in %s to log in with",
				       g->jwt_file);
		}
		r = vault_auth_body("role", g->role, "jwt", jwt, ret);
		break;
	case LOGIN_CERT:
		if (!g->client_cert || !g->client_key.len)
			return no_credential(op, "client certificate");
		r = vault_auth_body(NULL, NULL, NULL, NULL, ret);
		break;
	case LOGIN_TOKEN:
		return no_credential(op, "token");
	}
	if (r == -EINVAL)
		op_fail(op, r,
			"what is logged in with holds a character that "
			"is not printable ASCII");
	return r;
}

/* Asking again with the same cannot help: 400 says that, too. */
static int login_refused(struct op *op, struct vault *v,
			 const struct vault_answer *a)
{
	const char *address = vault_address(v), *mount = auth_mount(v);
	int err = -EPROTO;

	if (!a->json && a->status != 403)
		return op_fail(op, -EPROTO,
			       "%s: HTTP %ld with something that is not "
			       "Vault's",
			       address, a->status);
	if (a->status == 404) {
		op_next(op, "Check --auth-path and the namespace.");
		return op_fail(op, -ENOENT,
			       "%s has no auth method at '%s' (HTTP 404%s%s)",
			       address, mount, a->errors[0] ? ": " : "",
			       a->errors);
	}
	if (a->status == 400 || a->status == 401 || a->status == 403)
		err = -EACCES;
	op_next(op,
		"Check role, credential and --auth-path, and run "
		"'kmscrypt kms set' again with new ones%s.",
		v->g->login == LOGIN_KUBERNETES ?
			"; a JWT counts by the server's clock: compare it "
			"with this machine's" :
			"");
	return op_fail(op, err, "%s refuses the login at '%s': HTTP %ld%s%s",
		       address, mount, a->status, a->errors[0] ? ": " : "",
		       a->errors);
}

static int login_answer(struct op *op, struct vault *v, struct vault_answer *a)
{
	struct vault_auth auth = { .ttl_s = 0 };
	int r;

	if (a->status != 200)
		return login_refused(op, v, a);
	r = vault_auth_parse(&a->body, &auth);
	if (r < 0)
		return r == -EPROTO ?
			       op_fail(op, r,
				       "%s: the answer to the login is not "
				       "Vault's",
				       vault_address(v)) :
			       r;
	login_record_free(&v->login);
	v->login = (struct login_record){ .since_s = 0 };
	take_auth(v, &auth);
	secret_move(&v->login.token, &auth.token);
	v->cached = false;
	v->tended = false;
	return 0;
}

static int log_in(struct op *op, struct vault *v)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	char mount[WRAPPED_NAME_MAX + 8], path[VAULT_PATH_MAX];
	const struct vault_request q = {
		.method = "POST", .path = path, .body = &body, .login = true
	};
	int r;

	snprintf(mount, sizeof(mount), "auth/%s", auth_mount(v));
	r = vault_msg_path(path, sizeof(path), mount, "login", NULL);
	r = r ?: login_body(op, v, &body);
	r = r ?: vault_call(op, v, &q, &a);
	return r ?: login_answer(op, v, &a);
}

/* Another token than @bad, which may be NULL, that an earlier login gave */
static bool take_kept(struct vault *v, const struct secret *bad)
{
	_cleanup_record_ struct login_record kept = { .since_s = 0 };

	if (login_state_read(v->g->login_state, &kept) || !kept.token.len ||
	    !login_left_s(&kept) || (bad && secret_equal(bad, &kept.token)))
		return false;
	secret_free(&v->login.token);
	v->login = kept;
	kept.token = SECRET_EMPTY; /* moved */
	v->known = true;
	v->cached = true;
	return true;
}

/* With the lock, so that who waited finds what the first one got. */
static int log_in_once(struct op *op, struct vault *v, const struct secret *bad)
{
	struct login_state *s = v->g->login_state;
	int r;

	if (!s)
		return log_in(op, v);
	if (take_kept(v, bad))
		return 0;
	r = login_state_lock(op, s);
	if (r < 0)
		return r;
	if (!take_kept(v, bad)) {
		(void)login_state_write(s, NULL);
		r = log_in(op, v);
		if (!r)
			(void)login_state_write(s, &v->login);
	}
	login_state_unlock(s);
	return r;
}

int vault_login_open(struct op *op, struct vault *v)
{
	_cleanup_record_ struct login_record kept = { .since_s = 0 };
	struct login_state *s = v->g->login_state;
	int r;

	v->opened_s = login_now_s();
	if (v->g->login != LOGIN_TOKEN) {
		r = log_in_once(op, v, NULL);
		v->token = &v->login.token;
		return r;
	}
	if (!v->g->token.len) {
		op_next(op, "Run 'kmscrypt kms set vault' with a token.");
		return op_fail(op, -EACCES, "there is no token for %s",
			       vault_address(v));
	}
	v->token = &v->g->token;
	if (s && !login_state_read(s, &kept) && !kept.token.len) {
		v->login = kept;
		v->known = true;
	}
	return 0;
}

int vault_login_again(struct op *op, struct vault *v)
{
	_cleanup_secret_ struct secret bad = SECRET_EMPTY;
	int r;

	if (v->g->login == LOGIN_TOKEN)
		return 0;
	/* a new one that is refused is no matter of its age */
	if (!v->cached && login_left_s(&v->login))
		return 0;
	/* the policy's refusal must not cost a use of the secret id */
	r = look(op, v);
	if (r < 0 || r == 200)
		return r < 0 ? r : 0;
	r = secret_copy(&bad, v->login.token.data, v->login.token.len);
	r = r ?: log_in_once(op, v, &bad);
	/* whoever got it, this is the last one */
	v->cached = false;
	return r < 0 ? r : 1;
}

/* --- renewing -------------------------------------------------------------- */

static int renew_self(struct op *op, struct vault *v)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	_cleanup_answer_ struct vault_answer a = { .status = 0 };
	const struct vault_request q = { .method = "POST",
					 .path = "/v1/auth/token/renew-self",
					 .body = &body };
	struct vault_auth auth = { .ttl_s = 0 };
	int r;

	r = vault_auth_body(NULL, NULL, NULL, NULL, &body);
	r = r ?: vault_call(op, v, &q, &a);
	if (r < 0)
		return r;
	if (a.status != 200) {
		op_next(op, "Get a new token, best a periodic one, and run "
			    "'kmscrypt kms set' again.");
		return op_fail(op,
			       a.status == 400 || a.status == 403 ? -EACCES :
								    -EPROTO,
			       "%s does not renew the token: HTTP %ld%s%s",
			       vault_address(v), a.status,
			       a.errors[0] ? ": " : "", a.errors);
	}
	r = vault_auth_parse(&a.body, &auth);
	if (r < 0)
		return op_fail(op, r, "%s: the answer is not Vault's",
			       vault_address(v));
	secret_free(&auth.token);
	take_auth(v, &auth);
	return 0;
}

/* The first use after a boot: when does the entry's token end? */
static void get_to_know(struct op *op, struct vault *v)
{
	int r = look(op, v);

	if (r > 0 && r != 200) {
		/* it may not tell: so that not every use asks */
		v->login = (struct login_record){ .since_s = login_now_s() };
		v->known = true;
	}
	if (r > 0)
		store(v);
	else
		v->tended = true;
}

void vault_login_tend(struct op *op, struct vault *v)
{
	struct op own;

	if (v->tended)
		return;
	op_init_part(&own, op, TEND_MS);
	if (!v->known && v->g->login_state)
		get_to_know(&own, v);
	if (!v->known || !login_renewal_due(&v->login))
		return;
	read_again(v);
	if (!login_renewal_due(&v->login))
		return;
	if (renew_self(&own, v) < 0) {
		v->login.failed = true;
		v->tended = true;
	}
	store(v);
}

static void tell(const struct vault *v, struct kms_health *h)
{
	const struct login_record *l = &v->login;
	const char *warning = login_warning(l, v->g->login != LOGIN_TOKEN);

	h->credential_s = l->ttl_s ? login_left_s(l) : 0;
	h->credential_renewable = l->renewable;
	h->credential_periodic = l->period_s && !l->max_ttl_s;
	h->credential_uses = l->uses;
	h->credential_ends = warning;
	if (warning && !h->warning[0])
		snprintf(h->warning, sizeof(h->warning), "%s", warning);
}

int vault_login_check(struct op *op, struct vault *v, struct kms_health *h)
{
	int r = look(op, v);

	if (r != 200)
		return r < 0 ? r : 0;
	store(v);
	tell(v, h);
	return 0;
}

int vault_login_renew(struct op *op, struct vault *v, struct kms_health *h)
{
	bool again = v->g->login != LOGIN_TOKEN;
	_cleanup_secret_ struct secret bad = SECRET_EMPTY;
	int status = look(op, v), r = 0;

	if (status < 0)
		return status;
	v->tended = true;
	/* one that does not expire has no need */
	if (status != 200 || v->login.ttl_s)
		r = renew_self(op, v);
	if (r == -EACCES && again) {
		op_clear(op);
		r = secret_copy(&bad, v->login.token.data, v->login.token.len);
		r = r ?: log_in_once(op, v, &bad);
		h->logged_in = true;
	}
	if (r < 0)
		return r;
	status = look(op, v);
	if (status < 0)
		return status;
	store(v);
	tell(v, h);
	return 0;
}

void vault_login_keep(struct vault *v)
{
	char set[CONFIG_SET_MAX];
	struct login_state *s;
	struct op op;

	op_init(&op, TEND_MS);
	generation_set_name(v->g, set);
	s = login_state_open(set);
	if (s && v->known && !login_state_lock(&op, s)) {
		(void)login_state_write(s, &v->login);
		login_state_unlock(s);
	}
	login_state_close(s);
}

void vault_login_close(struct vault *v)
{
	login_record_free(&v->login);
	secret_free(&v->jwt);
}
