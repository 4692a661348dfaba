/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A LUKS2 header as this project looks at it: plain structs, and the parser
 * that fills them from libcryptsetup's JSON. Pure: no device, no library
 * handle (that is luks.h).
 */
#ifndef _VOLUME_HEADER_H
#define _VOLUME_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uapi/kmscrypt.h>

struct binding;
struct op;

#define HEADER_NAME_MAX 32 /* types and hashes, with the NUL */
#define HEADER_LABEL_MAX 48 /* LUKS2's own limit, with the NUL */
#define HEADER_DIGEST_MAX 64 /* bytes of salt and of digest */
#define HEADER_JSON_MAX (4 * 1024 * 1024) /* LUKS2's own limit */

/* The data segment; refused unless there is exactly one, of type crypt. */
struct segment {
	char type[HEADER_NAME_MAX];
	char cipher[KMSC_CIPHER_MAX]; /* e.g. aes-xts-plain64 */
	uint32_t sector_size; /* bytes */
	uint64_t iv_tweak; /* 512-byte sectors */
	uint64_t offset; /* bytes */
	uint64_t size; /* bytes, 0: dynamic */
	char integrity[KMSC_INTEGRITY_MAX]; /* "" for none */
};

/* The digest of that segment, as stored (never computed here). */
struct digest {
	char type[HEADER_NAME_MAX];
	char hash[HEADER_NAME_MAX];
	uint32_t iterations;
	uint8_t salt[HEADER_DIGEST_MAX];
	size_t salt_len;
	uint8_t value[HEADER_DIGEST_MAX];
	size_t value_len;
};

struct header {
	char uuid[KMSC_UUID_STR_LEN + 1]; /* lower case */
	uint8_t uuid_bytes[KMSC_UUID_BYTES];
	char label[HEADER_LABEL_MAX]; /* untrusted bytes */
	char subsystem[HEADER_LABEL_MAX]; /* untrusted bytes */
	struct segment segment;
	struct digest digest;
	unsigned int keyslots; /* passphrase keyslots in use */
	size_t nbindings; /* also the damaged ones */
	struct binding *bindings; /* by token number; owned */
};

/** header_free() - free what @h owns; fine on a zeroed one. */
void header_free(struct header *h);
#define _cleanup_header_ __attribute__((cleanup(header_free)))

/**
 * header_parse() - fill @ret from the JSON area of a LUKS2 header
 * @text:	JSON as crypt_dump_json(3) gives it, @len bytes
 *
 * Does not touch uuid, label and subsystem (they are not in the JSON). The
 * caller frees @ret, also after a failure. Return: 0; -EBADMSG with words:
 * not what a LUKS2 header holds, several segments, a null cipher, a segment
 * that is not encrypted, no digest for it, more than KMSC_MAX_BINDINGS
 * tokens of ours; -EBUSY: re-encryption under way; -ENOMEM.
 */
int header_parse(struct op *op, const char *text, size_t len,
		 struct header *ret);

/**
 * header_cipher_ok() - may a volume have this cipher spec?
 *
 * Only whether it is well-formed and encrypts; that the kernel has it is the
 * kernel's to say.
 */
bool header_cipher_ok(const char *cipher);

/**
 * header_set_uuid() - check @uuid (36 characters, lower case) and store both
 * forms. Return: 0, -EBADMSG.
 */
int header_set_uuid(struct op *op, struct header *h, const char *uuid);

/** uuid_parse() - text to 16 bytes, strictly lower case. Return: 0, -EBADMSG. */
int uuid_parse(const char *text, uint8_t ret[KMSC_UUID_BYTES]);

#endif
