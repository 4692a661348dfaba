// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Look for secrets in a machine's memory, of which a file is the image.
 *
 * usage: memscan SECRETS IMAGE	lines "OFFSET NAME FORM", then
 *					"total N of PATTERNS in BYTES"
 *	  memscan --selftest
 *
 * What is repeated without a gap has one line in each page.
 *
 * SECRETS is read as patterns.h says. All patterns at once, after Wu and
 * Manber: the two last bytes of a window say how far the next place is at which
 * one could begin, so most of the image is never looked at.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "patterns.h"
#include "schedule.h"

#define PAIRS 65536
#define NONE SIZE_MAX

struct index {
	const struct patterns *patterns;
	uint8_t skip[PAIRS];
	size_t first[PAIRS]; /* of the patterns that end a window with this */
	size_t *next;
};

typedef void found_fn(void *arg, size_t at, const struct pattern *p);

static unsigned int pair_at(const uint8_t *bytes)
{
	return bytes[0] | (unsigned int)bytes[1] << 8;
}

static void index_make(struct index *x, const struct patterns *patterns)
{
	x->patterns = patterns;
	x->next = calloc(patterns->n, sizeof(*x->next));
	if (!x->next)
		abort();
	memset(x->skip, PATTERN_MIN - 1, sizeof(x->skip));
	for (unsigned int i = 0; i < PAIRS; i++)
		x->first[i] = NONE;
	for (size_t i = 0; i < patterns->n; i++) {
		const uint8_t *bytes = patterns->all[i].bytes;
		unsigned int last = pair_at(bytes + PATTERN_MIN - 2);

		for (unsigned int at = 0; at + 2 <= PATTERN_MIN; at++) {
			uint8_t *skip = &x->skip[pair_at(bytes + at)];

			if (PATTERN_MIN - 2 - at < *skip)
				*skip = (uint8_t)(PATTERN_MIN - 2 - at);
		}
		x->next[i] = x->first[last];
		x->first[last] = i;
	}
}

static void search(const struct index *x, const uint8_t *data, size_t size,
		   found_fn *found, void *arg)
{
	size_t at = 0;

	while (at + PATTERN_MIN <= size) {
		unsigned int pair = pair_at(data + at + PATTERN_MIN - 2);
		size_t i;

		if (x->skip[pair]) {
			at += x->skip[pair];
			continue;
		}
		for (i = x->first[pair]; i != NONE; i = x->next[i]) {
			const struct pattern *p = &x->patterns->all[i];

			if (p->len <= size - at &&
			    !memcmp(p->bytes, data + at, p->len))
				found(arg, at, p);
		}
		at++;
	}
}

/* --- an image ------------------------------------------------------------- */

#define PAGE 4096

/*
 * A file of one pattern is a run: of each page that it fills one hit is told.
 * Two in a row are no run: a schedule's last round key for encryption is its
 * first for decryption, and lies next to it.
 */
struct report {
	unsigned long long total;
	unsigned int run;
	const struct pattern *last;
	size_t last_at;
};

static void print_hit(void *arg, size_t at, const struct pattern *p)
{
	struct report *report = arg;

	bool goes_on = p == report->last &&
		       at == report->last_at + SCHEDULE_BLOCK;

	report->run = goes_on ? report->run + 1 : 1;
	if (report->run <= 2 || at % PAGE < SCHEDULE_BLOCK)
		printf("%zx %s %s\n", at, p->name, p->form);
	report->total++;
	report->last = p;
	report->last_at = at;
}

static int scan(const char *secrets, const char *image)
{
	static struct index x;
	struct patterns patterns = { 0 };
	struct report report = { .total = 0 };
	int fd = open(image, O_RDONLY | O_CLOEXEC);
	FILE *file = fopen(secrets, "re");
	struct stat st;
	void *data;

	if (fd < 0 || !file || fstat(fd, &st) < 0) {
		perror("memscan");
		return 1;
	}
	if (patterns_read(&patterns, file) < 0) {
		fprintf(stderr, "memscan: %s is malformed\n", secrets);
		return 1;
	}
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED) {
		perror("memscan");
		return 1;
	}
	index_make(&x, &patterns);
	search(&x, data, (size_t)st.st_size, print_hit, &report);
	printf("total %llu of %zu in %zu\n", report.total, patterns.n,
	       (size_t)st.st_size);
	return 0;
}

