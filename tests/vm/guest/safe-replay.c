// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plays back what dm-log-writes has recorded. The log's format is in
 * Documentation/admin-guide/device-mapper/log-writes.rst, its numbers are
 * those of drivers/md/dm-log-writes.c: all integers are little-endian.
 *
 * usage: safe-replay LOG                      what is in the log
 *        safe-replay LOG DEVICE FIRST LAST    do these entries, from 0
 *
 * Prints for each entry "<number> <write|point|mark> <sector> <sectors> [mark]".
 * After a point all that is before it in the log was on the disk for sure: it
 * is a flush, or a write with FUA, which is part of that.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x6a736677736872ULL
#define VERSION 1
#define FLUSH 1
#define FUA 2
#define DISCARD 4
#define MARK 8
#define SECTOR_MAX 4096

struct super {
	uint64_t magic;
	uint64_t version;
	uint64_t entries;
	uint32_t sector_size;
} __attribute__((packed));

/* At the start of a sector; a mark's text follows in that sector */
struct entry {
	uint64_t sector;
	uint64_t sectors;
	uint64_t flags;
	uint64_t text_len;
};

static uint32_t sector_size;

static void die(const char *what)
{
	fprintf(stderr, "safe-replay: %s\n", what);
	exit(2);
}

static void get(int fd, void *to, size_t n, uint64_t at)
{
	if (pread(fd, to, n, at) != (ssize_t)n)
		die("the log cannot be read");
}

static uint64_t super_read(int log)
{
	struct super super;

	get(log, &super, sizeof(super), 0);
	if (le64toh(super.magic) != MAGIC || le64toh(super.version) != VERSION)
		die("that is no log");
	sector_size = le32toh(super.sector_size);
	if (sector_size < 512 || sector_size > SECTOR_MAX)
		die("sectors of that size are unknown");
	return le64toh(super.entries);
}

static void show(uint64_t number, const struct entry *entry, const char *text)
{
	const char *kind = "write";

	if (entry->flags & (FLUSH | FUA))
		kind = "point";
	if (entry->flags & MARK)
		kind = "mark";
	printf("%llu %s %llu %llu %.*s\n", (unsigned long long)number, kind,
	       (unsigned long long)entry->sector,
	       (unsigned long long)entry->sectors, (int)entry->text_len, text);
}

/* @at: of the data in the log; a discard has none, and leaves zeros */
static void play(int log, int device, const struct entry *entry, uint64_t at)
{
	static char data[SECTOR_MAX];
	uint64_t i;

	for (i = 0; i < entry->sectors; i++) {
		if (entry->flags & DISCARD)
			memset(data, 0, sector_size);
		else
			get(log, data, sector_size, at + i * sector_size);
		if (pwrite(device, data, sector_size,
			   (entry->sector + i) * sector_size) != sector_size)
			die("the device cannot be written");
	}
}

static void entry_read(int log, uint64_t at, char *sector, struct entry *ret)
{
	struct entry *raw = (void *)sector;

	get(log, sector, sector_size, at);
	ret->sector = le64toh(raw->sector);
	ret->sectors = le64toh(raw->sectors);
	ret->flags = le64toh(raw->flags);
	ret->text_len = le64toh(raw->text_len);
	if (ret->text_len > sector_size - sizeof(*ret))
		die("a mark is too long");
}

int main(int argc, char **argv)
{
	uint64_t number, entries, at, first = 0, last = 0;
	int log, device = -1;
	char sector[SECTOR_MAX];
	struct entry entry;

	if (argc != 2 && argc != 5)
		die("usage: safe-replay LOG [DEVICE FIRST LAST]");
	log = open(argv[1], O_RDONLY);
	if (log < 0)
		die(argv[1]);
	entries = super_read(log);
	if (argc == 5) {
		device = open(argv[2], O_WRONLY);
		if (device < 0)
			die(argv[2]);
		first = strtoull(argv[3], NULL, 10);
		last = strtoull(argv[4], NULL, 10);
		if (last >= entries)
			die("the log ends before");
	}
	at = sector_size;
	for (number = 0; number < entries; number++) {
		entry_read(log, at, sector, &entry);
		at += sector_size;
		if (device < 0)
			show(number, &entry, sector + sizeof(entry));
		else if (number >= first && number <= last)
			play(log, device, &entry, at);
		if (!(entry.flags & DISCARD))
			at += entry.sectors * sector_size;
	}
	if (device >= 0 && fsync(device))
		die("the device cannot be written");
	return fflush(stdout) ? 2 : 0;
}
