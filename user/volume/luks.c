// SPDX-License-Identifier: GPL-2.0-or-later
/* See luks.h. */
#include "volume/luks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <libcryptsetup.h>
#include <linux/fs.h>

#include "base/file.h"
#include "base/json.h"
#include "base/op.h"
#include "volume/integrity.h"
#include "volume/luks-session.h"

#define DIGEST_ITERATIONS 1000 /* the least that LUKS2 takes */
#define DIGEST_HASH "sha256"
#define TOKENS_MAX 32

static void copy_text(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%s", src ?: "");
}

static int open_and_read(struct luks_session *s, struct op *op,
			 const struct luks_place *place, struct header *ret)
{
	const char *json;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = luks_session_open(s, op, place);
	if (r < 0)
		return r;
	r = crypt_dump_json(s->cd, &json, 0);
	if (r < 0)
		return luks_session_fail(s, r);
	r = header_set_uuid(op, ret, crypt_get_uuid(s->cd));
	if (r < 0)
		return r;
	copy_text(ret->label, sizeof(ret->label), crypt_get_label(s->cd));
	copy_text(ret->subsystem, sizeof(ret->subsystem),
		  crypt_get_subsystem(s->cd));
	return header_parse(op, json, strlen(json), ret);
}

int luks_read(struct op *op, const struct luks_place *place, struct header *ret)
{
	_cleanup_luks_session_ struct luks_session s = { 0 };

	return open_and_read(&s, op, place, ret);
}

static int device_bytes(struct op *op, const char *path, uint64_t *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return op_fail(op, -errno, "%s: %s", path, strerror(errno));
	*ret = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, ret) < 0)
		return op_fail(op, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* 4096 only where no end of the device is lost to rounding. */
static int choose_sector(struct op *op, const struct luks_place *place,
			 const struct luks_format *f, uint32_t *ret)
{
	uint64_t bytes;
	int r;

	*ret = f->sector_size;
	if (*ret)
		return 0;
	r = device_bytes(op, place->device, &bytes);
	if (r < 0)
		return r;
	*ret = bytes % 4096 || f->offset % 4096 ? 512 : 4096;
	return 0;
}

/* "aes-xts-plain64" into "aes" and "xts-plain64", as the library wants it. */
static int split_cipher(struct op *op, const char *spec,
			char name[KMSC_CIPHER_MAX], char mode[KMSC_CIPHER_MAX])
{
	size_t len = strcspn(spec, "-");

	if (!len || !spec[len] || strlen(spec) >= KMSC_CIPHER_MAX ||
	    !header_cipher_ok(spec))
		return op_fail(op, -EINVAL, "'%s' is not a cipher like %s",
			       spec, LUKS_CIPHER_DEFAULT);
	memcpy(name, spec, len);
	name[len] = '\0';
	strcpy(mode, spec + len + 1); /* fits: shorter than spec */
	return 0;
}

static int format(struct luks_session *s, const struct luks_format *f,
		  uint32_t sector_size, const struct secret *key)
{
	static const struct crypt_pbkdf_type pbkdf = {
		.type = CRYPT_KDF_PBKDF2,
		.hash = DIGEST_HASH,
		.iterations = DIGEST_ITERATIONS,
		.flags = CRYPT_PBKDF_NO_BENCHMARK,
	};
	struct crypt_params_luks2 params = {
		.pbkdf = &pbkdf,
		/* with the journal that dm-integrity chooses */
		.integrity = f->integrity,
		.sector_size = sector_size,
		.label = f->label,
		.subsystem = LUKS_SUBSYSTEM,
	};
	char name[KMSC_CIPHER_MAX], mode[KMSC_CIPHER_MAX];
	int r;

	r = split_cipher(s->op, f->cipher ?: LUKS_CIPHER_DEFAULT, name, mode);
	if (r < 0)
		return r;
	if (f->offset) {
		r = crypt_set_data_offset(s->cd, f->offset / 512);
		if (r < 0)
			return luks_session_fail(s, r);
	}
	r = crypt_format(s->cd, CRYPT_LUKS2, name, mode, f->uuid,
			 (const char *)key->data, key->len, &params);
	return r < 0 ? luks_session_fail(s, r) : 0;
}

int luks_format(struct op *op, const struct luks_place *place,
		const struct luks_format *f, const struct secret *key,
		struct header *ret)
{
	_cleanup_luks_session_ struct luks_session s = { 0 };
	uint32_t sector_size;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!key->len || key->len > KMSC_KEY_MAX || f->offset % 512)
		return op_fail(op, -EINVAL, "key length or offset do not fit");
	if (f->label && strlen(f->label) >= HEADER_LABEL_MAX)
		return op_fail(op, -EINVAL, "the label is too long (%d bytes)",
			       HEADER_LABEL_MAX - 1);
	r = choose_sector(op, place, f, &sector_size);
	if (r < 0)
		return r;
	r = luks_session_init(&s, op, place);
	if (r < 0)
		return r;
	r = format(&s, f, sector_size, key);
	luks_session_close(&s);
	return r < 0 ? r : luks_read(op, place, ret);
}