/* --- itself ---------------------------------------------------------------- */

static int failures;

static void check(bool good, const char *what)
{
	if (!good) {
		printf("memscan: %s\n", what);
		failures++;
	}
}

/* FIPS-197, A.3, and the last round keys that A.1 has */
static void test_schedule(void)
{
	static const uint8_t key[32] = {
		0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe,
		0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
		0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7,
		0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4,
	};
	static const uint8_t last[16] = {
		0xfe, 0x48, 0x90, 0xd1, 0xe6, 0x18, 0x8d, 0x0b,
		0x04, 0x6d, 0xf3, 0x44, 0x70, 0x6c, 0x63, 0x1e,
	};
	static const uint8_t zero_last[16] = {
		0xb4, 0xef, 0x5b, 0xcb, 0x3e, 0x92, 0xe2, 0x11,
		0x23, 0xe9, 0x51, 0xcf, 0x6f, 0x8f, 0x18, 0x8e,
	};
	static const uint8_t zero[16];
	struct schedule s;

	schedule_make(&s, key, sizeof(key));
	check(s.n == 15 && !memcmp(s.encrypt[14], last, 16),
	      "the schedule of AES-256 is wrong");
	check(!memcmp(s.decrypt[0], last, 16) &&
		      !memcmp(s.decrypt[14], key, 16),
	      "the order for decryption is wrong");
	schedule_make(&s, zero, sizeof(zero));
	check(s.n == 11 && !memcmp(s.encrypt[10], zero_last, 16),
	      "the schedule of AES-128 is wrong");
}

struct wanted {
	const struct pattern *pattern;
	size_t at;
	unsigned int hits, others;
};

static void note_hit(void *arg, size_t at, const struct pattern *p)
{
	struct wanted *w = arg;

	if (p == w->pattern && at == w->at)
		w->hits++;
	else
		w->others++;
}

/* Each pattern at each place of a small image, most of all at its ends */
static void test_search(void)
{
	static struct index x;
	struct patterns patterns = { 0 };
	uint8_t image[80], block[SCHEDULE_BLOCK];
	unsigned int missed = 0, wrong = 0;

	for (unsigned int i = 0; i < 200; i++) {
		for (unsigned int k = 0; k < sizeof(block); k++)
			block[k] = (uint8_t)(rand() >> 7);
		patterns_add(&patterns, "x", block);
	}
	index_make(&x, &patterns);
	for (size_t i = 0; i < patterns.n; i++) {
		struct wanted w = { .pattern = &patterns.all[i] };

		for (; w.at + w.pattern->len <= sizeof(image); w.at++) {
			memset(image, (int)i, sizeof(image));
			memcpy(image + w.at, w.pattern->bytes, w.pattern->len);
			w.hits = 0;
			search(&x, image, sizeof(image), note_hit, &w);
			missed += w.hits != 1;
			wrong += w.others;
		}
	}
	check(patterns.n == 1200 && !missed, "a pattern is missed");
	check(!wrong, "something is found that is not there");
}

/* "0123456789abcdef" behind 0, 1 and 2 bytes, as base64(1) has it */
static void test_forms(void)
{
	static const char *const wanted[] = {
		"0123456789abcdef",
		"30313233343536373839616263646566",
		"30313233343536373839616263646566",
		"MDEyMzQ1Njc4OWFiY2RlZ",
		"AxMjM0NTY3ODlhYmNkZW",
		"wMTIzNDU2Nzg5YWJjZGVm",
	};
	struct patterns p = { 0 };
	bool good = true;

	patterns_add(&p, "x", (const uint8_t *)"0123456789abcdef");
	for (size_t i = 0; i < p.n && i < 6; i++)
		good &= p.all[i].len == strlen(wanted[i]) &&
			!memcmp(p.all[i].bytes, wanted[i], p.all[i].len);
	check(good && p.n == 6, "a form is wrong");
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--selftest")) {
		test_schedule();
		test_search();
		test_forms();
		return failures != 0;
	}
	if (argc == 3)
		return scan(argv[1], argv[2]);
	fprintf(stderr, "usage: memscan SECRETS IMAGE | --selftest\n");
	return 2;
}
