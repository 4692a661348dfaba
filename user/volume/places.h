/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where volumes are known or said to be, before any header is read: the
 * registry's, then block devices and named paths that are none of these.
 * Ten thousand of them are a list of names; what is in each is for whoever
 * works on it (fleet.h) to find out, once.
 */
#ifndef _VOLUME_PLACES_H
#define _VOLUME_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <uapi/kmscrypt.h>

struct header;
struct luks_place;
struct op;
struct registry_volume;
struct scan_item;

struct places_item {
	char *path; /* NULL: ask the registry about @uuid */
	char uuid[KMSC_UUID_STR_LEN + 1];
	bool named; /* by the user: it has to be a volume */
	dev_t dev; /* identity of @path */
	ino_t ino;
};

struct places {
	size_t n;
	struct places_item
		*list; /* sorted within the registry's and the others */
};

/**
 * places_find() - all of them
 * @ret:	places_free() it, also after a failure
 * Return: 0; -errno when one of @paths is not there.
 */
int places_find(struct op *op, const char *const *paths, size_t npaths,
		struct places *ret);

void places_free(struct places *p);
#define _cleanup_places_ __attribute__((cleanup(places_free)))

/**
 * places_load() - what is known of a place without its header, as scan_record()
 * Return: 0, -ENOMEM.
 */
int places_load(struct op *op, const struct places_item *p,
		struct scan_item *ret);

/**
 * places_is_copy() - is what @h was read from a copy of the volume of record @v
 * (a clone, a header backup), and not that volume, wherever it is now?
 *
 * A file that ends before its data begin is a backup. Anything else is a copy
 * while the registry's own place is there, too.
 */
bool places_is_copy(const struct luks_place *place, const struct header *h,
		    const struct registry_volume *v);

/** places_is_known() - is @place where record @v has the volume? */
bool places_is_known(const struct luks_place *place,
		     const struct registry_volume *v);

#endif
