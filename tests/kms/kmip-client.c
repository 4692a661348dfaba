// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drives the KMIP provider for t-kmip.sh, command by command in one session:
 *
 *	kmip-client OPTIONS -- COMMAND...
 *
 *	--address A[,A] --uid U --cert F --key F [--ca F] [--name N]
 *	[--mode M|none] [--allow-cbc] [--ciphers L] [--version V] [--user U --password P] [--timeout MS]
 *
 *	check, wrap, unwrap	of kms.h; unwrap compares with what was wrapped
 *	create			kmip_create_key()
 *	flip-data, flip-iv, flip-tag	one bit of what is wrapped
 *	cut-data, cut-iv, cut-tag	its last byte
 *	other-key, other-mode, other-provider	what the token names
 *	wait=FILE		until it is there, at most a minute
 *
 * One line for each that can fail: COMMAND ERRNO-NAME MILLISECONDS WORDS.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"
#include "kms/kmip.h"
#include "kms/kms.h"

static struct generation g = {
	.id = "6f1c1c0e-6b53-4a0e-9a7e-52e0d9b0a001",
	.provider = KMS_KMIP,
	.mode = WRAP_MODE_GCM,
};
static int64_t timeout_ms = 10000;
static struct kms *kms;
static struct secret plain;
static struct wrapped wrapped;

