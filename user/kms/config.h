/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KMS entries on this host.
 *
 *   /etc/kmscrypt/entries/<name>.json          the entry and its generations
 *   /etc/kmscrypt/credentials/<generation>/    its secrets, each a 0600 file:
 *        token, secret-id, password, client-key.pem, and client-cert.pem,
 *        ca.pem; local.key for the local provider (32 random bytes)
 *   /run/kmscrypt/tokens/<generation>          see login-state.h
 *
 * Credentials that replace others are a new set in a folder of its own,
 * <generation>.<n>, and the entry says which set holds: so its rename is the
 * one moment at which addresses, login and secrets change, all together.
 *
 * An entry has at most one current generation (the one that wraps) and any
 * number of retiring ones (unwrap only) that some volume may still refer to.
 * A generation's id and what it wraps with (provider, key, mount, namespace,
 * mode) never change; its addresses and credentials may.
 */
#ifndef _KMS_CONFIG_H
#define _KMS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "kms/wrapped.h"

struct login_state;
struct op;

#define CONFIG_ADDRESSES_MAX 8
#define CONFIG_ADDRESS_MAX 512
#define CONFIG_ENTRY_NAME_MAX 64 /* [A-Za-z0-9._-]+, with the NUL */
#define CONFIG_PATH_MAX 512
#define CONFIG_DEFAULT_ENTRY "default"
#define CONFIG_GENERATIONS_MAX 64
/* "<generation>.<set>", with the NUL */
#define CONFIG_SET_MAX (WRAPPED_ENTRY_LEN + 1 + 20 + 1)

enum generation_state { GENERATION_CURRENT, GENERATION_RETIRING };

/* How a token of Vault is come by: the entry has it, or a login gives it. */
enum vault_login {
	LOGIN_TOKEN,
	LOGIN_APPROLE,
	LOGIN_KUBERNETES,
	LOGIN_CERT,
};

/* One generation, as kms_open() needs it. Free with generation_free(). */
struct generation {
	char id[WRAPPED_ENTRY_LEN + 1];
	enum kms_provider provider;
	enum generation_state state;
	uint64_t created; /* seconds since 1970 */
	uint64_t set; /* which set of credentials holds; 0: the first */
	size_t naddresses; /* 0 for local */
	char addresses[CONFIG_ADDRESSES_MAX][CONFIG_ADDRESS_MAX];
	char key_id[WRAPPED_NAME_MAX];
	char mount[WRAPPED_NAME_MAX]; /* vault: transit mount */
	char ns[WRAPPED_NAME_MAX]; /* vault: namespace or "" */
	enum vault_login login;
	char auth_mount[WRAPPED_NAME_MAX]; /* vault: auth mount or "" */
	char role[WRAPPED_NAME_MAX]; /* AppRole's role id, Kubernetes' role */
	char jwt_file[CONFIG_PATH_MAX]; /* Kubernetes: absolute; it rotates */
	bool open_only; /* vault: may decrypt, and nothing else is asked */
	char proxy[CONFIG_ADDRESS_MAX]; /* vault: URL or "" for none */
	char server_name[WRAPPED_NAME_MAX]; /* kmip: name in the cert or "" */
	char kmip_version[8]; /* "1.4"; "" negotiates */
	enum wrap_mode mode; /* kmip: proven and pinned */
	bool allow_cbc; /* kmip: while @mode is not pinned; not kept */
	char username[WRAPPED_NAME_MAX]; /* kmip credential or "" */
	char ciphers[CONFIG_ADDRESS_MAX]; /* kmip: of TLS 1.2, "" for any */
	/* from the credentials folder; empty where there is none */
	struct secret token;
	struct secret secret_id; /* AppRole */
	struct secret jwt; /* what was in jwt_file */
	struct secret password;
	struct secret client_key; /* PEM */
	struct secret local_key;
	char *client_cert; /* PEM */
	char *ca_cert; /* PEM; NULL: the system's */
	/* opened with the credentials; NULL: nothing is kept */
	struct login_state *login_state;
};

