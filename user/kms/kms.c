// SPDX-License-Identifier: GPL-2.0-or-later
/* See kms.h: what holds for every provider, and the way to each. */
#include "kms/kms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include <uapi/kmscrypt.h>

#include "base/op.h"
#include "kms/config.h"

static const struct kms_ops *const all_ops[KMS_PROVIDERS] = {
	[KMS_LOCAL] = &kms_local_ops,
	[KMS_VAULT] = &kms_vault_ops,
	[KMS_KMIP] = &kms_kmip_ops,
};

int kms_open(struct op *op, const struct generation *g, struct kms **ret)
{
	const struct kms_ops *ops;
	struct kms *kms = NULL;
	int r;

	if (g->provider >= KMS_PROVIDERS)
		return -EINVAL;
	ops = all_ops[g->provider];
	r = ops->open(op, g, &kms);
	if (r < 0)
		return r;
	kms->ops = ops;
	kms->generation = g;
	*ret = kms;
	return 0;
}

void kms_close(struct kms *kms)
{
	if (kms)
		kms->ops->close(kms);
}

void kms_closep(struct kms **kms)
{
	kms_close(*kms);
	*kms = NULL;
}

/* What the token says beside the ciphertext is the same for everybody. */
static void fill_names(const struct generation *g, struct wrapped *w)
{
	w->provider = g->provider;
	memcpy(w->entry, g->id, sizeof(w->entry));
	memcpy(w->key_id, g->key_id, sizeof(w->key_id));
	memcpy(w->mount, g->mount, sizeof(w->mount));
	memcpy(w->ns, g->ns, sizeof(w->ns));
	/* information only: cut off when it is too long */
	if (g->naddresses)
		snprintf(w->address, sizeof(w->address), "%.*s",
			 (int)sizeof(w->address) - 1, g->addresses[0]);
}

/*
 * The header is written by whoever can write the disk. It cannot send us to
 * another key than the one that root has put into the entry.
 */
static bool names_match(const struct generation *g, const struct wrapped *w)
{
	return w->provider == g->provider && !strcmp(w->key_id, g->key_id) &&
	       !strcmp(w->mount, g->mount) && !strcmp(w->ns, g->ns);
}

int kms_may_wrap(struct op *op, const struct generation *g)
{
	if (!g->open_only)
		return 0;
	op_next(op, "Do it on a host that may encrypt, or run 'kmscrypt kms "
		    "set' without --open-only.");
	return op_fail(op, -EACCES,
		       "the entry was set with --open-only: it opens volumes "
		       "and wraps nothing");
}

int kms_wrap(struct op *op, struct kms *kms, const struct secret *plain,
	     struct wrapped *ret)
{
	struct wrapped w = { .provider = KMS_LOCAL };
	int r;

	if (!plain->len || plain->len > KMSC_CAPSULE_SIZE)
		return -EINVAL;
	r = kms_may_wrap(op, kms->generation);
	if (r < 0)
		return r;
	fill_names(kms->generation, &w);
	r = kms->ops->wrap(op, kms, plain, &w);
	if (r < 0)
		return r;
	*ret = w;
	return 0;
}

int kms_unwrap(struct op *op, struct kms *kms, const struct wrapped *w,
	       struct secret *ret)
{
	int r = -EKEYREJECTED;

	if (names_match(kms->generation, w))
		r = kms->ops->unwrap(op, kms, w, ret);
	/* no words of its own: the same as for a capsule that is refused */
	if (r == -EKEYREJECTED)
		op_clear(op);
	return r;
}

int kms_rewrap(struct op *op, struct kms *kms, const struct wrapped *old,
	       struct wrapped *ret)
{
	struct wrapped w = { .provider = KMS_LOCAL };
	int r = -EKEYREJECTED;

