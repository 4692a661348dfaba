// SPDX-License-Identifier: GPL-2.0-or-later
/* See config.h: entries as files, found by name or by a generation's id. */
#include "kms/config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/op.h"
#include "base/uuid.h"
#include "kms/config-json.h"
#include "kms/login-state.h"

#define ENTRY_FILE_MAX (1024 * 1024)
#define LOCK_MAX_MS 10000
#define SET_TRIES 5

static const char suffix[] = ".json";

int generation_new_id(char id[WRAPPED_ENTRY_LEN + 1])
{
	uint8_t uuid[UUID_BYTES];
	int r = uuid_random(uuid);

	if (!r)
		uuid_text(uuid, id);
	return r;
}

void generation_set_name(const struct generation *g, char ret[CONFIG_SET_MAX])
{
	int n = snprintf(ret, CONFIG_SET_MAX, "%s", g->id);

	if (g->set)
		snprintf(ret + n, CONFIG_SET_MAX - (size_t)n, ".%" PRIu64,
			 g->set);
}

struct generation generation_public(const struct generation *g)
{
	struct generation p = *g;

	p.token = SECRET_EMPTY;
	p.secret_id = SECRET_EMPTY;
	p.jwt = SECRET_EMPTY;
	p.password = SECRET_EMPTY;
	p.client_key = SECRET_EMPTY;
	p.local_key = SECRET_EMPTY;
	p.client_cert = NULL;
	p.ca_cert = NULL;
	p.login_state = NULL;
	return p;
}

bool generation_same_key(const struct generation *a, const struct generation *b)
{
	/* another mode (kmip) makes another generation: it is pinned */
	return a->provider == b->provider && a->mode == b->mode &&
	       !strcmp(a->key_id, b->key_id) && !strcmp(a->mount, b->mount) &&
	       !strcmp(a->ns, b->ns);
}

bool generation_same_server(const struct generation *a,
			    const struct generation *b)
{
	if (!generation_same_key(a, b) || !a->naddresses ||
	    a->naddresses != b->naddresses)
		return false;
	for (size_t i = 0; i < a->naddresses; i++)
		if (strcmp(a->addresses[i], b->addresses[i]))
			return false;
	return true;
}

void generation_free(struct generation *g)
{
	secret_free(&g->token);
	secret_free(&g->secret_id);
	secret_free(&g->jwt);
	secret_free(&g->password);
	secret_free(&g->client_key);
	secret_free(&g->local_key);
	free(g->client_cert);
	free(g->ca_cert);
	g->client_cert = NULL;
	g->ca_cert = NULL;
	login_state_close(g->login_state);
	g->login_state = NULL;
}

void entry_free(struct entry *e)
{
	size_t i;

	for (i = 0; i < e->ngenerations; i++)
		generation_free(&e->generations[i]);
	free(e->generations);
	e->generations = NULL;
	e->ngenerations = 0;
}

bool config_name_ok(const char *name)
{
	/* no leading dot: those are temporary files, and "." and ".." */
	return name[0] != '.' && strlen(name) < CONFIG_ENTRY_NAME_MAX &&
	       wrapped_name_ok(name, 0);
}

static char *entry_path(const char *name)
{
	char file[CONFIG_ENTRY_NAME_MAX + sizeof(suffix)];

	snprintf(file, sizeof(file), "%s%s", name, suffix);
	return file_path(PLACE_CONFIG, "entries", file, NULL);
}

int config_load(struct op *op, const char *name, struct entry *ret)
{
	_cleanup_json_ struct json_object *obj = NULL;
	_cleanup_entry_ struct entry e = { .ngenerations = 0 };
	_cleanup_free_ char *path = NULL;
	int r;

	if (!config_name_ok(name))
		return op_fail(op, -EINVAL, "'%s' is no name for a KMS entry",
			       name);
	path = entry_path(name);
	if (!path)
		return -ENOMEM;
	r = json_read_file(path, ENTRY_FILE_MAX, &obj);
	if (r == -ENOENT)
		return op_fail(op, -ENODATA,
			       "there is no KMS entry '%s' on this host", name);
	if (!r)
		r = entry_from_json(obj, &e);
	if (!r && strcmp(e.name, name) != 0)
		r = -EBADMSG;
	if (r == -EPROTO || r == -EBADMSG || r == -EFBIG)
		return op_fail(op, -EBADMSG, "%s is damaged", path);
	if (r < 0)
		return op_fail(op, r, "cannot read %s: %s", path, strerror(-r));
	*ret = e;
	e = (struct entry){ .ngenerations = 0 };
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t n)
{
	while (n)
		free(names[--n]);
	free(names);
}