/* An entry without its secrets. */
struct entry {
	char name[CONFIG_ENTRY_NAME_MAX];
	size_t ngenerations;
	struct generation *generations; /* newest first, no secrets */
};

/** generation_public() - as an entry keeps it: without its secrets */
struct generation generation_public(const struct generation *g);

/** generation_same_key() - do both wrap with the same? Not: at the same server */
bool generation_same_key(const struct generation *a,
			 const struct generation *b);

/** generation_same_server() - and have they the same addresses? */
bool generation_same_server(const struct generation *a,
			    const struct generation *b);

void generation_free(struct generation *g);
void entry_free(struct entry *e);
#define _cleanup_generation_ __attribute__((cleanup(generation_free)))
#define _cleanup_entry_ __attribute__((cleanup(entry_free)))

/** generation_set_name() - what @g's set of credentials is called on disk */
void generation_set_name(const struct generation *g, char ret[CONFIG_SET_MAX]);

/** generation_new_id() - a fresh random id (UUID version 4, lower case). */
int generation_new_id(char id[WRAPPED_ENTRY_LEN + 1]);

/** config_name_ok() - is @name a valid entry name? */
bool config_name_ok(const char *name);

/**
 * config_load() - read entry @name
 * Return: 0, -ENODATA when there is no such entry, -EBADMSG when damaged.
 */
int config_load(struct op *op, const char *name, struct entry *ret);

/** config_list() - names of all entries, sorted; free each and the array. */
int config_list(struct op *op, char ***ret_names, size_t *ret_n);

/**
 * config_save() - write the entry (not the secrets) atomically
 */
int config_save(struct op *op, const struct entry *e);

/** config_remove() - delete the entry's file and all its credentials. */
int config_remove(struct op *op, const struct entry *e);

/**
 * config_find() - the generation with @id, in whatever entry, with its secrets
 * @ret_name: the entry's name, may be NULL
 * Return: 0, -ENODATA when no entry on this host has it, -EBADMSG.
 */
int config_find(struct op *op, const char *id, struct generation *ret,
		char ret_name[CONFIG_ENTRY_NAME_MAX]);

/**
 * config_current() - the current generation of entry @name, with its secrets
 * Return: 0, -ENODATA when there is no such entry or none is current.
 */
int config_current(struct op *op, const char *name, struct generation *ret);

/**
 * config_save_credentials() - write @g's secrets to the folder of its set, fsynced
 *
 * No entry may name that set yet: what is there is what a killed run has left.
 */
int config_save_credentials(struct op *op, const struct generation *g);

/**
 * config_client_cert() - the client certificate of @g, no secret
 * Return: 0, free *@ret; -ENODATA when it has none; -errno.
 */
int config_client_cert(struct op *op, const struct generation *g, char **ret);

/** config_drop_credentials() - remove @g's set, and what was learnt with it. */
int config_drop_credentials(struct op *op, const struct generation *g);

/**
 * config_sweep() - remove credentials that no entry names
 * @needed:	is generation @id needed nevertheless? Its entry may have been put
 *		away, or lost: a local key that goes is gone for good
 *
 * A kill between an entry and its credentials leaves them. Hold config_lock().
 * Does nothing while an entry cannot be read: the credentials may be its own.
 * Return: 0, -errno.
 */
int config_sweep(struct op *op, bool (*needed)(const char *id));

/** config_login_name() - "token", "approle", "kubernetes", "cert" */
const char *config_login_name(enum vault_login login);

/** config_word_ok() - printable ASCII without blanks, not empty */
bool config_word_ok(const char *text);

/** config_proxy_ok() - a URL that libcurl takes, without a password in it */
bool config_proxy_ok(const char *url);

/** config_read_jwt() - read what is in @path; what holds for a login's JWT. */
int config_read_jwt(const char *path, struct secret *ret);

/** config_lock() - serialise writers of entries; close the descriptor. */
int config_lock(struct op *op, int *ret_fd);

/**
 * config_hold() - as long as the descriptor is open no writer of entries works
 *
 * For whoever writes a binding of a generation into a header: until the
 * registry knows of it nobody would miss that generation. Many at a time.
 */
int config_hold(struct op *op, int *ret_fd);

#endif