	if (!kms->ops->rewrap)
		return -EOPNOTSUPP;
	if (kms->generation->open_only)
		return kms_may_wrap(op, kms->generation);
	fill_names(kms->generation, &w);
	if (names_match(kms->generation, old))
		r = kms->ops->rewrap(op, kms, old, &w);
	if (r == -EKEYREJECTED)
		op_clear(op);
	if (r < 0)
		return r;
	*ret = w;
	return 0;
}

void kms_items_free(struct kms_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		secret_free(&items[i].secret);
}

static int do_one(struct kms *kms, enum kms_verb verb, struct kms_item *i)
{
	op_clear(&i->op);
	switch (verb) {
	case KMS_WRAP:
		return kms_wrap(&i->op, kms, i->plain, &i->wrapped);
	case KMS_UNWRAP:
		return kms_unwrap(&i->op, kms, i->old, &i->secret);
	case KMS_REWRAP:
		return kms_rewrap(&i->op, kms, i->old, &i->wrapped);
	}
	return -EINVAL;
}

/* What the next item would hear as well. */
static bool concerns_all(int err)
{
	return err == -EACCES || err == -EHOSTUNREACH || err == -ETIMEDOUT ||
	       err == -ENOMEM || err == -EBADMSG;
}

static void fail_all(const struct op *op, int err,
		     struct kms_item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		items[i]->err = err;
		items[i]->op = *op;
	}
}

/*
 * One request, or one for each item: where there is no batch, and when the
 * batch was refused as a whole, which old servers do for a single bad item.
 */
static void do_slice(struct op *op, struct kms *kms, enum kms_verb verb,
		     struct kms_item *const *items, size_t n)
{
	bool may = verb == KMS_UNWRAP || !kms->generation->open_only;
	int r = -EOPNOTSUPP;

	if (n > 1 && kms->ops->many && may)
		r = kms->ops->many(op, kms, verb, items, n);
	if (r && concerns_all(r)) {
		fail_all(op, r, items, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (r)
			items[i]->err = do_one(kms, verb, items[i]);
		if (concerns_all(items[i]->err)) {
			fail_all(&items[i]->op, items[i]->err, items + i,
				 n - i);
			return;
		}
		/* as kms_unwrap() and kms_rewrap() have it */
		if (items[i]->err == -EKEYREJECTED)
			op_clear(&items[i]->op);
	}
}

/* Is there something to ask for? If not, the item has its error. */
static bool worth_asking(struct kms *kms, enum kms_verb verb,
			 const struct op *op, struct kms_item *i)
{
	i->err = 0;
	i->op = *op;
	op_clear(&i->op);
	if (verb == KMS_WRAP &&
	    (!i->plain->len || i->plain->len > KMSC_CAPSULE_SIZE))
		i->err = -EINVAL;
	if (verb != KMS_WRAP && !names_match(kms->generation, i->old))
		i->err = -EKEYREJECTED;
	memset(&i->wrapped, 0, sizeof(i->wrapped));
	fill_names(kms->generation, &i->wrapped);
	return !i->err;
}

/*
 * What the KMS gave it has to take, too, before it replaces what works.
 * Rewrapping it once more shows that it unwraps, and still no key leaves the
 * KMS. Of each request one: all of them would double what the KMS has to do.
 */
static void prove_rewrapped(struct op *op, struct kms *kms,
			    struct kms_item *const *items, size_t n)
{
	struct wrapped unused;
	struct op own = *op;
	size_t last = n;
	int r;

