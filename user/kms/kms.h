/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The key management systems behind one table of operations.
 *
 * A struct kms is an open session with one generation of an entry. All
 * functions obey op's deadline, try the generation's addresses in order, and
 * return the errnos of the design's table:
 *
 *   -EKEYREVOKED    the KMS says the key is destroyed, deactivated, revoked
 *   -EACCES         it refuses our identity, policy or credential
 *   -EKEYREJECTED   unwrapping failed (wrong key, tampered ciphertext, and
 *                   names in @w that the generation does not list): one errno
 *                   and one message, so that nothing becomes an oracle
 *   -EPROTO         malformed answer
 *   -EHOSTUNREACH   no address answered (also TLS failures: the words say so)
 *   -ETIMEDOUT      not within the deadline
 *   -ENOENT         the KMS has no such key
 *   -EINVAL         the key or the parameters do not fit (type, usage mask)
 */
#ifndef _KMS_KMS_H
#define _KMS_KMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/op.h"
#include "base/secret.h"
#include "kms/wrapped.h"

#define KMS_BATCH_MAX 100 /* items that go out in one request */

struct kms;
struct generation;

/* What a check found; all of it is shown by kms show and kms check. */
struct kms_health {
	char server[128]; /* product and version as far as known, or "" */
	char address[256]; /* the address that answered */
	uint32_t key_version; /* newest version of the master key, 0 unknown */
	int64_t credential_s; /* lifetime left, -1 unknown, 0 unlimited */
	bool credential_renewable;
	bool credential_periodic; /* can be renewed for ever */
	uint64_t credential_uses; /* left, 0 any number */
	bool credential_ends; /* it will stop working, @warning says why */
	bool logged_in; /* kms_renew(): not renewed, but logged in anew */
	char warning[512]; /* sentences or "" */
};

/**
 * kms_open() - start a session; may or may not connect yet
 * @g: stays the caller's and must live as long as the session
 */
int kms_open(struct op *op, const struct generation *g, struct kms **ret);

/** kms_close() - end it, wipe what it held; NULL is fine. */
void kms_close(struct kms *kms);
void kms_closep(struct kms **kms);
#define _cleanup_kms_ __attribute__((cleanup(kms_closep)))

/**
 * kms_check() - prove that the KMS works: the key exists (looked at first: a
 * mistyped name must never create a key), its type fits, and a random probe
 * of a capsule's size comes back from wrap and unwrap (and rewrap for vault).
 * For a generation that only opens: that it may decrypt with the key.
 */
int kms_check(struct op *op, struct kms *kms, struct kms_health *ret);

/**
 * kms_may_wrap() - is @g one that wraps?
 * Return: 0; -EACCES with words for an entry that only opens (--open-only).
 */
int kms_may_wrap(struct op *op, const struct generation *g);

/** kms_wrap() - wrap @plain (at most KMSC_CAPSULE_SIZE bytes), fill @ret. */
int kms_wrap(struct op *op, struct kms *kms, const struct secret *plain,
	     struct wrapped *ret);

/** kms_unwrap() - the reverse; @ret must be empty. */
int kms_unwrap(struct op *op, struct kms *kms, const struct wrapped *w,
	       struct secret *ret);

/**
 * kms_rewrap() - @old under the newest version of the master key
 *
 * Vault does it on its side and the capsule never leaves the KMS. Return:
 * -EOPNOTSUPP where the provider cannot (kmip, local: unwrap and wrap).
 */
int kms_rewrap(struct op *op, struct kms *kms, const struct wrapped *old,
	       struct wrapped *ret);

enum kms_verb { KMS_WRAP, KMS_UNWRAP, KMS_REWRAP };

/* One of several to be wrapped, unwrapped or rewrapped. */
struct kms_item {
	const struct secret *plain; /* wrap: what */
	const struct wrapped *old; /* unwrap, rewrap: what */
	struct wrapped wrapped; /* wrap, rewrap: the result */
	struct secret secret; /* unwrap: the result; empty before */
	int err; /* 0, or this item's failure */
	struct op op; /* with the words of it */
};

