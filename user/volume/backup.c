// SPDX-License-Identifier: GPL-2.0-or-later
/* See backup.h. */
#include "volume/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <libcryptsetup.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/binding.h"
#include "volume/luks-session.h"
#include "volume/luks.h"
#include "volume/pins.h"
#include "volume/probe.h"
#include "volume/unlock.h"

#define COMPARE_BYTES (64 * 1024)

static int fail_path(struct op *op, int err, const char *path)
{
	return op_fail(op, err, "%s: %s", path, strerror(-err));
}

/* --- backup --- */

static int sync_path(struct op *op, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return fail_path(op, -errno, path);
	return 0;
}

static int sync_folder_of(struct op *op, const char *path)
{
	int r = file_sync_folder(path);

	return r ? fail_path(op, r, path) : 0;
}

/*
 * The library's files cannot be written to by their owner. By now another may
 * have the name, in a folder of somebody else's: it has to be one that only we
 * can have made.
 */
static int secure(struct op *op, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
						    O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_path(op, -errno, path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())
		return op_fail(op, -EPERM, "%s was replaced meanwhile", path);
	if (fchmod(fd, 0600) < 0 || fsync(fd) < 0)
		return fail_path(op, -errno, path);
	return 0;
}

static int save(struct op *op, const struct luks_place *place, const char *path)
{
	_cleanup_luks_session_ struct luks_session s = { 0 };
	int r = luks_session_open(&s, op, place);

	if (r)
		return r;
	r = crypt_header_backup(s.cd, CRYPT_LUKS2, path);
	if (r < 0)
		return luks_session_fail(&s, r);
	return secure(op, path);
}

/* Does a KMS open the header in @path, as the header of @place? */
static int prove(struct op *op, const struct luks_place *place,
		 const char *path, const char *uuid, unsigned int flags,
		 struct unlock_plan *plan, struct unlocked *u)
{
	const struct luks_place there = { place->device, path };
	int r = unlock_prepare(op, &there, uuid, NULL, flags, plan);

	return r ? r : unlock_run(op, plan, u);
}

static int make(struct op *op, const struct luks_place *place, const char *new,
		const char *path, const char *uuid)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	int r = save(op, place, new);

	if (!r)
		r = prove(op, place, new, uuid, 0, &plan, &u);
	if (!r) {
		r = file_settle(path);
		if (r)
			fail_path(op, r, path);
	}
	if (r)
		unlink(new);
	return r;
}

int backup_make(struct op *op, const struct luks_place *place, const char *path,
		struct header *ret)
{
	_cleanup_free_ char *new = file_new_path(path);
	struct stat st;
	int r = luks_read(op, place, ret);

	if (r)
		return r;
	if (!new)
		return fail_path(op, -ENAMETOOLONG, path);
	if (!ret->nbindings)
		return op_fail(op, -ENODATA,
			       "%s has no kmscrypt binding: no KMS could open "
			       "its backup",
			       place->device);
	if (!lstat(path, &st))
		return op_fail(op, -EEXIST, "%s is there already", path);
	r = sync_folder_of(op, path);
	if (r)
		return r;
	if (unlink(new) < 0 && errno != ENOENT)
		return fail_path(op, -errno, new);
	return make(op, place, new, path, ret->uuid);
}

/* --- restore --- */

/* The file's bytes against as many of the device's. 1: equal, 0, -errno. */
static int same_bytes(struct op *op, const char *path, const char *device)
{
	static char a[COMPARE_BYTES], b[COMPARE_BYTES];
	_cleanup_close_ int left = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int right = open(device, O_RDONLY | O_CLOEXEC);
	off_t at = 0;

	if (left < 0)
		return fail_path(op, -errno, path);
	if (right < 0)
		return fail_path(op, -errno, device);
	for (;;) {
		ssize_t n = pread(left, a, sizeof(a), at);

		if (n < 0)
			return fail_path(op, -errno, path);
		if (!n)
			return 1;
		if (pread(right, b, (size_t)n, at) != n ||
		    memcmp(a, b, (size_t)n))
			return 0;
		at += n;
	}
}

static int refuse(struct op *op, const char *device, const char *what)
{
	op_next(op, "If that is wanted, repeat it with --accept-header.");
	return op_fail(op, -EKEYREJECTED,
		       "the header on %s %s than the backup's", device, what);
}

