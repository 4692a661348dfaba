// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drives the Vault provider for t-vault.sh, command by command in one session:
 *
 *	vault-client OPTIONS -- COMMAND...
 *
 *	--address A[,A] --key K [--mount M] [--ns N] --token-file F
 *	[--ca F] [--cert F --cert-key F] [--timeout MS] [--scan]
 *
 *	check, wrap, unwrap, rewrap, newest	of kms.h; unwrap compares with
 *						what was wrapped
 *	save=F, load=F		what is wrapped, as JSON, and its plaintext in
 *				F.plain
 *	flip, cut, text=T, version=N		change the ciphertext
 *	other-key, other-mount, other-ns, other-provider	the names
 *	sleep=SECONDS
 *
 * One line for each that can fail: COMMAND ERRNO-NAME MILLISECONDS WORDS.
 * --scan: when all is closed and freed, how often each secret is in memory.
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
#include "base/json.h"
#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"
#include "kms/kms.h"

static struct generation g = {
	.id = "6f1c1c0e-6b53-4a0e-9a7e-52e0d9b0a002",
	.provider = KMS_VAULT,
	.mount = "transit",
};
static int64_t timeout_ms = 10000;
static struct kms *kms;
static struct secret plain;
static struct wrapped wrapped;

#define NEEDLE_LEN 20

/* A secret to look for, masked so that this copy is not found. */
static struct needle {
	const char *name;
	uint8_t masked[NEEDLE_LEN];
} needles[4];

static bool scanning;

static void die(const char *what)
{
	fprintf(stderr, "vault-client: %s\n", what);
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
		op_fail(op, 0, "%s | %s | v%u | %lld %d | %s", h.address,
			h.server, h.key_version, (long long)h.credential_s,
			h.credential_renewable, h.warning);
	return r;
}

static int say_wrapped(struct op *op, int r)
{
	return r ? r :
		   op_fail(op, 0, "v%u %.16s %s/%s", wrapped.key_version,
			   wrapped.text, wrapped.mount, wrapped.key_id);
}

static int do_wrap(struct op *op)
{
	return say_wrapped(op, kms_wrap(op, kms, &plain, &wrapped));
}

static int do_rewrap(struct op *op)
{
	struct wrapped old = wrapped;

	return say_wrapped(op, kms_rewrap(op, kms, &old, &wrapped));
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

static int do_newest(struct op *op)
{
	uint32_t version = 0;
	int r = kms_newest_version(op, kms, &version);

	return r ? r : op_fail(op, 0, "v%u", version);
}

static const struct {
	const char *name;
	int (*run)(struct op *op);
} commands[] = {
	{ "check", do_check },	 { "wrap", do_wrap },
	{ "unwrap", do_unwrap }, { "rewrap", do_rewrap },
	{ "newest", do_newest },
};

static void save(const char *path)
{
	_cleanup_json_ struct json_object *obj = json_object_new_object();
	char other[512];

	snprintf(other, sizeof(other), "%s.plain", path);
	if (wrapped_to_json(&wrapped, obj) || json_write_file(path, obj) ||
	    secret_write_file(&plain, other))
		die(path);
}

static void load(const char *path)
{
	_cleanup_json_ struct json_object *obj = NULL;
	char other[512];

	snprintf(other, sizeof(other), "%s.plain", path);
	if (json_read_file(path, 1 << 16, &obj) ||
	    wrapped_from_json(obj, &wrapped) ||
	    secret_read_file(&plain, other, KMSC_CAPSULE_SIZE, false))
		die(path);
}

static void set_version(const char *version)
{
	char *rest = strchr(wrapped.text + strlen("vault:v"), ':');
	char text[WRAPPED_TEXT_MAX];

	snprintf(text, sizeof(text), "vault:v%s%s", version, rest ? rest : "");
	memcpy(wrapped.text, text, sizeof(text));
}

static int change(const char *how)
{
	size_t len = strlen(wrapped.text);

	if (!strcmp(how, "flip"))
		wrapped.text[60] = wrapped.text[60] == 'A' ? 'B' : 'A';
	else if (!strcmp(how, "cut"))
		wrapped.text[len - 40] = '\0';
	else if (!strncmp(how, "text=", 5))
		snprintf(wrapped.text, sizeof(wrapped.text), "%s", how + 5);
	else if (!strncmp(how, "version=", 8))
		set_version(how + 8);
	else if (!strcmp(how, "other-key"))
		strcpy(wrapped.key_id, "other");
	else if (!strcmp(how, "other-mount"))
		strcpy(wrapped.mount, "other");
	else if (!strcmp(how, "other-ns"))
		strcpy(wrapped.ns, "other");
	else if (!strcmp(how, "other-provider"))
		wrapped.provider = KMS_KMIP;
	else if (!strncmp(how, "save=", 5))
		save(how + 5);
	else if (!strncmp(how, "load=", 5))
		load(how + 5);
	else if (!strncmp(how, "sleep=", 6))
		sleep((unsigned int)atoi(how + 6));
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

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
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
	if (change(name))
		die(name);
}

static void set_addresses(char *list)
{
	char *save_ptr, *a;

	for (a = strtok_r(list, ",", &save_ptr); a;
	     a = strtok_r(NULL, ",", &save_ptr))
		snprintf(g.addresses[g.naddresses++], CONFIG_ADDRESS_MAX, "%s",
			 a);
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
	case 'k':
		snprintf(g.key_id, sizeof(g.key_id), "%s", arg);
		break;
	case 'm':
		snprintf(g.mount, sizeof(g.mount), "%s", arg);
		break;
	case 'n':
		snprintf(g.ns, sizeof(g.ns), "%s", arg);
		break;
	case 'T':
		if (secret_read_file(&g.token, arg, 1 << 16, true))
			die(arg);
		break;
	case 'C':
		g.ca_cert = read_text(arg);
		break;
	case 'c':
		g.client_cert = read_text(arg);
		break;
	case 'K':
		if (secret_read_file(&g.client_key, arg, 1 << 16, false))
			die(arg);
		break;
	case 't':
		timeout_ms = atoi(arg);
		break;
	case 's':
		scanning = true;
		break;
	default:
		die("see the source for the options");
	}
}

