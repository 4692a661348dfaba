// SPDX-License-Identifier: GPL-2.0-or-later
/* See keyslots.h. */
#include "volume/keyslots.h"

#include <errno.h>

#include <libcryptsetup.h>

#include <uapi/kmscrypt.h>

#include "base/op.h"
#include "volume/luks-session.h"
#include "volume/luks.h"

#define TOKENS_MAX 32 /* LUKS2's own limit */
#define WIPE_BYTES (1024 * 1024) /* at once */

/* What one try of add() works with. */
struct addition {
	const struct secret *key;
	const struct secret *passphrase;
};

static int no_match(struct luks_session *s, int err)
{
	if (err == -EPERM) {
		op_next(s->op, "Check the passphrase or the file; "
			       "'cryptsetup luksDump' shows the keyslots.");
		return op_fail(s->op, -EACCES,
			       "no keyslot of %s opens with this passphrase",
			       s->path);
	}
	if (err == -ENOENT)
		return op_fail(s->op, -ENODATA, "%s has no keyslot", s->path);
	return luks_session_fail(s, err);
}

int keyslots_key(struct op *op, const struct luks_place *place,
		 const struct secret *passphrase, struct secret *ret)
{
	_cleanup_luks_session_ struct luks_session s = { 0 };
	_cleanup_secret_ struct secret key = SECRET_EMPTY;
	size_t size = KMSC_KEY_MAX;
	int r, slot;

	r = luks_session_open(&s, op, place);
	if (!r)
		r = secret_alloc(&key, size);
	if (r)
		return r;
	slot = crypt_volume_key_get(s.cd, CRYPT_ANY_SLOT, (char *)key.data,
				    &size, (const char *)passphrase->data,
				    passphrase->len);
	if (slot == -ENOMEM)
		return op_fail(op, -EINVAL,
			       "the volume key of %s is longer than %d bytes",
			       s.path, KMSC_KEY_MAX);
	if (slot < 0)
		return no_match(&s, slot);
	secret_truncate(&key, size);
	secret_move(ret, &key);
	return 0;
}

int keyslots_open(struct op *op, const struct luks_place *place, int slot,
		  const struct secret *passphrase)
{
	_cleanup_luks_session_ struct luks_session s = { 0 };
	int r = luks_session_open(&s, op, place);

	if (r)
		return r;
	/* without a name nothing is mapped: only tried */
	r = crypt_activate_by_passphrase(s.cd, NULL, slot,
					 (const char *)passphrase->data,
					 passphrase->len, 0);
	return r < 0 ? no_match(&s, r) : r;
}

static int set_argon2id(struct luks_session *s)
{
	const struct crypt_pbkdf_type *usual =
		crypt_get_pbkdf_default(CRYPT_LUKS2);
	struct crypt_pbkdf_type pbkdf;
	int r;

	if (!usual)
		return -EOPNOTSUPP;
	pbkdf = *usual;
	pbkdf.type = CRYPT_KDF_ARGON2ID;
	r = crypt_set_pbkdf_type(s->cd, &pbkdf);
	return r < 0 ? luks_session_fail(s, r) : 0;
}

static int add(struct luks_session *s, void *arg)
{
	const struct addition *a = arg;
	int r = set_argon2id(s);

	if (r)
		return r;
	r = crypt_keyslot_add_by_volume_key(
		s->cd, CRYPT_ANY_SLOT, (const char *)a->key->data, a->key->len,
		(const char *)a->passphrase->data, a->passphrase->len);
	if (r == -EPERM)
		return op_fail(s->op, -EKEYREJECTED,
			       "the key is not the one of %s", s->path);
	return r < 0 ? luks_session_fail(s, r) : r;
}

int keyslots_add(struct op *op, const struct luks_place *place,
		 const char *uuid, const struct secret *key,
		 const struct secret *passphrase)
{
	struct addition a = { key, passphrase };

	return luks_session_write(op, place, uuid, add, &a);
}

static int erase(struct luks_session *s, void *arg)
{
	struct keyslots_erased *ret = arg;
	int max = crypt_keyslot_max(CRYPT_LUKS2), r;
	uint64_t metadata, area;

	for (int i = 0; i < TOKENS_MAX; i++) {
		if (crypt_token_status(s->cd, i, NULL) == CRYPT_TOKEN_INACTIVE)
			continue;
		r = crypt_token_json_set(s->cd, i, NULL);
		if (r < 0)
			return luks_session_fail(s, r);
		ret->tokens++;
	}
	for (int i = 0; i < max; i++) {
		if (crypt_keyslot_status(s->cd, i) == CRYPT_SLOT_INACTIVE)
			continue;
		r = crypt_keyslot_destroy(s->cd, i);
		if (r < 0)
			return luks_session_fail(s, r);
		ret->keyslots++;
	}
	r = crypt_get_metadata_size(s->cd, &metadata, &area);
	/* also what keyslots left there that went before */
	if (!r && area)
		r = crypt_wipe(s->cd, s->path, CRYPT_WIPE_ZERO, 2 * metadata,
			       area, WIPE_BYTES, 0, NULL, NULL);
	return r < 0 ? luks_session_fail(s, r) : 0;
}

int keyslots_erase(struct op *op, const struct luks_place *place,
		   const char *uuid, struct keyslots_erased *ret)
{
	*ret = (struct keyslots_erased){ 0 };
	return luks_session_write(op, place, uuid, erase, ret);
}
