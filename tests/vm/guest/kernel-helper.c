// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A request-key action for the tests of the kernel module: answers as the
 * files in its directory say, so that a test can be any helper and any KMS.
 *
 * usage: kernel-helper KEY DESCRIPTION CALLOUT
 *
 *   /run/kmsc-test/key   the volume key
 *   /run/kmsc-test/mode  words, done in their order: sleep:MS, stop, exit,
 *                        reject:ERRNO, hang (as a KMS does: until our time is
 *                        over), say (a line "kmsc-test: upcall" in the
 *                        kernel's log), hostile:SEED (change the payload at
 *                        random), later (what follows is not for an
 *                        opening), and name=value that change the payload, which
 *                        otherwise echoes what the callout asks for
 *   /run/kmsc-test/log   gets a line "start PID DESCRIPTION CALLOUT", and
 *                        another "end PID result=N" where there is a result
 */
#include <endian.h>
#include <errno.h>
#include <keyutils.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"
#include "uapi/kmscrypt.h"

#define DIR "/run/kmsc-test/"

static struct {
	struct kmsc_payload payload;
	char more[64];
} out;
static size_t size = sizeof(out.payload);
static unsigned long long timeout_ms;
static const char *op = "";

static void note(const char *format, ...)
{
	FILE *file = fopen(DIR "log", "a");
	va_list args;

	if (!file)
		exit(3);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fclose(file);
}

static size_t slurp(const char *path, char *buf, size_t room)
{
	FILE *file = fopen(path, "r");
	size_t n;

	if (!file)
		exit(4);
	n = fread(buf, 1, room, file);
	fclose(file);
	return n;
}

static void put_uuid(const char *text)
{
	char hex[3] = "";
	unsigned int i;

	for (i = 0; i < KMSC_UUID_BYTES && *text; text++) {
		if (*text == '-')
			continue;
		memcpy(hex, text++, 2);
		out.payload.uuid[i++] = strtoul(hex, NULL, 16);
	}
}

static void put_key(unsigned int bytes)
{
	out.payload.key_bytes = htole16(bytes);
	memset(out.payload.key, 0, sizeof(out.payload.key));
	slurp(DIR "key", (char *)out.payload.key,
	      bytes < KMSC_KEY_MAX ? bytes : KMSC_KEY_MAX);
}

/* name=value, from the callout as from the mode */
static void set(const char *name, const char *value)
{
	struct kmsc_payload *p = &out.payload;
	unsigned long long n = strtoull(value, NULL, 0);

	if (!strcmp(name, "cipher"))
		strncpy(p->cipher, value, sizeof(p->cipher));
	else if (!strcmp(name, "integrity"))
		strncpy(p->integrity, value, sizeof(p->integrity));
	else if (!strcmp(name, "uuid"))
		put_uuid(value);
	else if (!strcmp(name, "magic"))
		p->magic[0] = n;
	else if (!strcmp(name, "version"))
		p->version = htole16(n);
	else if (!strcmp(name, "total"))
		p->total = htole16(n);
	else if (!strcmp(name, "key_bytes"))
		put_key(n);
	else if (!strcmp(name, "policy"))
		p->policy = htole16(n);
	else if (!strcmp(name, "sector_size"))
		p->sector_size = htole32(n);
	else if (!strcmp(name, "flags"))
		p->desc_flags = htole32(n);
	else if (!strcmp(name, "iv_offset"))
		p->iv_tweak = htole64(n);
	else if (!strcmp(name, "offset"))
		p->seg_offset = htole64(n * 512);
	else if (!strcmp(name, "seg_offset"))
		p->seg_offset = htole64(n);
	else if (!strcmp(name, "seg_size"))
		p->seg_size = htole64(n);
	else if (!strcmp(name, "lease"))
		p->lease_s = htole32(n);
	else if (!strcmp(name, "cap"))
		p->queue_cap_s = htole32(n);
	else if (!strcmp(name, "op"))
		op = value;
	else if (!strcmp(name, "timeout_ms"))
		timeout_ms = n;
	else if (!strcmp(name, "epoch"))
		p->epoch = htole64(n);
	else if (!strcmp(name, "reserved"))
		p->reserved[n] = 1;
	else if (!strcmp(name, "key_tail"))
		p->key[KMSC_KEY_MAX - 1] = n;
	else if (!strcmp(name, "cipher_tail"))
		p->cipher[KMSC_CIPHER_MAX - 1] = n;
	else if (!strcmp(name, "size"))
		size = n;
}