/* What one try of change() does. */
struct change {
	const struct binding *old; /* token to replace or remove */
	const char *json; /* token to write, NULL: remove */
	int token; /* out: its number */
};

static unsigned int count_bindings(struct crypt_device *cd)
{
	const char *type;
	unsigned int n = 0;
	int i;

	for (i = 0; i < TOKENS_MAX; i++)
		if (crypt_token_status(cd, i, &type) > CRYPT_TOKEN_INACTIVE &&
		    type && !strcmp(type, KMSC_TOKEN_TYPE))
			n++;
	return n;
}

static bool same_json(const char *a, const char *b)
{
	_cleanup_json_ struct json_object *left = NULL;
	_cleanup_json_ struct json_object *right = NULL;

	return json_parse(a, strlen(a), &left) == 0 &&
	       json_parse(b, strlen(b), &right) == 0 &&
	       json_object_equal(left, right);
}

static int change(struct luks_session *s, void *arg)
{
	struct change *c = arg;
	int token = c->old ? c->old->token : CRYPT_ANY_TOKEN;
	const char *now;

	if (!c->old && count_bindings(s->cd) >= KMSC_MAX_BINDINGS)
		return op_fail(s->op, -ENOSPC, "%s has %d bindings already",
			       s->path, KMSC_MAX_BINDINGS);
	if (c->old && crypt_token_json_get(s->cd, token, &now) < 0) {
		if (!c->json)
			return 0;
		return op_fail(s->op, -EAGAIN,
			       "%s: the binding to replace is gone", s->path);
	}
	if (c->old && (!c->old->json || !same_json(now, c->old->json)))
		return op_fail(s->op, -EAGAIN,
			       "%s: somebody else changed the binding",
			       s->path);
	c->token = crypt_token_json_set(s->cd, token, c->json);
	if (c->token == -ENOSPC) {
		op_next(s->op, "Remove what it does not need: bindings "
			       "('kmscrypt unbind'), tokens ('cryptsetup token "
			       "remove').");
		return op_fail(s->op, -ENOSPC,
			       "the header of %s has no room for the binding",
			       s->path);
	}
	return c->token < 0 ? luks_session_fail(s, c->token) : 0;
}

static int write_binding(struct op *op, const struct luks_place *place,
			 const char *uuid, const struct binding *old,
			 struct binding *b)
{
	struct change c = { .old = old };
	char *json;
	int r;

	r = binding_to_json(op, b, &json);
	if (r < 0)
		return r;
	c.json = json;
	r = luks_session_write(op, place, uuid, change, &c);
	if (r < 0) {
		free(json);
		return r;
	}
	b->token = c.token;
	free(b->json);
	b->json = json;
	return 0;
}

int luks_add(struct op *op, const struct luks_place *place, const char *uuid,
	     struct binding *b)
{
	return write_binding(op, place, uuid, NULL, b);
}

int luks_replace(struct op *op, const struct luks_place *place,
		 const char *uuid, const struct binding *old, struct binding *b)
{
	return write_binding(op, place, uuid, old, b);
}

struct luks_edit {
	struct luks_session session;
	struct luks_place place;
	char uuid[KMSC_UUID_STR_LEN + 1];
};

int luks_edit_open(struct op *op, const struct luks_place *place,
		   struct header *ret_header, struct luks_edit **ret)
{
	struct luks_edit *e = calloc(1, sizeof(*e));
	int r = -ENOMEM;

	memset(ret_header, 0, sizeof(*ret_header));
	if (e)
		r = open_and_read(&e->session, op, place, ret_header);
	if (r < 0) {
		luks_edit_close(e);
		return r;
	}
	e->place = *place;
	memcpy(e->uuid, ret_header->uuid, sizeof(e->uuid));
	*ret = e;
	return 0;
}

