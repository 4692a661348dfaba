/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What wrapping gives: the ciphertext of a capsule and what the provider needs
 * to unwrap it again. It is the provider's part of a LUKS2 token, so it comes
 * from whoever can write the disk: wrapped_from_json() checks its form, and
 * kms_unwrap() that key id, mount and namespace are ones that the entry lists.
 */
#ifndef _KMS_WRAPPED_H
#define _KMS_WRAPPED_H

#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

struct json_object;

#define WRAPPED_ENTRY_LEN 36 /* generation id: a random UUID as text */
#define WRAPPED_NAME_MAX 256 /* key id, mount, namespace; with the NUL */
#define WRAPPED_TEXT_MAX 2048 /* Vault ciphertext, with the NUL */
#define WRAPPED_DATA_MAX 1024 /* KMIP and local ciphertext, bytes */
#define WRAPPED_IV_MAX 16
#define WRAPPED_TAG_MAX 16

enum kms_provider { KMS_LOCAL, KMS_VAULT, KMS_KMIP, KMS_PROVIDERS };

/* KMIP: how the capsule was encrypted (DESIGN: pinned in the entry) */
enum wrap_mode {
	WRAP_MODE_NONE, /* provider without modes (vault) */
	WRAP_MODE_GCM, /* AES-GCM, tag in a field of its own */
	WRAP_MODE_GCM_APPENDED, /* AES-GCM, tag after the data (KMIP < 1.4) */
	WRAP_MODE_CTR,
	WRAP_MODE_CBC,
};

struct wrapped {
	enum kms_provider provider;
	char entry[WRAPPED_ENTRY_LEN + 1];
	char key_id[WRAPPED_NAME_MAX]; /* transit key name or KMIP UID */
	char mount[WRAPPED_NAME_MAX]; /* vault only, else "" */
	char ns[WRAPPED_NAME_MAX]; /* vault namespace, "" for none */
	enum wrap_mode mode;
	uint32_t key_version; /* vault:v<N>:, 0 where not known */
	char address[WRAPPED_NAME_MAX]; /* information only, never contacted */
	/* vault: text, a NUL-terminated ciphertext; others: data/iv/tag */
	char text[WRAPPED_TEXT_MAX];
	uint8_t data[WRAPPED_DATA_MAX];
	size_t data_len;
	uint8_t iv[WRAPPED_IV_MAX];
	size_t iv_len;
	uint8_t tag[WRAPPED_TAG_MAX];
	size_t tag_len;
};

/** wrapped_provider_name() - "local", "vault", "kmip". */
const char *wrapped_provider_name(enum kms_provider provider);

/** wrapped_provider_parse() - the other way. 0, or -EBADMSG when unknown. */
int wrapped_provider_parse(const char *name, enum kms_provider *ret);

/** wrapped_mode_name() - "gcm", "gcm-appended", "ctr", "cbc"; NULL for none. */
const char *wrapped_mode_name(enum wrap_mode mode);

/** wrapped_mode_parse() - the other way. 0, or -EBADMSG when unknown. */
int wrapped_mode_parse(const char *name, enum wrap_mode *ret);

/** wrapped_entry_ok() - has @id the form of a generation's id? */
int wrapped_entry_ok(const char *id);

/**
 * wrapped_name_ok() - may @name be a key id, mount or namespace?
 *
 * [A-Za-z0-9._-]+ between single slashes, no "." or ".." part, not empty, not
 * too long. @slashes false: no slash at all (a transit key name).
 */
int wrapped_name_ok(const char *name, int slashes);

/**
 * wrapped_to_json() - add the members provider, entry, key_id, mount,
 * namespace, mode, key_version, address, wrapped, iv, tag to @obj
 * Return: 0, -ENOMEM.
 */
int wrapped_to_json(const struct wrapped *w, struct json_object *obj);

/**
 * wrapped_from_json() - read and check them; knows nothing of other members
 * Return: 0, -EBADMSG when something is missing, malformed or too long.
 */
int wrapped_from_json(struct json_object *obj, struct wrapped *ret);

#endif