/* "<entry name>.json"; false for any other file */
static bool name_of(const char *file, char ret[CONFIG_ENTRY_NAME_MAX])
{
	size_t len = strlen(file);

	if (len < sizeof(suffix) || strcmp(file + len - 5, suffix) != 0 ||
	    len - 5 >= CONFIG_ENTRY_NAME_MAX)
		return false;
	memcpy(ret, file, len - 5);
	ret[len - 5] = '\0';
	return config_name_ok(ret);
}

static int list_folder(DIR *dir, char ***ret_names, size_t *ret_n)
{
	struct dirent *d;
	char **names = NULL;
	size_t n = 0;

	while ((errno = 0, d = readdir(dir))) {
		char name[CONFIG_ENTRY_NAME_MAX];
		char **more;

		if (!name_of(d->d_name, name))
			continue;
		more = reallocarray(names, n + 1, sizeof(*names));
		if (!more)
			break;
		names = more;
		names[n] = strdup(name);
		if (!names[n])
			break;
		n++;
	}
	/* Half a list would pass for all that there is. */
	if (errno) {
		int r = -errno;

		free_names(names, n);
		return r;
	}
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	*ret_names = names;
	*ret_n = n;
	return 0;
}

int config_list(struct op *op, char ***ret_names, size_t *ret_n)
{
	_cleanup_free_ char *path = NULL;
	DIR *dir;
	int r;

	path = file_path(PLACE_CONFIG, "entries", NULL, NULL);
	if (!path)
		return -ENOMEM;
	dir = opendir(path);
	if (!dir && errno == ENOENT) {
		*ret_names = NULL;
		*ret_n = 0;
		return 0;
	}
	if (!dir) {
		r = -errno;
		return op_fail(op, r, "cannot read %s: %s", path, strerror(-r));
	}
	r = list_folder(dir, ret_names, ret_n);
	closedir(dir);
	return r ? op_fail(op, r, "cannot read %s: %s", path, strerror(-r)) : 0;
}

int config_save(struct op *op, const struct entry *e)
{
	_cleanup_entry_ struct entry again = { .ngenerations = 0 };
	_cleanup_json_ struct json_object *obj = NULL;
	_cleanup_free_ char *path = NULL;
	int r;

	r = entry_to_json(e, &obj);
	if (r < 0)
		return r;
	/* nothing is written that could not be read again */
	r = entry_from_json(obj, &again);
	if (r < 0)
		return op_fail(op, r == -ENOMEM ? r : -EINVAL,
			       "the KMS entry '%s' is not valid", e->name);
	path = entry_path(e->name);
	if (!path)
		return -ENOMEM;
	r = file_mkdirs(path);
	r = r ?: json_write_file(path, obj);
	if (r < 0)
		return op_fail(op, r, "cannot write %s: %s", path,
			       strerror(-r));
	return 0;
}

int config_remove(struct op *op, const struct entry *e)
{
	_cleanup_free_ char *path = NULL;
	size_t i;
	int r;

	if (!config_name_ok(e->name))
		return -EINVAL;
	path = entry_path(e->name);
	if (!path)
		return -ENOMEM;
	/* the entry first: it must not point to what is gone */
	r = file_remove(path);
	if (r < 0)
		return op_fail(op, r, "cannot remove %s: %s", path,
			       strerror(-r));
	for (i = 0; i < e->ngenerations; i++) {
		int s = config_drop_credentials(op, &e->generations[i]);

		r = r ?: s;
	}
	return r;
}

/* Takes the generation out of the entry, which keeps an empty place. */
static int take(struct op *op, struct entry *e, size_t i,
		struct generation *ret)
{
	_cleanup_generation_ struct generation g = e->generations[i];
	int r;

