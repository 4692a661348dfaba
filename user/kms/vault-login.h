/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a session comes by its token, and how that token is kept alive.
 *
 * A login's token is kept for the sessions after this one (login-state.h), one
 * login at a time. When the server does not know it any more, it is dropped
 * and there is one new login. Any token is renewed at use once half of its
 * time is gone; when that fails, what was asked for is done all the same.
 */
#ifndef _KMS_VAULT_LOGIN_H
#define _KMS_VAULT_LOGIN_H

struct kms_health;
struct op;
struct vault;

/**
 * vault_login_open() - @v gets a token: the entry's, the kept one, a new one
 * Return: 0; -EACCES when the server refuses the login; as vault_call().
 */
int vault_login_open(struct op *op, struct vault *v);

/**
 * vault_login_again() - the server has refused the token: is another worth it?
 * Return: 1 when there is a new one, 0 when the token is good or is all that
 * there is, -errno as vault_login_open().
 */
int vault_login_again(struct op *op, struct vault *v);

/** vault_login_tend() - after a success: renew when it is time */
void vault_login_tend(struct op *op, struct vault *v);

/** vault_login_check() - fill what @h says of the credential */
int vault_login_check(struct op *op, struct vault *v, struct kms_health *h);

/** vault_login_renew() - see kms_renew() */
int vault_login_renew(struct op *op, struct vault *v, struct kms_health *h);

/** vault_login_keep() - see kms_keep() */
void vault_login_keep(struct vault *v);

/** vault_login_close() - wipe */
void vault_login_close(struct vault *v);

#endif