int luks_edit_replace(struct op *op, struct luks_edit *e,
		      const struct binding *old, struct binding *b)
{
	struct change c = { .old = old };
	char *json;
	int r;

	r = binding_to_json(op, b, &json);
	if (r < 0)
		return r;
	c.json = json;
	e->session.op = op;
	r = change(&e->session, &c);
	free(json);
	if (r != -EINVAL) {
		b->token = r < 0 ? b->token : c.token;
		return r;
	}
	/* Somebody has written since: once more, from reading. */
	op_clear(op);
	return luks_replace(op, &e->place, e->uuid, old, b);
}

void luks_edit_close(struct luks_edit *e)
{
	if (!e)
		return;
	luks_session_close(&e->session);
	free(e);
}

int luks_remove(struct op *op, const struct luks_place *place, const char *uuid,
		const struct binding *old)
{
	struct change c = { .old = old };

	return luks_session_write(op, place, uuid, change, &c);
}

int luks_verify_key(struct op *op, const struct luks_place *place,
		    const struct secret *key)
{
	_cleanup_luks_session_ struct luks_session s = { 0 };
	int r;

	r = luks_session_open(&s, op, place);
	if (r < 0)
		return r;
	r = crypt_volume_key_verify(s.cd, (const char *)key->data, key->len);
	if (r == -EPERM)
		return op_fail(op, -EKEYREJECTED,
			       "the key is not the one of %s", s.path);
	return r < 0 ? luks_session_fail(&s, r) : 0;
}

int luks_set_label(struct op *op, const struct luks_place *place,
		   const char *label)
{
	_cleanup_luks_session_ struct luks_session s = { 0 };
	char subsystem[HEADER_LABEL_MAX];
	int r;

	r = luks_session_open(&s, op, place);
	if (r < 0)
		return r;
	/* the call frees what the getter points to */
	copy_text(subsystem, sizeof(subsystem), crypt_get_subsystem(s.cd));
	r = crypt_set_label(s.cd, label, subsystem);
	return r < 0 ? luks_session_fail(&s, r) : 0;
}

/* What dm-integrity has, it was made with: it does not follow the device. */
static int integrity_sectors(struct op *op, const struct luks_place *place,
			     const struct segment *s, uint64_t *ret)
{
	_cleanup_close_ int fd = open(place->device, O_RDONLY | O_CLOEXEC);
	uint8_t bytes[INTEGRITY_SUPER_BYTES];
	struct integrity_super super;
	struct segment view;
	int r;

	if (fd < 0)
		return op_fail(op, -errno, "%s: %s", place->device,
			       strerror(errno));
	r = integrity_view(op, s, &view);
	if (r)
		return r;
	if (pread(fd, bytes, sizeof(bytes), (off_t)s->offset) !=
		    (ssize_t)sizeof(bytes) ||
	    integrity_super(bytes, &super))
		return op_fail(op, -EBADMSG,
			       "%s has no superblock of dm-integrity where its "
			       "header says",
			       place->device);
	if (super.tag_bytes != integrity_tag_bytes(view.integrity) ||
	    super.sector_size != s->sector_size ||
	    (s->size && s->size / 512 != super.sectors))
		return op_fail(
			op, -EBADMSG,
			"tags, sectors or size of dm-integrity on %s are "
			"not as its header says",
			place->device);
	*ret = super.sectors;
	return 0;
}

int luks_data_sectors(struct op *op, const struct luks_place *place,
		      const struct header *h, uint64_t *ret)
{
	uint64_t bytes;
	int r;

	if (*h->segment.integrity)
		return integrity_sectors(op, place, &h->segment, ret);
	r = device_bytes(op, place->device, &bytes);
	if (r < 0)
		return r;
	bytes = bytes > h->segment.offset ? bytes - h->segment.offset : 0;
	if (h->segment.size > bytes)
		return op_fail(op, -ENOSPC,
			       "%s is smaller than its header says",
			       place->device);
	if (h->segment.size)
		bytes = h->segment.size;
	bytes -= bytes % h->segment.sector_size;
	if (!bytes)
		return op_fail(op, -ENOSPC, "%s has no room for data",
			       place->device);
	*ret = bytes / 512;
	return 0;
}
