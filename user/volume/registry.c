// SPDX-License-Identifier: GPL-2.0-or-later
/* See registry.h. Load and save are in this one file and tested as a pair. */
#include "volume/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/op.h"
#include "volume/header.h"

#define FOLDER "volumes"
#define SUFFIX ".json"
#define RECORD_MAX (64 * 1024)
#define RECORD_VERSION 1
#define LOCK_TIMEOUT_MS 10000
#define LOCK_POLL_MAX_MS 16

static char *record_path(const char *uuid)
{
	uint8_t bytes[KMSC_UUID_BYTES];
	char name[KMSC_UUID_STR_LEN + sizeof(SUFFIX)];

	/* also keeps slashes out of the path */
	if (uuid_parse(uuid, bytes) < 0)
		return NULL;
	snprintf(name, sizeof(name), "%s" SUFFIX, uuid);
	return file_path(PLACE_STATE, FOLDER, name, NULL);
}

static int bad(struct op *op, const char *path)
{
	op_next(op, "Move the file away and run 'kmscrypt scan', which writes "
		    "a new one.");
	return op_fail(op, -EBADMSG, "%s is damaged", path);
}

/* An optional text: absent is "". */
static int get_text(struct json_object *obj, const char *name, char *buf,
		    size_t size)
{
	int r = json_get_string(obj, name, buf, size);

	if (r == -ENODATA) {
		buf[0] = '\0';
		return 0;
	}
	return r;
}

static int parse_binding(struct json_object *obj, struct registry_binding *b)
{
	uint8_t bytes[KMSC_UUID_BYTES];

	if (json_get_string(obj, "generation", b->generation,
			    sizeof(b->generation)) < 0 ||
	    uuid_parse(b->generation, bytes) < 0 ||
	    get_text(obj, "entry", b->entry, sizeof(b->entry)) < 0 ||
	    json_get_u64(obj, "epoch", &b->epoch) < 0 ||
	    json_get_u32(obj, "policy", &b->policy) < 0 ||
	    json_get_u32(obj, "lease_s", &b->lease_s) < 0 ||
	    json_get_u32(obj, "queue_cap_s", &b->queue_cap_s) < 0)
		return -EBADMSG;
	return 0;
}

static int parse_bindings(struct json_object *obj, struct registry_volume *v)
{
	struct json_object *list;
	size_t i, n;

	if (json_get_array(obj, "bindings", &list) < 0)
		return -EBADMSG;
	n = json_object_array_length(list);
	if (n > REGISTRY_BINDINGS_MAX)
		return -EBADMSG;
	for (i = 0; i < n; i++)
		if (parse_binding(json_object_array_get_idx(list, i),
				  &v->bindings[i]) < 0)
			return -EBADMSG;
	v->nbindings = n;
	return 0;
}

static int parse_vkid(struct json_object *obj, struct registry_volume *v)
{
	size_t len = 0;
	int r;

	r = json_get_base64(obj, "volume_key_id", v->vkid, sizeof(v->vkid),
			    &len);
	if (r == -ENODATA)
		return 0;
	v->has_vkid = r == 0 && len == sizeof(v->vkid);
	return v->has_vkid ? 0 : -EBADMSG;
}

static int parse_record(struct json_object *obj, const char *uuid,
			struct registry_volume *v)
{
	uint32_t version;

	if (json_get_u32(obj, "version", &version) < 0 ||
	    version != RECORD_VERSION ||
	    json_get_string(obj, "uuid", v->uuid, sizeof(v->uuid)) < 0 ||
	    strcmp(v->uuid, uuid) || parse_vkid(obj, v) < 0 ||
	    get_text(obj, "device", v->device, sizeof(v->device)) < 0 ||
	    get_text(obj, "header", v->header, sizeof(v->header)) < 0 ||
	    get_text(obj, "label", v->label, sizeof(v->label)) < 0 ||
	    json_get_u64(obj, "updated", &v->updated) < 0)
		return -EBADMSG;
	return parse_bindings(obj, v);
}

int registry_load(struct op *op, const char *uuid, struct registry_volume *ret)
{
	_cleanup_json_ struct json_object *obj = NULL;
	_cleanup_free_ char *path = record_path(uuid);
	struct registry_volume v = { 0 };
	int r;

	if (!path)
		return op_fail(op, -EBADMSG, "malformed UUID");
	r = json_read_file(path, RECORD_MAX, &obj);
	if (r == -ENOENT)
		return op_fail(op, r, "volume %s is not known on this host",
			       uuid);
	if (r == -EPROTO || r == -EFBIG)
		return bad(op, path);
	if (r < 0)
		return op_fail(op, r, "%s: %s", path, strerror(-r));
	if (parse_record(obj, uuid, &v) < 0)
		return bad(op, path);
	*ret = v;
	return 0;
}

