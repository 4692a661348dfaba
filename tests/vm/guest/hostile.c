// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hostile table lines, messages and key payloads, by the thousand.
 *
 * usage: hostile tables  SEED N LENGTH LINE	a table of that many sectors
 *	  hostile messages SEED N NAME		to a device
 *	  hostile payloads SEED N LENGTH LINE	from the helper, which reads
 *						/run/kmsc-test/mode
 *
 * The kernel may refuse or take each of them. What it takes it must show, and
 * give up again. At the end: "N done, N taken", and how often each error came.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <libdevmapper.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

#define NAME "hostile"
#define WORDS_MAX 64
#define TEXT_MAX 20000

static unsigned long done, taken, errors[200];

static void quiet(int level, const char *file, int line, int err,
		  const char *format, ...)
{
	(void)level;
	(void)file;
	(void)line;
	(void)err;
	(void)format;
}

static int fail(const char *what, const char *text)
{
	printf("hostile: after %lu: %s: %s\n", done, what, text);
	return 1;
}

/* --- words ------------------------------------------------------------------ */

static const char *const nasty[] = {
	"",
	"0",
	"1",
	"-1",
	"+1",
	"0x10",
	"08",
	"65",
	"97",
	"4096",
	"2147483648",
	"4294967295",
	"4294967296",
	"9223372036854775807",
	"9223372036854775808",
	"18446744073709551615",
	"18446744073709551616",
	"99999999999999999999999999",
	"%s%n%x",
	":",
	"::",
	":64:",
	":64:kmscrypt:",
	":64:logon:x",
	":0:kmscrypt:11111111-2222-4333-8444-555555555555",
	"aes-xts-plain64",
	"aes-xts-",
	"-xts-plain64",
	"--",
	"aes",
	"xts(aes)-xts-plain64",
	"capi:xts(aes)-plain64",
	"aes-xts-essiv:sha256",
	"aes-xts-plain64:",
	"cipher_null-xts-plain64",
	"serpent-xts-plain64",
	"/dev/ram0",
	"/dev/ram1",
	"/dev/null",
	"/dev/mapper/hostile",
	"/nowhere",
	"1:0",
	"0:0",
	"999999:999999",
	"allow_discards",
	"iv_large_sectors",
	"sector_size:512",
	"sector_size:4096",
	"sector_size:",
	"sector_size:-1",
	"sector_size:4096x",
	"same_cpu_crypt",
	"no_read_workqueue",
	"\\",
	"a\\ b",
	"\t",
	"\xff\xfe",
	"lock",
	"LOCK",
	"unlock",
	"sleep",
	"renew",
};

static const char *nasty_word(void)
{
	static char long_word[4096];

	if (hostile_below(20))
		return nasty[hostile_below(sizeof(nasty) / sizeof(*nasty))];
	memset(long_word, "a9:-/%"[hostile_below(6)], sizeof(long_word));
	long_word[hostile_below(sizeof(long_word))] = '\0';
	long_word[sizeof(long_word) - 1] = '\0';
	return long_word;
}

static void mutate_words(const char **words, unsigned int *n)
{
	unsigned int at = *n ? hostile_below(*n) : 0, other;
	const char *word;

	switch (hostile_below(5)) {
	case 0: /* another one */
	case 1:
		if (*n)
			words[at] = nasty_word();
		break;
	case 2: /* one less */
		if (*n)
			memmove(words + at, words + at + 1,
				(--*n - at) * sizeof(*words));
		break;
	case 3: /* one more */
		if (*n == WORDS_MAX)
			break;
		memmove(words + at + 1, words + at,
			((*n)++ - at) * sizeof(*words));
		words[at] = nasty_word();
		break;
	default: /* two in each other's place */
		other = *n ? hostile_below(*n) : 0;
		word = words[at];
		words[at] = words[other];
		words[other] = word;
	}
}

/* A device-mapper line has no NUL and no line feed in it. */
static void mutate_letters(char *text)
{
	size_t len = strlen(text);

	if (!len)
		return;
	if (!hostile_below(4)) {
		text[hostile_below((unsigned int)len)] = '\0';
		return;
	}
	hostile_bytes((uint8_t *)text, (unsigned int)len);
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = ' ';
}

