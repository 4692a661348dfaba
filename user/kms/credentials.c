// SPDX-License-Identifier: GPL-2.0-or-later
/* The secrets of a generation, each in a file of its own; see config.h. */
#include "kms/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/op.h"
#include "kms/config-json.h"
#include "kms/login-state.h"
#include "kms/silence.h"

#define CLIENT_CERT "client-cert.pem"
#define PEM_MAX (256 * 1024)
#define TOKEN_MAX (64 * 1024)
#define LOCAL_KEY_MAX 64

static const struct {
	const char *file;
	size_t where;
	size_t max;
	bool text;
} secrets[] = {
	{ "token", offsetof(struct generation, token), TOKEN_MAX, true },
	{ "secret-id", offsetof(struct generation, secret_id), TOKEN_MAX,
	  true },
	{ "password", offsetof(struct generation, password), TOKEN_MAX, true },
	{ "client-key.pem", offsetof(struct generation, client_key), PEM_MAX,
	  false },
	{ "local.key", offsetof(struct generation, local_key), LOCAL_KEY_MAX,
	  false },
};

/* Public, but kept beside the secrets that they go with */
static const struct {
	const char *file;
	size_t where;
} certs[] = {
	{ CLIENT_CERT, offsetof(struct generation, client_cert) },
	{ "ca.pem", offsetof(struct generation, ca_cert) },
};

#define NSECRETS (sizeof(secrets) / sizeof(secrets[0]))
#define NCERTS (sizeof(certs) / sizeof(certs[0]))

static struct secret *secret_at(const struct generation *g, size_t i)
{
	return (void *)((char *)g + secrets[i].where);
}

static char **cert_at(const struct generation *g, size_t i)
{
	return (void *)((char *)g + certs[i].where);
}

static char *folder_path(const char *set)
{
	return file_path(PLACE_CONFIG, "credentials", set, NULL);
}

static char *credential_path(const struct generation *g, const char *file)
{
	char set[CONFIG_SET_MAX];

	generation_set_name(g, set);
	return file_path(PLACE_CONFIG, "credentials", set, file);
}

static int failed(struct op *op, int err, const char *verb, const char *path)
{
	if (err == -EFBIG || err == -EMSGSIZE)
		return op_fail(op, -EBADMSG, "%s is too large", path);
	return op_fail(op, err, "cannot %s %s: %s", verb, path, strerror(-err));
}

static int load_one(struct op *op, struct generation *g, size_t i)
{
	bool cert = i >= NSECRETS;
	size_t k = cert ? i - NSECRETS : i, len;
	_cleanup_free_ char *path = NULL;
	int r;

	path = credential_path(g, cert ? certs[k].file : secrets[k].file);
	if (!path)
		return -ENOMEM;
	if (cert)
		r = file_read(path, PEM_MAX, cert_at(g, k), &len);
	else
		r = secret_read_file(secret_at(g, k), path, secrets[k].max,
				     secrets[k].text);
	if (r < 0 && r != -ENOENT)
		return failed(op, r, "read", path);
	return 0;
}

int config_read_jwt(const char *path, struct secret *ret)
{
	return secret_read_file(ret, path, TOKEN_MAX, true);
}

/*
 * For the helper this is the last moment to reach files: its sandbox closes
 * next. So the JWT is read here, at each start, because it rotates, and the
 * file with the login's token is opened here; all that is needed later is on
 * that descriptor (login-state.h says which system calls).
 *
 * A JWT that is missing is no failure yet: there may be a token that works.
 */
static int load_login(struct op *op, struct generation *g)
{
	char set[CONFIG_SET_MAX];
	int r = 0;

	if (g->provider != KMS_VAULT)
		return 0;
	generation_set_name(g, set);
	g->login_state = login_state_open(set);
	if (g->login == LOGIN_KUBERNETES)
		r = config_read_jwt(g->jwt_file, &g->jwt);
	return r < 0 && r != -ENOENT ? failed(op, r, "read", g->jwt_file) : 0;
}

int config_load_credentials(struct op *op, struct generation *g)
{
	size_t i;
	int r;

	for (i = 0; i < NSECRETS + NCERTS; i++) {
		r = load_one(op, g, i);
		if (r < 0)
			return r;
	}
	return load_login(op, g);
}

static int save_one(struct op *op, const struct generation *g, size_t i)
{
	bool cert = i >= NSECRETS;
	size_t k = cert ? i - NSECRETS : i;
	_cleanup_free_ char *path = NULL;
	int r = 0;

	path = credential_path(g, cert ? certs[k].file : secrets[k].file);
	if (!path)
		return -ENOMEM;
	if (cert && *cert_at(g, k))
		r = file_write(path, *cert_at(g, k), strlen(*cert_at(g, k)));
	else if (!cert && secret_at(g, k)->len)
		r = secret_write_file(secret_at(g, k), path);
	return r < 0 ? failed(op, r, "write", path) : 0;
}