static int add_binding(struct json_object *list,
		       const struct registry_binding *b)
{
	struct json_object *obj = json_object_new_object();
	int r;

	if (!obj)
		return -ENOMEM;
	r = json_add_string(obj, "generation", b->generation);
	if (r == 0)
		r = json_add_string(obj, "entry", b->entry);
	if (r == 0)
		r = json_add_u64(obj, "epoch", b->epoch);
	if (r == 0)
		r = json_add_u64(obj, "policy", b->policy);
	if (r == 0)
		r = json_add_u64(obj, "lease_s", b->lease_s);
	if (r == 0)
		r = json_add_u64(obj, "queue_cap_s", b->queue_cap_s);
	if (r == 0 && json_object_array_add(list, obj) < 0)
		r = -ENOMEM;
	if (r < 0)
		json_object_put(obj);
	return r;
}

static int add_bindings(struct json_object *obj,
			const struct registry_volume *v)
{
	struct json_object *list = json_object_new_array();
	size_t i;
	int r;

	r = json_add(obj, "bindings", list);
	for (i = 0; r == 0 && i < v->nbindings; i++)
		r = add_binding(list, &v->bindings[i]);
	return r;
}

static int fill_record(struct json_object *obj, const struct registry_volume *v)
{
	int r;

	r = json_add_u64(obj, "version", RECORD_VERSION);
	if (r == 0)
		r = json_add_string(obj, "uuid", v->uuid);
	if (r == 0 && v->has_vkid)
		r = json_add_base64(obj, "volume_key_id", v->vkid,
				    sizeof(v->vkid));
	if (r == 0)
		r = json_add_string(obj, "device", v->device);
	if (r == 0)
		r = json_add_string(obj, "header", v->header);
	if (r == 0)
		r = json_add_string(obj, "label", v->label);
	if (r == 0)
		r = json_add_u64(obj, "updated", (uint64_t)time(NULL));
	return r < 0 ? r : add_bindings(obj, v);
}

int registry_save(struct op *op, const struct registry_volume *v)
{
	_cleanup_json_ struct json_object *obj = json_object_new_object();
	_cleanup_free_ char *path = record_path(v->uuid);
	int r;

	if (!path)
		return op_fail(op, -EBADMSG, "malformed UUID");
	if (!obj)
		return -ENOMEM;
	r = fill_record(obj, v);
	if (r == 0)
		r = file_mkdirs(path);
	if (r == 0)
		r = json_write_file(path, obj);
	return r < 0 ? op_fail(op, r, "%s: %s", path, strerror(-r)) : 0;
}