void kms_items_free(struct kms_item *items, size_t n);

/**
 * kms_many() - do @verb for @n items, in as few requests as the provider can
 *
 * As kms_wrap(), kms_unwrap() and kms_rewrap(), each item on its own: one that
 * fails takes no other with it. What concerns all (nobody answers, access is
 * refused) is every item's failure. Return: 0, see the items; -EOPNOTSUPP where
 * the provider cannot rewrap.
 */
int kms_many(struct op *op, struct kms *kms, enum kms_verb verb,
	     struct kms_item *items, size_t n);

/**
 * kms_key_gone() - what @err means of a master key that was there: it wrapped
 * what is unwrapped, or the generation was saved with it
 * @kms: may be NULL, then there is nothing to ask
 *
 * That there is no such key (-ENOENT) is the KMS's no. Not so when it lacks
 * what the ciphertext asks for, a version that never was. Return: -EKEYREVOKED
 * with advice and the words that are in @op; else @err.
 */
int kms_key_gone(struct op *op, struct kms *kms, int err);

/**
 * kms_check_saved() - kms_check() of a generation that was proven before
 * Return: as kms_check(), and -EKEYREVOKED when the key is there no more.
 */
int kms_check_saved(struct op *op, struct kms *kms, struct kms_health *ret);

/**
 * kms_newest_version() - newest version of the master key (vault), to tell
 * which wrapped capsules are stale
 * Return: 0, -EOPNOTSUPP where there are no versions.
 */
int kms_newest_version(struct op *op, struct kms *kms, uint32_t *ret);

/**
 * kms_renew() - make the credential last longer: renew it, or log in anew
 * @ret: the members about the credential
 * Return: 0, -EACCES when the KMS does not renew it, -EOPNOTSUPP where
 * credentials are not renewed (kmip, local).
 */
int kms_renew(struct op *op, struct kms *kms, struct kms_health *ret);

/**
 * kms_keep() - the generation is saved now: keep what was learned of its
 * credential for later sessions, also the token that a login gave
 */
void kms_keep(struct kms *kms);

/*
 * The providers' side. A provider embeds struct kms as its first member.
 */
struct kms_ops {
	const char *name;
	int (*open)(struct op *op, const struct generation *g,
		    struct kms **ret);
	void (*close)(struct kms *kms);
	/* key exists and fits; the round trip is done by kms_check() */
	int (*check)(struct op *op, struct kms *kms, struct kms_health *ret);
	int (*wrap)(struct op *op, struct kms *kms, const struct secret *plain,
		    struct wrapped *ret);
	int (*unwrap)(struct op *op, struct kms *kms, const struct wrapped *w,
		      struct secret *ret);
	int (*rewrap)(struct op *op, struct kms *kms, const struct wrapped *old,
		      struct wrapped *ret);
	/*
	 * At most KMS_BATCH_MAX in one request, or NULL. @items are good as
	 * far as kms.c can tell. A failure is that of the request as a whole.
	 */
	int (*many)(struct op *op, struct kms *kms, enum kms_verb verb,
		    struct kms_item *const *items, size_t n);
	/*
	 * Is the master key there? -ENOENT: no; else there, or not known.
	 * NULL: unwrap says -ENOENT of the key alone, whatever the ciphertext.
	 */
	int (*look)(struct op *op, struct kms *kms);
	int (*newest_version)(struct op *op, struct kms *kms, uint32_t *ret);
	int (*renew)(struct op *op, struct kms *kms, struct kms_health *ret);
	void (*keep)(struct kms *kms);
};

struct kms {
	const struct kms_ops *ops;
	const struct generation *generation;
};

extern const struct kms_ops kms_local_ops;
extern const struct kms_ops kms_vault_ops;
extern const struct kms_ops kms_kmip_ops;

#endif