/* All that is in the folder, so that what a power cut left goes as well */
static int empty_folder(DIR *dir)
{
	struct dirent *d;
	int r = 0;

	while ((d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (unlinkat(dirfd(dir), d->d_name, 0) < 0 && errno != ENOENT)
			r = -errno;
	}
	return r;
}

/* A set, whoever names it, and the login that it gave. */
static int drop_set(struct op *op, const char *set)
{
	_cleanup_free_ char *path = folder_path(set);
	DIR *dir;
	int r;

	if (!path)
		return -ENOMEM;
	r = login_state_drop(set);
	if (r < 0)
		return failed(op, r, "drop the login of", path);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : failed(op, -errno, "open", path);
	r = empty_folder(dir);
	closedir(dir);
	if (!r && rmdir(path) < 0 && errno != ENOENT)
		r = -errno;
	return r < 0 ? failed(op, r, "remove", path) : 0;
}

int config_drop_credentials(struct op *op, const struct generation *g)
{
	char set[CONFIG_SET_MAX];
	int r;

	if (!wrapped_entry_ok(g->id))
		return -EINVAL;
	generation_set_name(g, set);
	r = silence_drop(g->id);
	return r < 0 ? failed(op, r, "drop what is known of", set) :
		       drop_set(op, set);
}

int config_save_credentials(struct op *op, const struct generation *g)
{
	_cleanup_free_ char *path = NULL;
	size_t i;
	int r;

	r = config_drop_credentials(op, g);
	if (r < 0)
		return r;
	path = credential_path(g, "token");
	if (!path)
		return -ENOMEM;
	r = file_mkdirs(path);
	if (r < 0)
		return failed(op, r, "make the folder of", path);
	for (i = 0; i < NSECRETS + NCERTS; i++) {
		r = save_one(op, g, i);
		if (r < 0)
			return r;
	}
	return 0;
}

int config_client_cert(struct op *op, const struct generation *g, char **ret)
{
	_cleanup_free_ char *path = NULL;
	size_t len;
	int r;

	if (!wrapped_entry_ok(g->id))
		return -EINVAL;
	path = credential_path(g, CLIENT_CERT);
	if (!path)
		return -ENOMEM;
	r = file_read(path, PEM_MAX, ret, &len);
	if (r == -ENOENT)
		return -ENODATA;
	return r < 0 ? failed(op, r, "read", path) : 0;
}

/* "<generation>" or "<generation>.<set>" */
static int parse_set(const char *name, struct generation *ret)
{
	char again[CONFIG_SET_MAX];

	*ret = (struct generation){ .set = 0 };
	snprintf(ret->id, sizeof(ret->id), "%.*s", (int)strcspn(name, "."),
		 name);
	if (!wrapped_entry_ok(ret->id))
		return -EINVAL;
	if (name[WRAPPED_ENTRY_LEN])
		ret->set = strtoull(name + WRAPPED_ENTRY_LEN + 1, NULL, 10);
	generation_set_name(ret, again);
	return strcmp(again, name) ? -EINVAL : 0;
}

/*
 * Does an entry of @names have generation @g? 1: with this set, 2: with
 * another; -errno: one is unreadable.
 */
static int is_named(struct op *op, char **names, size_t n,
		    const struct generation *g)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_entry_ struct entry e = { .ngenerations = 0 };
		int r = config_load(op, names[i], &e);

		if (r < 0)
			return r;
		for (size_t k = 0; k < e.ngenerations; k++)
			if (!strcmp(e.generations[k].id, g->id))
				return e.generations[k].set == g->set ? 1 : 2;
	}
	return 0;
}

static int sweep_folder(struct op *op, DIR *dir, char **names, size_t n,
			bool (*needed)(const char *id))
{
	struct dirent *d;
	int r = 0;

	while (!r && (d = readdir(dir))) {
		struct generation g;

		if (parse_set(d->d_name, &g))
			continue;
		r = is_named(op, names, n, &g);
		if (r == 2 || (!r && !needed(g.id)))
			r = drop_set(op, d->d_name);
		else if (r > 0)
			r = 0;
	}
	return r;
}

int config_sweep(struct op *op, bool (*needed)(const char *id))
{
	_cleanup_free_ char *path = folder_path(NULL);
	char **names;
	size_t n;
	DIR *dir;
	int r;

	if (!path)
		return -ENOMEM;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : failed(op, -errno, "open", path);
	r = config_list(op, &names, &n);
	if (!r) {
		r = sweep_folder(op, dir, names, n, needed);
		for (size_t i = 0; i < n; i++)
			free(names[i]);
		free(names);
	}
	closedir(dir);
	return r;
}