int registry_remove(struct op *op, const char *uuid)
{
	_cleanup_free_ char *path = record_path(uuid);
	int r;

	if (!path)
		return op_fail(op, -EBADMSG, "malformed UUID");
	r = file_remove(path);
	return r < 0 ? op_fail(op, r, "%s: %s", path, strerror(-r)) : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int is_record(const struct dirent *d)
{
	char uuid[KMSC_UUID_STR_LEN + 1];
	uint8_t bytes[KMSC_UUID_BYTES];

	if (strlen(d->d_name) != KMSC_UUID_STR_LEN + strlen(SUFFIX) ||
	    strcmp(d->d_name + KMSC_UUID_STR_LEN, SUFFIX))
		return 0;
	memcpy(uuid, d->d_name, KMSC_UUID_STR_LEN);
	uuid[KMSC_UUID_STR_LEN] = '\0';
	return uuid_parse(uuid, bytes) == 0;
}

int registry_list(struct op *op, char ***ret, size_t *ret_n)
{
	_cleanup_free_ char *path = file_path(PLACE_STATE, FOLDER, NULL, NULL);
	struct dirent **found = NULL;
	char **names;
	int i, n;

	if (!path)
		return -ENOMEM;
	n = scandir(path, &found, is_record, NULL);
	if (n < 0 && errno != ENOENT)
		return op_fail(op, -errno, "%s: %s", path, strerror(errno));
	n = n < 0 ? 0 : n;
	names = calloc((size_t)n + 1, sizeof(*names));
	for (i = 0; i < n; i++) {
		if (names)
			names[i] = strndup(found[i]->d_name, KMSC_UUID_STR_LEN);
		free(found[i]);
	}
	free(found);
	for (i = 0; names && i < n; i++)
		if (!names[i])
			break;
	if (!names || i < n) {
		for (i = 0; names && i < n; i++)
			free(names[i]);
		free(names);
		return -ENOMEM;
	}
	qsort(names, (size_t)n, sizeof(*names), compare);
	*ret = names;
	*ret_n = (size_t)n;
	return 0;
}

/*
 * Bytes of one file that stays empty: all of them for the registry, one, of
 * as many as an offset can name, for a record. Ten thousand lock files would
 * have to be swept by somebody.
 */
static int lock_bytes(struct op *op, off_t start, off_t len, int *ret_fd)
{
	_cleanup_free_ char *path = file_path(PLACE_STATE, ".lock", NULL, NULL);
	struct flock lock = { .l_type = F_WRLCK,
			      .l_whence = SEEK_SET,
			      .l_start = start,
			      .l_len = len };
	_cleanup_close_ int fd = -1;
	unsigned int waited_ms = 0, ms = 1;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_mkdirs(path);
	if (!r)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (!r && fd < 0)
		r = -errno;
	while (!r && fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			r = -errno;
		else if (waited_ms >= LOCK_TIMEOUT_MS)
			r = -EBUSY;
		usleep(ms * 1000);
		waited_ms += ms;
		ms = ms < LOCK_POLL_MAX_MS ? ms * 2 : ms;
	}
	if (r < 0)
		return op_fail(op, r, "cannot lock %s: %s", path, strerror(-r));
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int registry_lock(struct op *op, int *ret_fd)
{
	return lock_bytes(op, 0, 0, ret_fd);
}

int registry_lock_volume(struct op *op, const char *uuid, int *ret_fd)
{
	uint8_t bytes[KMSC_UUID_BYTES];
	uint64_t at;

	if (uuid_parse(uuid, bytes) < 0)
		return op_fail(op, -EBADMSG, "malformed UUID");
	memcpy(&at, bytes, sizeof(at));
	return lock_bytes(op, (off_t)(at & (INT64_MAX >> 1)), 1, ret_fd);
}

/* --- pins: no files from here on --- */

static int rejected(struct op *op, const char *what)
{
	op_next(op, "If the change is wanted, repeat it with --accept-header; "
		    "if not, restore the header with 'kmscrypt header "
		    "restore'.");
	return op_fail(op, -EKEYREJECTED,
		       "the registry of this host knows the volume "
		       "otherwise: %s (--accept-header accepts it)",
		       what);
}

static const struct registry_binding *find(const struct registry_volume *v,
					   const char *generation)
{
	size_t i;

	for (i = 0; i < v->nbindings; i++)
		if (!strcmp(v->bindings[i].generation, generation))
			return &v->bindings[i];
	return NULL;
}

static uint64_t highest(const struct registry_volume *v)
{
	uint64_t max = 0;
	size_t i;

	for (i = 0; i < v->nbindings; i++)
		if (v->bindings[i].epoch > max)
			max = v->bindings[i].epoch;
	return max;
}

int registry_check(struct op *op, const struct registry_volume *v,
		   const char *generation, const struct capsule *c)
{
	const struct registry_binding *pin = find(v, generation);
	uint8_t vkid[CAPSULE_VKID_BYTES];
	int r;

	r = capsule_vkid(&c->key, c->uuid, vkid);
	if (r < 0)
		return r;
	/* the id is public: no need for constant time */
	if (v->has_vkid && memcmp(v->vkid, vkid, sizeof(vkid)))
		return rejected(op, "it had another volume key");
	if (!pin) {
		if (v->nbindings && c->epoch <= highest(v))
			return rejected(op, "this binding is older than those "
					    "that were seen");
		return 0;
	}
	if (c->epoch < pin->epoch)
		return rejected(op, "a newer binding was seen (the header may "
				    "be an old copy)");
	if (c->epoch == pin->epoch &&
	    (c->policy != pin->policy || c->lease_s != pin->lease_s ||
	     c->queue_cap_s != pin->queue_cap_s))
		return rejected(op, "it had another policy");
	return 0;
}

int registry_pin(struct registry_volume *v, const char *generation,
		 const char *entry, const struct capsule *c, bool reset)
{
	struct registry_binding *pin;
	int r;

	r = capsule_vkid(&c->key, c->uuid, v->vkid);
	if (r < 0)
		return r;
	v->has_vkid = true;
	pin = (struct registry_binding *)find(v, generation);
	if (!pin) {
		if (v->nbindings == REGISTRY_BINDINGS_MAX)
			return -ENOSPC;
		pin = &v->bindings[v->nbindings++];
		memset(pin, 0, sizeof(*pin));
		snprintf(pin->generation, sizeof(pin->generation), "%s",
			 generation);
	}
	snprintf(pin->entry, sizeof(pin->entry), "%s", entry);
	if (c->epoch < pin->epoch && !reset)
		return 0;
	pin->epoch = c->epoch;
	pin->policy = c->policy;
	pin->lease_s = c->lease_s;
	pin->queue_cap_s = c->queue_cap_s;
	return 0;
}

void registry_unpin(struct registry_volume *v, const char *generation)
{
	struct registry_binding *pin =
		(struct registry_binding *)find(v, generation);

	if (!pin)
		return;
	*pin = v->bindings[v->nbindings - 1];
	v->nbindings--;
}

const struct registry_binding *registry_newest(const struct registry_volume *v)
{
	const struct registry_binding *newest = NULL;

	for (size_t i = 0; i < v->nbindings; i++)
		if (!newest || v->bindings[i].epoch > newest->epoch)
			newest = &v->bindings[i];
	return newest;
}

uint64_t registry_next_epoch(const struct registry_volume *v, uint64_t current)
{
	uint64_t max = v ? highest(v) : 0;

	return (max > current ? max : current) + 1;
}