static void hostile_line(const char *line, char *out)
{
	char copy[1024], *rest = copy, *word;
	const char *words[WORDS_MAX + 1];
	unsigned int n = 0, times = 1 + hostile_below(3);

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")) && n < WORDS_MAX)
		words[n++] = word;
	while (times--)
		mutate_words(words, &n);
	*out = '\0';
	for (unsigned int i = 0; i < n; i++) {
		size_t used = strlen(out);

		snprintf(out + used, TEXT_MAX - used, "%s%s", i ? " " : "",
			 words[i]);
	}
	if (!hostile_below(4))
		mutate_letters(out);
}

/* --- the kernel -------------------------------------------------------------- */

/* 0, or what the kernel said */
static int run(struct dm_task *task)
{
	int r = dm_task_run(task) ? 0 : dm_task_get_errno(task) ?: EINVAL;

	dm_task_destroy(task);
	return r;
}

static void count(int r)
{
	done++;
	if (r)
		errors[r < 200 ? r : 0]++;
	else
		taken++;
}

static int create(const char *line, uint64_t start, uint64_t length)
{
	struct dm_task *task = dm_task_create(DM_DEVICE_CREATE);

	if (!task || !dm_task_set_name(task, NAME) ||
	    !dm_task_add_target(task, start, length, "kmscrypt", line))
		abort();
	return run(task);
}

static int simple(int type)
{
	struct dm_task *task = dm_task_create(type);

	if (!task || !dm_task_set_name(task, NAME))
		abort();
	return run(task);
}

/* What was taken is shown, and goes. */
static int give_up(const char *line)
{
	if (simple(DM_DEVICE_STATUS) || simple(DM_DEVICE_TABLE))
		return fail("cannot be shown", line);
	return simple(DM_DEVICE_REMOVE) ? fail("cannot be removed", line) : 0;
}

static int tables(unsigned long n, uint64_t length, const char *line)
{
	static const uint64_t lengths[] = { 0,		1,	    7,
					    1ULL << 32, 1ULL << 62, ~0ULL };
	static char out[TEXT_MAX];

	while (done < n) {
		bool odd = !hostile_below(8);
		int r;

		hostile_line(line, out);
		r = create(out, hostile_below(50) ? 0 : hostile_next(),
			   odd ? lengths[hostile_below(6)] : length);
		count(r);
		if (!r && give_up(out))
			return 1;
	}
	return 0;
}

static int messages(unsigned long n, const char *name)
{
	static const char *const known[] = { "lock", "lock sleep", "unlock",
					     "renew" };
	static char out[TEXT_MAX];

	while (done < n) {
		struct dm_task *task = dm_task_create(DM_DEVICE_TARGET_MSG);

		hostile_line(known[hostile_below(4)], out);
		if (!task || !dm_task_set_name(task, name) ||
		    !dm_task_set_message(task, out))
			abort();
		if (!hostile_below(20))
			dm_task_set_sector(task, hostile_next());
		count(run(task));
	}
	return 0;
}

/* The helper mutates its payload by the seed that it is told. */
static int payloads(unsigned long n, uint64_t length, const char *line)
{
	while (done < n) {
		FILE *mode = fopen("/run/kmsc-test/mode", "w");
		int r;

		if (!mode)
			abort();
		fprintf(mode, "hostile:%u\n", hostile_below(1U << 31));
		fclose(mode);
		r = create(line, 0, length);
		count(r);
		if (!r && give_up(line))
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long n;
	int r;

	if (argc < 5)
		return 2;
	dm_log_with_errno_init(quiet);
	hostile_state = strtoull(argv[2], NULL, 10);
	n = strtoul(argv[3], NULL, 10);
	if (!strcmp(argv[1], "messages"))
		r = messages(n, argv[4]);
	else if (argc < 6)
		return 2;
	else if (!strcmp(argv[1], "tables"))
		r = tables(n, strtoull(argv[4], NULL, 10), argv[5]);
	else
		r = payloads(n, strtoull(argv[4], NULL, 10), argv[5]);
	printf("%lu done, %lu taken", done, taken);
	for (int i = 0; i < 200; i++)
		if (errors[i])
			printf(", %lu %s", errors[i], strerrorname_np(i));
	putchar('\n');
	return r;
}
