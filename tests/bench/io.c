// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The same I/O on several block devices in turn, timed by the clock of the
 * machine it runs on.
 *
 * usage: io WORKLOAD BYTES DEPTH COUNT ROUNDS NAME=DEVICE...
 *
 * WORKLOAD is read, write, randread or randwrite. DEPTH 1 waits for each I/O
 * (pread, pwrite); else DEPTH are submitted at once and all waited for.
 * Each round goes over all devices, so that what drifts hits each of them.
 * Prints a line "NAME NANOSECONDS..." a device: an I/O's, one a round.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEPTH 64
#define MAX_ROUNDS 64
#define MAX_DEVICES 16
#define SPAN (64ULL << 20) /* what is used of a device */

static struct job {
	bool write;
	bool random;
	size_t bytes;
	unsigned int depth;
	unsigned int count;
	unsigned int rounds;
	aio_context_t context;
	char *buffers; /* depth of them */
	uint64_t seed;
	uint64_t position;
} job;

static struct device {
	const char *name;
	int fd;
	uint64_t blocks;
	double ns[MAX_ROUNDS];
} devices[MAX_DEVICES];

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "io: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t next_offset(const struct device *device)
{
	if (!job.random)
		return job.position++ % device->blocks * job.bytes;
	/* Knuth's MMIX constants; the low bits are the poor ones */
	job.seed = job.seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (job.seed >> 33) % device->blocks * job.bytes;
}

static void one(const struct device *device)
{
	off_t offset = next_offset(device);
	ssize_t done;

	if (job.write)
		done = pwrite(device->fd, job.buffers, job.bytes, offset);
	else
		done = pread(device->fd, job.buffers, job.bytes, offset);
	if (done != (ssize_t)job.bytes)
		die(device->name);
}

static void batch(const struct device *device)
{
	struct iocb iocbs[MAX_DEPTH], *list[MAX_DEPTH];
	struct io_event events[MAX_DEPTH];
	unsigned int i, depth = job.depth;

	for (i = 0; i < depth; i++) {
		memset(&iocbs[i], 0, sizeof(iocbs[i]));
		iocbs[i].aio_lio_opcode = job.write ? IOCB_CMD_PWRITE :
						      IOCB_CMD_PREAD;
		iocbs[i].aio_fildes = device->fd;
		iocbs[i].aio_buf = (uintptr_t)job.buffers + i * job.bytes;
		iocbs[i].aio_nbytes = job.bytes;
		iocbs[i].aio_offset = next_offset(device);
		list[i] = &iocbs[i];
	}
	if (syscall(SYS_io_submit, job.context, depth, list) != depth)
		die("io_submit");
	if (syscall(SYS_io_getevents, job.context, depth, depth, events,
		    NULL) != depth)
		die("io_getevents");
	for (i = 0; i < depth; i++)
		if (events[i].res != (int64_t)job.bytes)
			die(device->name);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static double run(const struct device *device, unsigned int count)
{
	uint64_t start;
	unsigned int i;

	/* Each device gets the same offsets. */
	job.seed = 1;
	job.position = 0;
	start = now();
	for (i = 0; i < count; i += job.depth) {
		if (job.depth == 1)
			one(device);
		else
			batch(device);
	}
	return (double)(now() - start) / i;
}

static void device_open(struct device *device, char *argument)
{
	char *path = strchr(argument, '=');
	uint64_t size;

	if (!path)
		exit(2);
	*path++ = 0;
	device->name = argument;
	device->fd = open(path, O_RDWR | O_DIRECT);
	if (device->fd < 0 || ioctl(device->fd, BLKGETSIZE64, &size) < 0)
		die(path);
	device->blocks = (size < SPAN ? size : SPAN) / job.bytes;
}

static void buffers_alloc(void)
{
	size_t size = job.bytes * job.depth;

	job.buffers = aligned_alloc(1 << 21, (size | ((1 << 21) - 1)) + 1);
	if (!job.buffers)
		die("memory");
	memset(job.buffers, 0x5a, size);
}

int main(int argc, char **argv)
{
	unsigned int n, d, round;

	if (argc < 7 || argc - 6 > MAX_DEVICES)
		return 2;
	job.random = !strncmp(argv[1], "rand", 4);
	job.write = strstr(argv[1], "write");
	job.bytes = strtoul(argv[2], NULL, 0);
	job.depth = strtoul(argv[3], NULL, 0);
	job.count = strtoul(argv[4], NULL, 0);
	job.rounds = strtoul(argv[5], NULL, 0);
	if (!job.depth || job.depth > MAX_DEPTH || !job.rounds ||
	    job.rounds > MAX_ROUNDS || !job.bytes)
		return 2;
	buffers_alloc();
	if (syscall(SYS_io_setup, MAX_DEPTH, &job.context) < 0)
		die("io_setup");

	n = argc - 6;
	for (d = 0; d < n; d++)
		device_open(&devices[d], argv[6 + d]);
	for (d = 0; d < n; d++)
		run(&devices[d], job.count / 4 + 1);
	for (round = 0; round < job.rounds; round++)
		for (d = 0; d < n; d++)
			devices[d].ns[round] = run(&devices[d], job.count);
	for (d = 0; d < n; d++) {
		printf("%s", devices[d].name);
		for (round = 0; round < job.rounds; round++)
			printf(" %.1f", devices[d].ns[round]);
		printf("\n");
	}
	return 0;
}
