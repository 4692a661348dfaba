/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vault's and OpenBao's JSON, both ways: bytes in, struct out, no I/O.
 *
 * json-c keeps what it parses on the ordinary heap and does not wipe it. So a
 * secret never gets there: before a body is parsed, the values of the members
 * that hold secrets are moved out of its text and overwritten in place. That
 * is why the parsers take a body that they may change.
 */
#ifndef _WIRE_VAULT_MSG_H
#define _WIRE_VAULT_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"

/*
 * Servers limit what JSON they take; the tightest known limit is 1000 strings,
 * names included, so 100 items stay clear of it in every form.
 */
#define VAULT_BATCH_MAX 100
#define VAULT_CIPHERTEXT_MAX 2048 /* with the NUL */
#define VAULT_PLAINTEXT_MAX 1024 /* bytes */
#define VAULT_ERROR_MAX 256
#define VAULT_PATH_MAX 1024

/* GET <mount>/keys/<name> */
struct vault_key {
	char type[32];
	uint32_t latest_version;
	uint32_t min_decryption_version;
	uint32_t min_encryption_version; /* 0: the latest */
	bool derived;
	bool soft_deleted;
	bool deletion_allowed;
	bool supports_encryption;
	bool supports_decryption;
};

/* GET auth/token/lookup-self */
struct vault_token {
	uint64_t ttl_s; /* 0: does not expire */
	uint64_t creation_ttl_s; /* what it was when new; 0: not told */
	uint64_t num_uses; /* 0: any number */
	uint64_t period_s; /* 0: not periodic */
	uint64_t explicit_max_ttl_s; /* 0: none */
	bool renewable;
};

/* One result of encrypt, rewrap (ciphertext) or decrypt (plaintext) */
struct vault_item {
	char ciphertext[VAULT_CIPHERTEXT_MAX];
	uint32_t key_version; /* 0 where nothing tells it */
	struct secret plaintext;
	char error[VAULT_ERROR_MAX]; /* "" when the item succeeded */
};

void vault_item_free(struct vault_item *item);

enum vault_result { VAULT_CIPHERTEXT, VAULT_PLAINTEXT };

/**
 * vault_msg_path() - "/v1/<mount>/<verb>[/<key>]", parts percent-encoded
 * (slashes of the mount stay). Return: 0, -EINVAL when it does not fit.
 */
int vault_msg_path(char *buf, size_t size, const char *mount, const char *verb,
		   const char *key);

/* Request bodies. One item has the plain form, several the batch form. */
int vault_msg_encrypt(const struct secret *plaintexts, size_t n,
		      struct secret *ret);
/* The same body for decrypt and rewrap */
int vault_msg_ciphertexts(const char *const *texts, size_t n,
			  struct secret *ret);

/**
 * vault_msg_items() - parse the answer to a request of @n items
 *
 * Also for the answer of status 400 or 500 to a batch, which says for each
 * item whether it failed. Return: 0, -EPROTO, -ENOMEM; free the items always.
 */
int vault_msg_items(struct secret *body, enum vault_result what, size_t n,
		    struct vault_item *items);

int vault_msg_key(const struct secret *body, struct vault_key *ret);
int vault_msg_token(struct secret *body, struct vault_token *ret);

/** vault_msg_paths() - {"paths":[...]}, what capabilities-self is asked */
int vault_msg_paths(const char *const *paths, size_t n, struct secret *ret);

/**
 * vault_msg_allows() - does the answer of capabilities-self list @capability
 * for @path? Return: 0, -EPROTO, -ENOMEM.
 */
int vault_msg_allows(const struct secret *body, const char *path,
		     const char *capability, bool *ret);

/** vault_msg_capable() - the same, and root may do everything. */
int vault_msg_capable(const struct secret *body, const char *path,
		      const char *capability, bool *ret);

/** vault_msg_version() - "version" of sys/health, e.g. "1.15.2". */
int vault_msg_version(const struct secret *body, char *buf, size_t size);

/**
 * vault_msg_errors() - the texts of an error body, joined by "; "
 *
 * "" when it holds none, as a 404 for something absent does. Return: 0, or
 * -EPROTO when it is no such body (a load balancer's HTML page).
 */
int vault_msg_errors(const struct secret *body, char *buf, size_t size);

/**
 * vault_msg_ciphertext_version() - N of "vault:vN:...", 0 when not of that
 * form (a key may have a template of its own)
 */
uint32_t vault_msg_ciphertext_version(const char *text);

#endif
