/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A master key in Vault's transit engine: does it fit, and making one. */
#ifndef _KMS_VAULT_KEY_H
#define _KMS_VAULT_KEY_H

struct generation;
struct op;
struct vault;
struct vault_key;

/** vault_key_fits() - can @key do what we need? 0, -EINVAL, -EKEYREVOKED. */
int vault_key_fits(struct op *op, struct vault *v, const struct vault_key *key);

/**
 * vault_create_key() - make the key @g->key_id, of type aes256-gcm96
 *
 * Neither exportable nor to be deleted, which is what Vault makes when not
 * asked otherwise. Return: 0; -EEXIST: there is one of that name; or as
 * kms_check().
 */
int vault_create_key(struct op *op, const struct generation *g);

#endif