/* Most of the length is as it should be, or nothing else would be looked at. */
static void make_hostile(unsigned int seed)
{
	static const char *const ciphers[] = { "serpent-xts-plain64",
					       "aes-ecb-plain64",
					       "a-b-c",
					       "aes-xts-plain64:x",
					       "-",
					       "aes" };

	hostile_state = seed;
	switch (hostile_below(8)) {
	case 0:
		size = hostile_below(sizeof(out) + 1);
		break;
	case 1:
		set("cipher", ciphers[hostile_below(6)]);
		break;
	case 2:
		put_key(hostile_below(100));
		break;
	case 3: /* all of it */
		hostile_bytes((uint8_t *)&out, sizeof(out.payload));
		for (unsigned int i = 0; i < sizeof(out.payload); i++)
			((uint8_t *)&out)[i] ^= hostile_next();
		break;
	case 4: /* what may have any value */
		hostile_bytes(out.payload.key, le16toh(out.payload.key_bytes));
		out.payload.epoch = hostile_next();
		break;
	default:
		hostile_bytes((uint8_t *)&out, sizeof(out.payload));
	}
}

/* In the kernel's log, by whose clock tests measure */
static void say(void)
{
	FILE *file = fopen("/dev/kmsg", "w");

	if (!file)
		exit(5);
	fputs("kmsc-test: upcall\n", file);
	fclose(file);
}

static void finish(long result)
{
	note("end %d result=%d\n", getpid(), result < 0 ? errno : 0);
	exit(0);
}

static void act(key_serial_t key, char *word)
{
	char *value = strpbrk(word, "=:");
	int n;

	if (!strcmp(word, "stop"))
		raise(SIGSTOP);
	if (!strcmp(word, "exit"))
		exit(1);
	if (!strcmp(word, "say"))
		say();
	if (!strcmp(word, "hang")) {
		usleep(timeout_ms * 1000);
		finish(keyctl_reject(key, KMSC_REJECT_TIMEOUT_S, ETIMEDOUT, 0));
	}
	if (!value)
		return;
	n = atoi(value + 1);
	if (*value == '=') {
		*value = 0;
		set(word, value + 1);
	} else if (!strncmp(word, "sleep", 5)) {
		usleep(n * 1000);
	} else if (!strncmp(word, "hostile", 7)) {
		make_hostile(n);
	} else if (!strncmp(word, "reject", 6)) {
		finish(keyctl_reject(key, KMSC_REJECT_TIMEOUT_S, n, 0));
	}
}

int main(int argc, char **argv)
{
	char mode[512] = "", *word, *value;
	key_serial_t key;

	if (argc != 4)
		return 2;
	key = atoi(argv[1]);
	note("start %d %s %s\n", getpid(), argv[2], argv[3]);
	if (keyctl_assume_authority(key) < 0)
		return 5;

	memcpy(out.payload.magic, KMSC_PAYLOAD_MAGIC,
	       sizeof(out.payload.magic));
	set("version", "1");
	out.payload.total = htole16(KMSC_PAYLOAD_SIZE);
	put_uuid(argv[2]);
	for (word = strtok(argv[3], " "); word; word = strtok(NULL, " ")) {
		value = strchr(word, '=');
		*value++ = 0;
		set(word, value);
	}

	slurp(DIR "mode", mode, sizeof(mode) - 1);
	for (word = strtok(mode, "\n "); word; word = strtok(NULL, "\n ")) {
		if (!strcmp(word, "later") && !strcmp(op, "open"))
			break;
		act(key, word);
	}
	finish(keyctl_instantiate(key, &out, size, 0));
}