static void set_needle(size_t i, const char *name, const uint8_t *data)
{
	size_t k;

	needles[i].name = name;
	for (k = 0; k < NEEDLE_LEN; k++)
		needles[i].masked[k] = data[k] ^ 0xa5;
}

/* Not with the base64 of the whole: the server sees the same 20 characters. */
static void set_needles(void)
{
	_cleanup_secret_ struct secret text = SECRET_EMPTY;

	if (g.token.len < NEEDLE_LEN || secret_base64(&text, plain.data, 30))
		die("the token is too short to look for");
	set_needle(0, "token", g.token.data);
	set_needle(1, "plaintext", plain.data);
	set_needle(2, "base64", text.data);
	set_needle(3, "control", (const uint8_t *)g.id);
}

/* Reads what the sanitizer thinks is nobody's: that is the point. */
__attribute__((no_sanitize("address"))) static unsigned int
count_in(const uint8_t *from, const uint8_t *to, const struct needle *n)
{
	unsigned int found = 0;
	size_t k;

	for (; from + NEEDLE_LEN <= to; from++) {
		for (k = 0; k < NEEDLE_LEN; k++)
			if ((from[k] ^ 0xa5) != n->masked[k])
				break;
		found += k == NEEDLE_LEN;
	}
	return found;
}

/* All readable and writable memory but the sanitizer's own huge maps */
static void scan(void)
{
	unsigned int found[4] = { 0 };
	unsigned long from, to;
	char line[512], mode[8];
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t i;

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 ||
		    strncmp(mode, "rw", 2) != 0 || to - from > 1UL << 30)
			continue;
		for (i = 0; i < 4; i++)
			found[i] += count_in((const uint8_t *)from,
					     (const uint8_t *)to, &needles[i]);
	}
	if (maps)
		fclose(maps);
	for (i = 0; i < 4; i++)
		printf("scan %s %u\n", needles[i].name, found[i]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "address", 1, NULL, 'a' },	{ "key", 1, NULL, 'k' },
		{ "mount", 1, NULL, 'm' },	{ "ns", 1, NULL, 'n' },
		{ "token-file", 1, NULL, 'T' }, { "ca", 1, NULL, 'C' },
		{ "cert", 1, NULL, 'c' },	{ "cert-key", 1, NULL, 'K' },
		{ "timeout", 1, NULL, 't' },	{ "scan", 0, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	struct op op;
	int c, r;

	if (secret_init())
		die("no locked memory");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(c, optarg);
	if (secret_random(&plain, KMSC_CAPSULE_SIZE))
		die("no random numbers");
	if (scanning)
		set_needles();
	op_init(&op, timeout_ms);
	r = kms_open(&op, &g, &kms);
	if (r)
		printf("open %s 0 %s\n", error_info(r)->name, op.detail);
	for (; !r && optind < argc; optind++)
		run(argv[optind]);
	kms_close(kms);
	generation_free(&g);
	secret_free(&plain);
	if (scanning)
		scan();
	return 0;
}
