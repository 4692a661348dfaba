/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A binding: a wrapped capsule as a LUKS2 token of type "kmscrypt".
 *
 *   {"type":"kmscrypt","keyslots":[],"version":1,"must":[...],
 *    "key_bytes":N, "iv_large_sectors":true, <members of struct wrapped>}
 *
 * "must" names the members that a reader has to understand, beyond those of
 * version 1: today only "iv_large_sectors". A token comes from whoever can
 * write the disk: an unknown version or an unknown name in "must" refuses it,
 * other unknown members are kept when it is written again.
 */
#ifndef _VOLUME_BINDING_H
#define _VOLUME_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

#include "kms/wrapped.h"

struct json_object;
struct op;

#define BINDING_VERSION 1
#define BINDING_WHY_MAX 160
#define BINDING_JSON_MAX (16 * 1024) /* bytes of a token as text */

struct binding {
	int token; /* LUKS2 token number, -1: not on disk yet */
	/*
	 * 0, or the negative errno of reading it (-EBADMSG) with the words in
	 * @why; then only @token is valid, and wrapped.entry, which is "" where
	 * the token names none: a newer kmscrypt may read it, and needs that
	 * generation. One damaged binding must not take a good one beside it
	 * down.
	 */
	int err;
	char why[BINDING_WHY_MAX];
	uint32_t key_bytes; /* length of the volume key */
	bool iv_large_sectors; /* KMSC_DESC_IV_LARGE_SECTORS */
	struct wrapped wrapped;
	struct json_object *unknown; /* members to keep, or NULL; owned */
	char *json; /* as it was read, for luks_replace(); owned */
};

/** binding_free() - free what @b owns; fine on a zeroed one. */
void binding_free(struct binding *b);
#define _cleanup_binding_ __attribute__((cleanup(binding_free)))

/** binding_flags() - the KMSC_DESC_* bits of @b. */
uint32_t binding_flags(const struct binding *b);

/**
 * binding_from_json() - read a token, strictly
 * @text:	the token, @len bytes of JSON
 * @ret:	filled on success; free it with binding_free()
 *
 * Checks form only; whether key id, mount and namespace are ones that this
 * host uses is kms_unwrap()'s business. Return: 0, -EBADMSG with words in
 * @op, -ENOMEM.
 */
int binding_from_json(struct op *op, const char *text, size_t len,
		      struct binding *ret);

/**
 * binding_to_json() - the token as text that the caller frees
 * Return: 0, -EBADMSG for a binding that could not be read (@b->err), -ENOMEM.
 */
int binding_to_json(struct op *op, const struct binding *b, char **ret);

#endif
