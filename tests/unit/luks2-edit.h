/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What somebody with write access to a disk can do to a LUKS2 header: change
 * its JSON in both copies and make the checksums right again. Included by
 * tests only. Layout: LUKS2 On-Disk Format Specification 1.1.
 */
#ifndef _UNIT_LUKS2_EDIT_H
#define _UNIT_LUKS2_EDIT_H

#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <openssl/evp.h>

#define LUKS2_SIZE_AT 8
#define LUKS2_CSUM_AT 448
#define LUKS2_CSUM_LEN 64
#define LUKS2_JSON_AT 4096

typedef void (*luks2_change)(struct json_object *root, const void *arg);

static inline void luks2_seal(uint8_t *copy, size_t size)
{
	uint8_t *sum = copy + LUKS2_CSUM_AT;

	memset(sum, 0, LUKS2_CSUM_LEN);
	EVP_Digest(copy, size, sum, NULL, EVP_sha256(), NULL);
}

/* @copy gets @text as its JSON and a checksum. Return: 0, -1: no room. */
static inline int luks2_fill(uint8_t *copy, size_t size, const char *text)
{
	if (strlen(text) >= size - LUKS2_JSON_AT)
		return -1;
	memset(copy + LUKS2_JSON_AT, 0, size - LUKS2_JSON_AT);
	memcpy(copy + LUKS2_JSON_AT, text, strlen(text));
	luks2_seal(copy, size);
	return 0;
}

/* Applies @change to both copies. Return: 0, -1. */
static inline int luks2_edit(const char *path, luks2_change change,
			     const void *arg)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct json_object *root = NULL;
	uint8_t *copy = NULL;
	uint64_t size;
	int i, r = -1;

	if (fd < 0 || pread(fd, &size, 8, LUKS2_SIZE_AT) != 8)
		goto out;
	size = be64toh(size);
	copy = malloc(size);
	if (!copy)
		goto out;
	for (i = 0; i < 2; i++) {
		if (pread(fd, copy, size, (off_t)(i * size)) != (ssize_t)size)
			goto out;
		root = json_tokener_parse((char *)copy + LUKS2_JSON_AT);
		if (!root)
			goto out;
		change(root, arg);
		if (luks2_fill(copy, size,
			       json_object_to_json_string_ext(root, 0)) < 0)
			goto out;
		json_object_put(root);
		root = NULL;
		if (pwrite(fd, copy, size, (off_t)(i * size)) != (ssize_t)size)
			goto out;
	}
	r = 0;
out:
	json_object_put(root);
	free(copy);
	close(fd);
	return r;
}

#endif
