// SPDX-License-Identifier: GPL-2.0-or-later
/* See integrity.h. */
#include "volume/integrity.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/op.h"

/* In the order in which an error lists them. */
static const struct {
	const char *option; /* cryptsetup's */
	const char *type; /* the header's */
	uint32_t tag; /* bytes, without those of an IV */
	uint32_t mac; /* bytes of its key */
} kinds[] = {
	{ "aead", "aead", 16, 0 },
	{ "poly1305", "poly1305", 16, 0 },
	{ "hmac-sha1", "hmac(sha1)", 20, 20 },
	{ "hmac-sha256", "hmac(sha256)", 32, 32 },
	{ "hmac-sha512", "hmac(sha512)", 64, 64 },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* A cipher spec of a header, taken apart. */
struct parts {
	char cipher[KMSC_CIPHER_MAX];
	char mode[KMSC_CIPHER_MAX]; /* "" for none, as in chacha20-random */
	char iv[KMSC_CIPHER_MAX];
};

const char *integrity_type(const char *option)
{
	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].option, option))
			return kinds[i].type;
	return NULL;
}

/* Index in kinds, KINDS for none */
static size_t kind_of(const char *type)
{
	size_t i = 0;

	while (i < KINDS && strcmp(kinds[i].type, type))
		i++;
	return i;
}

uint32_t integrity_mac_bytes(const char *type)
{
	size_t kind = kind_of(type);

	return kind < KINDS ? kinds[kind].mac : 0;
}

uint32_t integrity_tag_bytes(const char *integrity)
{
	return (uint32_t)strtoul(integrity, NULL, 10);
}

static int unknown(struct op *op, const struct segment *s)
{
	return op_fail(op, -EOPNOTSUPP,
		       "integrity tags of the kind %s with cipher %s are not "
		       "supported",
		       s->integrity, s->cipher);
}

/* cipher-mode-iv, or cipher-iv */
static bool take_apart(const char *spec, struct parts *p)
{
	const char *first = strchr(spec, '-');
	const char *second = first ? strchr(first + 1, '-') : NULL;

	memset(p, 0, sizeof(*p));
	if (!first || !strncmp(spec, "capi:", strlen("capi:")))
		return false;
	memcpy(p->cipher, spec, (size_t)(first - spec));
	if (second)
		memcpy(p->mode, first + 1, (size_t)(second - first - 1));
	strcpy(p->iv, (second ?: first) + 1); /* fits: part of spec */
	return *p->cipher && *p->iv;
}

/* Bytes of an IV that is kept with the tag; 0 where that is not known. */
static uint32_t iv_bytes(const struct parts *p, const char *type)
{
	if (!strcmp(type, "poly1305") || !strcmp(p->mode, "gcm"))
		return 12;
	if (!strcmp(p->mode, "ccm"))
		return 8;
	if (!strcmp(p->mode, "xts") || !strcmp(p->mode, "ctr"))
		return 16;
	if (*p->mode)
		return 0;
	return strcmp(p->cipher, "aegis256") ? 16 : 32;
}

/* The crypto API's name: of "aes", "xts" and hmac(sha256), for instance,
 * authenc(hmac(sha256),xts(aes)).
 */
static int print_alg(const struct parts *p, const char *type, char *buf,
		     size_t size)
{
	const char *cipher = *p->mode ? p->mode : p->cipher;
	const char *open = *p->mode ? "(" : "";
	const char *inner = *p->mode ? p->cipher : "";
	const char *close = *p->mode ? ")" : "";

	if (!strcmp(type, "poly1305"))
		return snprintf(buf, size, "capi:rfc7539(%s%s%s%s,poly1305)-%s",
				cipher, open, inner, close, p->iv);
	if (strcmp(type, "aead") != 0)
		return snprintf(buf, size, "capi:authenc(%s,%s%s%s%s)-%s", type,
				cipher, open, inner, close, p->iv);
	if (!strcmp(p->mode, "ccm"))
		return snprintf(buf, size, "capi:rfc4309(%s%s%s%s)-%s", cipher,
				open, inner, close, p->iv);
	return snprintf(buf, size, "capi:%s%s%s%s-%s", cipher, open, inner,
			close, p->iv);
}

int integrity_view(struct op *op, const struct segment *s, struct segment *ret)
{
	size_t kind = kind_of(s->integrity);
	struct segment view = *s;
	uint32_t stored = 0;
	struct parts p;
	bool random;

	if (!*s->integrity) {
		*ret = view;
		return 0;
	}
	if (kind == KINDS || !take_apart(s->cipher, &p))
		return unknown(op, s);
	random = !strcmp(p.iv, "random");
	if (random) {
		stored = iv_bytes(&p, s->integrity);
		if (!stored)
			return unknown(op, s);
	} else if (!kinds[kind].mac) {
		op_next(op, "With an IV that repeats it gives its key away: "
			    "IV mode random is the one that is safe.");
		return op_fail(op, -EOPNOTSUPP,
			       "cipher %s with integrity tags of the kind %s "
			       "needs IV mode random",
			       s->cipher, s->integrity);
	}
	if (print_alg(&p, s->integrity, view.cipher, sizeof(view.cipher)) >=
	    (int)sizeof(view.cipher))
		return unknown(op, s);
	snprintf(view.integrity, sizeof(view.integrity), "%u:aead",
		 kinds[kind].tag + stored);
	view.offset = 0;
	*ret = view;
	return 0;
}

static uint64_t get_le(const uint8_t *bytes, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | bytes[n];
	return v;
}

/* Offsets as in the kernel's drivers/md/dm-integrity.c, struct superblock. */
int integrity_super(const uint8_t *bytes, struct integrity_super *ret)
{
	static const char magic[8] = "integrt";
	uint8_t shift = bytes[28];

	if (memcmp(bytes, magic, sizeof(magic)) != 0 || shift > 3)
		return -EBADMSG;
	ret->tag_bytes = (uint32_t)get_le(bytes + 10, 2);
	ret->sectors = get_le(bytes + 16, 8);
	ret->sector_size = (uint32_t)KMSC_SECTOR_MIN << shift;
	if (!ret->sectors || ret->sectors > INT64_MAX / 512)
		return -EBADMSG;
	return 0;
}