static void die(const char *what)
{
	fprintf(stderr, "kmip-client: %s\n", what);
	exit(2);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int do_check(struct op *op)
{
	struct kms_health h;
	int r = kms_check(op, kms, &h);

	if (!r)
		op_fail(op, 0, "%s | %s | %lld | %s", h.address, h.server,
			(long long)h.credential_s, h.warning);
	return r;
}

static int do_wrap(struct op *op)
{
	int r = kms_wrap(op, kms, &plain, &wrapped);

	if (!r)
		op_fail(op, 0, "%s data %zu iv %zu tag %zu key %s",
			wrapped_mode_name(wrapped.mode), wrapped.data_len,
			wrapped.iv_len, wrapped.tag_len, wrapped.key_id);
	return r;
}

static int do_unwrap(struct op *op)
{
	_cleanup_secret_ struct secret back = SECRET_EMPTY;
	int r = kms_unwrap(op, kms, &wrapped, &back);

	if (r)
		return r;
	return op_fail(op, 0, "%s",
		       secret_equal(&plain, &back) ? "same" : "DIFFERENT");
}

static int do_create(struct op *op)
{
	char uid[WRAPPED_NAME_MAX] = "";
	int r = kmip_create_key(op, &g, uid);

	return r ? r : op_fail(op, 0, "%s", uid);
}

static const struct {
	const char *name;
	int (*run)(struct op *op);
} commands[] = {
	{ "check", do_check },	 { "wrap", do_wrap }, { "unwrap", do_unwrap },
	{ "create", do_create }, { NULL, NULL },
};

static void wait_for_file(const char *path)
{
	int64_t end = now_ms() + 60000;

	while (access(path, F_OK) && now_ms() < end)
		usleep(50000);
}

static int tamper(const char *how)
{
	if (!strcmp(how, "flip-data"))
		wrapped.data[100] ^= 1;
	else if (!strcmp(how, "flip-iv"))
		wrapped.iv[3] ^= 1;
	else if (!strcmp(how, "flip-tag"))
		wrapped.tag[15] ^= 0x80;
	else if (!strcmp(how, "cut-data"))
		wrapped.data_len--;
	else if (!strcmp(how, "cut-iv"))
		wrapped.iv_len--;
	else if (!strcmp(how, "cut-tag"))
		wrapped.tag_len--;
	else if (!strcmp(how, "other-key"))
		strcpy(wrapped.key_id, "other");
	else if (!strcmp(how, "other-mode"))
		wrapped.mode = wrapped.mode == WRAP_MODE_CBC ? WRAP_MODE_CTR :
							       WRAP_MODE_CBC;
	else if (!strcmp(how, "other-provider"))
		wrapped.provider = KMS_LOCAL;
	else if (!strncmp(how, "wait=", 5))
		wait_for_file(how + 5);
	else
		return -EINVAL;
	return 0;
}

static void run(const char *name)
{
	int64_t start = now_ms();
	struct op op;
	size_t i;
	int r;

	for (i = 0; commands[i].name; i++) {
		if (strcmp(name, commands[i].name))
			continue;
		op_init(&op, timeout_ms);
		r = commands[i].run(&op);
		printf("%s %s %lld %s\n", name, r ? error_info(r)->name : "OK",
		       (long long)(now_ms() - start), op.detail);
		if (op.next[0])
			printf("# next: %s\n", op.next);
		fflush(stdout);
		return;
	}
	if (tamper(name))
		die(name);
}

static void set_addresses(char *list)
{
	char *save, *a;

	for (a = strtok_r(list, ",", &save); a; a = strtok_r(NULL, ",", &save))
		strncpy(g.addresses[g.naddresses++], a, CONFIG_ADDRESS_MAX - 1);
}

static char *read_text(const char *path)
{
	char *text;
	size_t len;

	if (file_read(path, 1 << 16, &text, &len))
		die(path);
	return text;
}

static void set_option(int c, char *arg)
{
	switch (c) {
	case 'a':
		set_addresses(arg);
		break;
	case 'u':
		strncpy(g.key_id, arg, sizeof(g.key_id) - 1);
		break;
	case 'c':
		free(g.client_cert);
		g.client_cert = read_text(arg);
		break;
	case 'k':
		if (secret_read_file(&g.client_key, arg, 1 << 16, true))
			die(arg);
		break;
	case 'C':
		free(g.ca_cert);
		g.ca_cert = read_text(arg);
		break;
	case 'n':
		strncpy(g.server_name, arg, sizeof(g.server_name) - 1);
		break;
	case 'v':
		strncpy(g.kmip_version, arg, sizeof(g.kmip_version) - 1);
		break;
	case 'U':
		strncpy(g.username, arg, sizeof(g.username) - 1);
		break;
	case 'P':
		if (secret_copy(&g.password, arg, strlen(arg)))
			die("password");
		break;
	case 't':
		timeout_ms = atoi(arg);
		break;
	case 'm':
		g.mode = WRAP_MODE_NONE;
		if (strcmp(arg, "none") && wrapped_mode_parse(arg, &g.mode))
			die(arg);
		break;
	case 'B':
		g.allow_cbc = true;
		break;
	case 'L':
		strncpy(g.ciphers, arg, sizeof(g.ciphers) - 1);
		break;
	default:
		die("see the source for the options");
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "address", 1, NULL, 'a' },  { "uid", 1, NULL, 'u' },
		{ "cert", 1, NULL, 'c' },     { "key", 1, NULL, 'k' },
		{ "ca", 1, NULL, 'C' },	      { "name", 1, NULL, 'n' },
		{ "version", 1, NULL, 'v' },  { "user", 1, NULL, 'U' },
		{ "password", 1, NULL, 'P' }, { "timeout", 1, NULL, 't' },
		{ "mode", 1, NULL, 'm' },     { "allow-cbc", 0, NULL, 'B' },
		{ "ciphers", 1, NULL, 'L' },  { NULL, 0, NULL, 0 },
	};
	struct op op;
	int c, r;

	if (secret_init())
		die("no locked memory");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(c, optarg);
	if (secret_random(&plain, KMSC_CAPSULE_SIZE))
		die("no random numbers");
	op_init(&op, timeout_ms);
	r = kms_open(&op, &g, &kms);
	if (r)
		printf("open %s 0 %s\n", error_info(r)->name, op.detail);
	for (; !r && optind < argc; optind++)
		run(argv[optind]);
	kms_close(kms);
	secret_free(&plain);
	generation_free(&g);
	return 0;
}