/* What is there now may be newer than all that this host has seen. */
static int compare(struct op *op, const struct luks_place *place,
		   const struct unlocked *backup)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked now = { 0 };
	struct op sub = *op;
	int r = unlock_prepare(&sub, place, NULL, NULL, UNLOCK_ACCEPT_HEADER,
			       &plan);

	/* One that does not open is what one restores a backup for. */
	if (r || unlock_run(&sub, &plan, &now))
		return 0;
	if (memcmp(now.vkid, backup->vkid, sizeof(now.vkid)))
		return refuse(op, place->device, "has another volume key");
	if (now.capsule.epoch > backup->capsule.epoch)
		return refuse(op, place->device, "was wrapped later");
	return 0;
}

/* What is on the device now. 1: a header of the same volume. */
static int look(struct op *op, const struct luks_place *place,
		const struct backup_restore *b)
{
	_cleanup_header_ struct header h = { 0 };
	int r = luks_read(op, place, &h);

	if (!r && !strcmp(h.uuid, b->header.uuid))
		return 1;
	if (!r && !b->force) {
		op_next(op,
			"If its data is to be lost, or %s is the right "
			"device nevertheless, repeat it with --force.",
			place->device);
		return op_fail(op, -EKEYREJECTED,
			       "%s holds volume %s, and the backup is of %s",
			       place->device, h.uuid, b->header.uuid);
	}
	/* damaged is what one restores a backup for */
	if (r && r != -EBADMSG && r != -ENODATA && r != -EBUSY)
		return r;
	op_clear(op);
	return r == -ENODATA && !b->force ? probe_empty(op, place->device) : 0;
}

static int write_header(struct op *op, const struct luks_place *place,
			const char *path)
{
	_cleanup_luks_session_ struct luks_session s = { 0 };
	int r = luks_session_init(&s, op, place);

	if (r)
		return r;
	r = crypt_header_restore(s.cd, CRYPT_LUKS2, path);
	if (r < 0)
		return luks_session_fail(&s, r);
	return sync_path(op, place->device);
}

/* What is on the device now has to open; the registry hears of it. */
static int finish(struct op *op, const struct luks_place *place,
		  const struct backup_restore *b)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	const struct binding *from;
	int r = pins_unlock(op, place, b->accept, &plan, &u);

	if (r || b->accept)
		return r;
	from = &plan.header.bindings[u.binding];
	return pins_record(op, place, &plan.header, from->wrapped.entry,
			   u.entry, &u.capsule, false);
}

/*
 * With --accept-header the pins go down before the header is written: killed
 * between the two, either header opens.
 */
static int prove_backup(struct op *op, const struct luks_place *place,
			const char *path, const struct backup_restore *b,
			struct unlock_plan *plan, struct unlocked *u)
{
	const struct luks_place there = { place->device, path };
	struct registry_volume v = { 0 };
	int r;

	if (!b->accept)
		return prove(op, place, path, NULL, 0, plan, u);
	r = registry_load(op, b->header.uuid, &v);
	if (!r)
		return pins_unlock(op, &there, true, plan, u);
	if (r != -ENOENT)
		return r;
	op_clear(op);
	return prove(op, place, path, NULL, UNLOCK_ACCEPT_HEADER, plan, u);
}

int backup_restore(struct op *op, const struct luks_place *place,
		   const char *path, struct backup_restore *b)
{
	const struct luks_place file = { .device = path };
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	uint64_t sectors;
	int same, r = luks_read(op, &file, &b->header);

	if (r)
		return r;
	if (!b->header.nbindings)
		return op_fail(op, -ENODATA,
			       "the header in %s has no kmscrypt binding",
			       path);
	same = look(op, place, b);
	if (same < 0)
		return same;
	/* an image file would just grow */
	r = luks_data_sectors(op, place, &b->header, &sectors);
	if (r)
		return r;
	r = prove_backup(op, place, path, b, &plan, &u);
	if (!r && same && !b->accept)
		r = compare(op, place, &u);
	if (r)
		return r;
	r = same_bytes(op, path, place->device);
	b->changed = !r;
	if (!r)
		r = write_header(op, place, path);
	return r < 0 ? r : finish(op, place, b);
}