	memset(&e->generations[i], 0, sizeof(e->generations[i]));
	r = config_load_credentials(op, &g);
	if (r < 0)
		return r;
	*ret = g;
	memset(&g, 0, sizeof(g));
	return 0;
}

/* @id NULL: the current one. Its index, -ENODATA. */
static int index_of(const struct entry *e, const char *id)
{
	for (size_t i = 0; i < e->ngenerations; i++)
		if (id ? !strcmp(e->generations[i].id, id) :
			 e->generations[i].state == GENERATION_CURRENT)
			return (int)i;
	return -ENODATA;
}

/*
 * Readers take no lock, for a writer may have it for long. A set is removed
 * once the entry names another: what the entry names before and after reading
 * it was whole in between.
 */
static int find_in(struct op *op, const char *name, const char *id,
		   struct generation *ret)
{
	for (int try = 0; try < SET_TRIES; try++) {
		_cleanup_entry_ struct entry e = { .ngenerations = 0 };
		_cleanup_entry_ struct entry after = { .ngenerations = 0 };
		_cleanup_generation_ struct generation g = { .id = "" };
		int i, r, err = config_load(op, name, &e);

		if (err < 0)
			return err;
		i = index_of(&e, id);
		if (i < 0)
			return i;
		err = take(op, &e, (size_t)i, &g);
		r = config_load(op, name, &after);
		if (r < 0)
			return r;
		i = index_of(&after, id);
		if (i < 0 || strcmp(after.generations[i].id, g.id) ||
		    after.generations[i].set != g.set)
			continue;
		if (!err) {
			*ret = g;
			memset(&g, 0, sizeof(g));
		}
		return err;
	}
	return op_fail(op, -EBUSY, "KMS entry '%s' changes all the time", name);
}

int config_find(struct op *op, const char *id, struct generation *ret,
		char ret_name[CONFIG_ENTRY_NAME_MAX])
{
	char **names;
	size_t i, n;
	int r, worst = -ENODATA;

	if (!wrapped_entry_ok(id))
		return -EBADMSG;
	r = config_list(op, &names, &n);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		r = find_in(op, names[i], id, ret);
		if (!r)
			break;
		/* a damaged entry hides none but its own generations */
		if (r != -ENODATA)
			worst = r;
	}
	if (i < n) {
		if (ret_name)
			snprintf(ret_name, CONFIG_ENTRY_NAME_MAX, "%s",
				 names[i]);
		op_clear(op);
	} else if (worst == -ENODATA) {
		op_fail(op, worst,
			"no KMS entry on this host has the generation %s", id);
	}
	free_names(names, n);
	return i < n ? 0 : worst;
}

int config_current(struct op *op, const char *name, struct generation *ret)
{
	int r;

	op_clear(op);
	r = find_in(op, name, NULL, ret);
	if (r != -ENODATA || op->detail[0])
		return r;
	return op_fail(op, r,
		       "the KMS entry '%s' only unwraps: it has no current "
		       "generation",
		       name);
}

static int lock(struct op *op, int (*how)(const char *path, int timeout_ms),
		int *ret_fd)
{
	_cleanup_free_ char *path = NULL;
	int64_t left;
	int fd, r;

	path = file_path(PLACE_RUN, "config.lock", NULL, NULL);
	if (!path)
		return -ENOMEM;
	left = op_left_ms(op, LOCK_MAX_MS);
	if (left < 0)
		return (int)left;
	r = file_mkdirs(path);
	fd = r < 0 ? r : how(path, (int)left);
	if (fd == -EBUSY)
		return op_fail(op, fd,
			       "another kmscrypt works with the KMS entries");
	if (fd < 0)
		return op_fail(op, fd, "cannot lock %s: %s", path,
			       strerror(-fd));
	*ret_fd = fd;
	return 0;
}

int config_lock(struct op *op, int *ret_fd)
{
	return lock(op, file_lock, ret_fd);
}

int config_hold(struct op *op, int *ret_fd)
{
	return lock(op, file_lock_shared, ret_fd);
}
