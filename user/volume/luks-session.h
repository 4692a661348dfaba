/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A libcryptsetup handle for one step, for luks.c and the files that do less
 * common things to a header (keyslots.c, backup.c, identity.c).
 *
 * Metadata locking stays on: flock(2) on image files themselves, lock files in
 * /run/cryptsetup for devices, shared with cryptsetup(8).
 */
#ifndef _VOLUME_LUKS_SESSION_H
#define _VOLUME_LUKS_SESSION_H

struct crypt_device;
struct luks_place;
struct op;

struct luks_session {
	struct crypt_device *cd;
	struct op *op;
	const char *path; /* of the header, for words */
	char said[256]; /* the library's last error */
};

/** luks_session_init() - a handle without metadata; @s is zeroed. 0, -errno. */
int luks_session_init(struct luks_session *s, struct op *op,
		      const struct luks_place *place);

/**
 * luks_session_open() - a handle with the header loaded; @s is zeroed
 * Return: 0; -ENODATA: no LUKS2 header; -EBADMSG: both copies damaged; -errno.
 */
int luks_session_open(struct luks_session *s, struct op *op,
		      const struct luks_place *place);

/** luks_session_close() - let go, and wipe the library's copies of keys. */
void luks_session_close(struct luks_session *s);
#define _cleanup_luks_session_ __attribute__((cleanup(luks_session_close)))

/** luks_session_fail() - @err with the library's words in s->op. */
int luks_session_fail(struct luks_session *s, int err);

/**
 * luks_session_write() - run @once on a fresh handle until no writer collides
 * @uuid:	the header must have this UUID
 * @once:	one try; -EINVAL asks for another
 *
 * Return: what @once returned; -EKEYREJECTED: another UUID is there now;
 * -EAGAIN: other writers won LUKS_TRIES times.
 */
int luks_session_write(struct op *op, const struct luks_place *place,
		       const char *uuid,
		       int (*once)(struct luks_session *s, void *arg),
		       void *arg);

#endif
