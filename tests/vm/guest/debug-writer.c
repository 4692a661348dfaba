// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes and reads a part of a device at random, past the page cache, while
 * some of it fails, and says whether ever anything else was read than what was
 * written.
 *
 * usage: debug-writer DEVICE FIRST COUNT SECONDS
 *
 * It ends early, and in order, when it gets a SIGTERM.
 *
 * FIRST and COUNT are in 512-byte sectors. Each sector on the disk says where
 * it belongs and in which turn it was written. A write that failed may have
 * changed a sector or not; a read tells which. Everything is written once
 * before, and read once after: there nothing may fail. In between this task
 * has make-it-fail set.
 *
 * Prints "begun" when everything was written once, and in the end "writes=N failed=N reads=N failed=N wrong=N"; the status is 0 if
 * nothing was wrong and something worked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SECTOR 512
#define LARGEST 256

struct turn {
	uint32_t sure; /* what is there, unless a later write was done by half */
	uint32_t last; /* the last write, which failed if it is not the same */
};

static struct turn *turns;

static unsigned char *buf;
static int fd;
static unsigned int first, count, unit = 1, turn;
static unsigned long writes, writes_failed, reads, reads_failed, wrong;

static int stopped(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGTERM);
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void make_it_fail(const char *yes)
{
	int f = open("/proc/self/make-it-fail", O_WRONLY);

	/* a kernel that injects nothing: a test of this program */
	if (f < 0 && errno == ENOENT)
		return;
	if (f < 0 || write(f, yes, 1) != 1)
		die("make-it-fail");
	close(f);
}

static void fill(unsigned char *p, uint32_t sector, uint32_t n)
{
	uint64_t *word = (uint64_t *)p, x = (uint64_t)sector << 32 | n;
	unsigned int i;

	for (i = 0; i < SECTOR / sizeof(x); i++) {
		word[i] = x;
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
}

/* Is it one of those that may be there? Then it is the one from now on. */
static void check(unsigned char *p, uint32_t i)
{
	unsigned char wanted[SECTOR];
	uint32_t n = *(uint64_t *)p;

	fill(wanted, first + i, n);
	if (memcmp(wanted, p, SECTOR) == 0 && n >= turns[i].sure &&
	    n <= turns[i].last) {
		turns[i].sure = n;
		turns[i].last = n;
		return;
	}
	if (!wrong++)
		fprintf(stderr, "sector %u: %016llx, wanted turn %u to %u\n",
			first + i, *(unsigned long long *)p, turns[i].sure,
			turns[i].last);
}

static int put(uint32_t i, uint32_t n)
{
	ssize_t done;
	uint32_t k;

	turn++;
	for (k = 0; k < n; k++)
		fill(buf + k * SECTOR, first + i + k, turn);
	done = pwrite(fd, buf, n * SECTOR, (off_t)(first + i) * SECTOR);
	for (k = 0; k < n; k++) {
		turns[i + k].last = turn;
		if (done >= (ssize_t)(k + 1) * SECTOR)
			turns[i + k].sure = turn;
	}
	writes++;
	if (done == (ssize_t)n * SECTOR)
		return 0;
	writes_failed++;
	return -1;
}

static int get(uint32_t i, uint32_t n)
{
	ssize_t done;
	uint32_t k;

	memset(buf, 0, n * SECTOR);
	done = pread(fd, buf, n * SECTOR, (off_t)(first + i) * SECTOR);
	for (k = 0; done >= (ssize_t)(k + 1) * SECTOR; k++)
		check(buf + k * SECTOR, i + k);
	reads++;
	if (done == (ssize_t)n * SECTOR)
		return 0;
	reads_failed++;
	return -1;
}

/* From one end to the other */
static void all(int (*op)(uint32_t, uint32_t), const char *what)
{
	uint32_t i, n;

	for (i = 0; i < count; i += n) {
		n = count - i < LARGEST ? count - i : LARGEST;
		if (op(i, n))
			die(what);
	}
}

static void some(void)
{
	uint32_t units = count / unit, i, n;

	i = random() % units;
	/* small ones mostly */
	n = 1 + random() % (random() % 4 ? 8 / unit + 1 : LARGEST / unit);
	if (n > units - i)
		n = units - i;
	if (random() % 2)
		put(i * unit, n * unit);
	else
		get(i * unit, n * unit);
	if (random() % 64 == 0)
		fdatasync(fd);
}

int main(int argc, char **argv)
{
	sigset_t term;
	time_t end;
	int size;

	if (argc != 5)
		return 2;
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0 || ioctl(fd, BLKSSZGET, &size))
		die(argv[1]);
	unit = size / SECTOR;
	first = atoi(argv[2]);
	count = atoi(argv[3]) / unit * unit;
	turns = calloc(count, sizeof(*turns));
	if (!turns || posix_memalign((void **)&buf, 4096, LARGEST * SECTOR))
		return 2;
	srandom(first + count);

	all(put, "first writes");
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	puts("begun");
	fflush(stdout);
	make_it_fail("1");
	for (end = time(NULL) + atoi(argv[4]); !stopped() && time(NULL) < end;)
		some();
	make_it_fail("0");
	all(get, "last reads");

	printf("writes=%lu failed=%lu reads=%lu failed=%lu wrong=%lu\n", writes,
	       writes_failed, reads, reads_failed, wrong);
	return wrong || writes == writes_failed || reads == reads_failed;
}