	while (last && items[last - 1]->err)
		last--;
	if (!last)
		return;
	op_clear(&own);
	r = kms_rewrap(&own, kms, &items[last - 1]->wrapped, &unused);
	if (r == -EKEYREJECTED) {
		op_next(&own, "Run 'kmscrypt kms check'; the binding that "
			      "there was is still there.");
		op_fail(&own, r,
			"the KMS cannot unwrap what it has just rewrapped");
	}
	for (size_t i = 0; r && i < last; i++)
		if (!items[i]->err)
			fail_all(&own, r, &items[i], 1);
}

int kms_many(struct op *op, struct kms *kms, enum kms_verb verb,
	     struct kms_item *items, size_t n)
{
	if (verb == KMS_REWRAP && !kms->ops->rewrap)
		return -EOPNOTSUPP;
	for (size_t at = 0; at < n; at += KMS_BATCH_MAX) {
		struct kms_item *slice[KMS_BATCH_MAX];
		size_t used = 0;

		for (size_t i = at; i < MIN(n, at + KMS_BATCH_MAX); i++)
			if (worth_asking(kms, verb, op, &items[i]))
				slice[used++] = &items[i];
		do_slice(op, kms, verb, slice, used);
		if (verb == KMS_REWRAP)
			prove_rewrapped(op, kms, slice, used);
	}
	return 0;
}

int kms_key_gone(struct op *op, struct kms *kms, int err)
{
	struct op own = *op;

	if (err != -ENOENT || !kms)
		return err;
	if (kms->ops->look && kms->ops->look(&own, kms) != -ENOENT)
		return err;
	op_next(op, "The key is gone: only the KMS's administrator can bring "
		    "it back.");
	return -EKEYREVOKED;
}

int kms_newest_version(struct op *op, struct kms *kms, uint32_t *ret)
{
	if (!kms->ops->newest_version)
		return -EOPNOTSUPP;
	return kms->ops->newest_version(op, kms, ret);
}

int kms_renew(struct op *op, struct kms *kms, struct kms_health *ret)
{
	struct kms_health health = { .credential_s = -1 };
	int r;

	if (!kms->ops->renew)
		return -EOPNOTSUPP;
	r = kms->ops->renew(op, kms, &health);
	if (!r)
		*ret = health;
	return r;
}

void kms_keep(struct kms *kms)
{
	if (kms->ops->keep)
		kms->ops->keep(kms);
}

/* Our own probe is no secret of anybody's: here words help. */
static int unwrap_probe(struct op *op, struct kms *kms, const char *how,
			const struct secret *probe, const struct wrapped *w)
{
	_cleanup_secret_ struct secret back = SECRET_EMPTY;
	int r;

	r = kms_unwrap(op, kms, w, &back);
	if (r == -EKEYREJECTED)
		return op_fail(op, r,
			       "the KMS cannot unwrap what it has just %s",
			       how);
	if (r < 0)
		return r;
	if (!secret_equal(&back, probe))
		return op_fail(op, -EPROTO,
			       "unwrapping what the KMS has just %s gives "
			       "something else",
			       how);
	return 0;
}

static int round_trip(struct op *op, struct kms *kms)
{
	_cleanup_secret_ struct secret probe = SECRET_EMPTY;
	struct wrapped first, second;
	int r;

	r = secret_random(&probe, KMSC_CAPSULE_SIZE);
	if (r < 0)
		return r;
	r = kms_wrap(op, kms, &probe, &first);
	if (r < 0)
		return r;
	r = unwrap_probe(op, kms, "wrapped", &probe, &first);
	if (r < 0)
		return r;
	r = kms_rewrap(op, kms, &first, &second);
	if (!r)
		r = unwrap_probe(op, kms, "rewrapped", &probe, &second);
	return r == -EOPNOTSUPP ? 0 : r;
}

int kms_check(struct op *op, struct kms *kms, struct kms_health *ret)
{
	struct kms_health health = { .credential_s = -1 };
	int r;

	r = kms->ops->check(op, kms, &health);
	/* where nothing can be wrapped, the provider has done what can be */
	if (!r && !kms->generation->open_only)
		r = round_trip(op, kms);
	if (r < 0)
		return r;
	*ret = health;
	return 0;
}

int kms_check_saved(struct op *op, struct kms *kms, struct kms_health *ret)
{
	return kms_key_gone(op, kms, kms_check(op, kms, ret));
}
