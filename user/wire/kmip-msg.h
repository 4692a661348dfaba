/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KMIP messages: requests that we send and responses that we get, for KMIP 1.2
 * to 2.1 (message structure: KMIP 1.4, section 7.1). Pure code on top of TTLV:
 * no I/O, no globals.
 *
 * One request, one batch item, always: with several, servers differ in what
 * they do after the first failure.
 */
#ifndef _WIRE_KMIP_MSG_H
#define _WIRE_KMIP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "wire/kmip-tags.h"
#include "wire/ttlv.h"

#define KMIP_REQUEST_MAX (16 * 1024) /* bytes; ours stay far below */
#define KMIP_RESPONSE_MAX (64 * 1024) /* bytes; longer ones are refused */
#define KMIP_UID_MAX 256 /* unique identifier, with the NUL */
#define KMIP_TEXT_MAX 128 /* server's name, result message; with the NUL */
#define KMIP_VERSIONS_MAX 16
#define KMIP_GCM_TAG_BYTES 16
#define KMIP_GCM_IV_BYTES 12

struct kmip_version {
	uint16_t major;
	uint16_t minor;
};

#define KMIP_VERSION(maj, min) ((struct kmip_version){ (maj), (min) })

/** kmip_version_cmp() - less than, equal to, greater than 0 like strcmp(3). */
int kmip_version_cmp(struct kmip_version a, struct kmip_version b);

/** kmip_version_parse() - "1.4". 0, or -EINVAL when it is not that form. */
int kmip_version_parse(const char *text, struct kmip_version *ret);

/* What each request starts with. */
struct kmip_header {
	struct kmip_version version;
	const char *username; /* NULL: no credential */
	const struct secret *password;
};

/* A request; all pointers are borrowed. Members not named are not looked at. */
struct kmip_request {
	enum kmip_operation operation;
	const char *uid; /* Activate, Get Attributes, Encrypt, Decrypt */
	uint32_t key_bits; /* Create: an AES key of this length */
	uint32_t usage_mask; /* Create: KMIP_USAGE_* */
	enum kmip_block_mode mode; /* Encrypt, Decrypt */
	enum kmip_padding padding; /* the same; 0: none */
	bool tag_field; /* GCM: the tag has a field of its own (KMIP 1.4) */
	const uint8_t *data; /* plaintext (Encrypt), ciphertext (Decrypt) */
	size_t data_len;
	const uint8_t *iv;
	size_t iv_len;
	const uint8_t *tag; /* Decrypt */
	size_t tag_len;
};

/**
 * kmip_request_encode() - the whole message, ready to be sent
 * @ret: must be empty; a secret, as it holds capsules and passwords
 *
 * Get Attributes asks for what struct kmip_key_info holds. A field of its own
 * for AES-GCM's tag came with KMIP 1.4 (4.29, 4.30).
 *
 * Return: 0; -EOPNOTSUPP for that field in an older version; -EINVAL for an
 * operation that we do not speak; -EMSGSIZE when over KMIP_REQUEST_MAX.
 */
int kmip_request_encode(const struct kmip_header *h,
			const struct kmip_request *q, struct secret *ret);

/**
 * kmip_response_length() - how long is the message that starts with @head?
 * @head: its first TTLV_HEADER bytes
 * @ret: bytes that follow them
 * Return: 0, -EPROTO when it is no response message or too long.
 */
int kmip_response_length(const uint8_t head[TTLV_HEADER], size_t *ret);

/* What a response says. Items point into the message. */
struct kmip_result {
	struct kmip_version version; /* the header's; errors may have another */
	uint32_t operation; /* KMIP_OP_NONE in errors about the message */
	uint32_t status; /* enum kmip_status */
	uint32_t reason; /* enum kmip_reason, also ones without a name */
	char message[KMIP_TEXT_MAX]; /* printable ASCII, "" for none */
	struct ttlv_item payload; /* .value is NULL when there is none */
};

/**
 * kmip_response_parse() - check and take apart a response of @len bytes
 * @operation: what was asked; a success must be about it
 *
 * A failure that the server reports is not an error here: look at @ret's
 * status. Return: 0, -EPROTO when malformed or when it answers something else.
 */
int kmip_response_parse(const void *buf, size_t len,
			enum kmip_operation operation, struct kmip_result *ret);

/*
 * Payloads of successes. Return: 0, or -EPROTO when what must be there is not,
 * or is malformed. @ret is undefined then.
 */

/* Discover Versions: the server's, in its order of preference. */
struct kmip_versions {
	size_t n; /* 0: none in common; those over the maximum are left out */
	struct kmip_version v[KMIP_VERSIONS_MAX];
};
int kmip_payload_versions(const struct kmip_result *res,
			  struct kmip_versions *ret);

/* Query: the vendor's name, printable ASCII, "" when it says none. */
int kmip_payload_vendor(const struct kmip_result *res, char ret[KMIP_TEXT_MAX]);

/* Create: the new key's unique identifier. */
int kmip_payload_uid(const struct kmip_result *res, char ret[KMIP_UID_MAX]);

/* Get Attributes: servers leave out what they do not know. */
struct kmip_key_info {
	bool has_state, has_algorithm, has_length, has_usage_mask;
	uint32_t state; /* enum kmip_state (3.22) */
	uint32_t algorithm; /* KMIP_ALGORITHM_AES (3.4) */
	uint32_t length; /* bits (3.5) */
	uint32_t usage_mask; /* KMIP_USAGE_* (3.19) */
};
int kmip_payload_key_info(const struct kmip_result *res,
			  struct kmip_key_info *ret);

/* Encrypt and Decrypt. The bytes stay in the message, which is a secret. */
struct kmip_crypto {
	const uint8_t *data;
	size_t data_len;
	const uint8_t *iv; /* NULL when the server chose none */
	size_t iv_len;
	const uint8_t *tag; /* NULL when there is none */
	size_t tag_len;
};
int kmip_payload_crypto(const struct kmip_result *res, struct kmip_crypto *ret);

#endif
