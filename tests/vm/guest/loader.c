// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads tables into many mappings at once, as so many processes.
 *
 *	loader FIRST LAST <LINE
 *
 * LINE is a table of one target, with N in it for a mapping's number in eight
 * hex digits; the mappings vFIRST to vLAST are there, without a table. A
 * process for each is started first, and all load together, so that nothing
 * but the kernel is in the times: one line each, "NUMBER ERRNO MILLISECONDS".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
	struct dm_ioctl head;
	struct dm_target_spec spec;
	char params[1024];
} request;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* "START LENGTH TYPE PARAMETERS" with N for the number */
static void fill(unsigned int number, char *line)
{
	unsigned long long start, length;
	char type[DM_MAX_TYPE_NAME], *mark;
	int at;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%llu %llu %15s %n", &start, &length, type, &at) != 3)
		exit(2);
	mark = strchr(line + at, 'N');
	if (!mark)
		exit(2);
	request.head.version[0] = DM_VERSION_MAJOR;
	request.head.data_size = sizeof(request);
	request.head.data_start = offsetof(__typeof__(request), spec);
	request.head.target_count = 1;
	snprintf(request.head.name, sizeof(request.head.name), "v%u", number);
	request.spec.sector_start = start;
	request.spec.length = length;
	memcpy(request.spec.target_type, type, sizeof(type));
	snprintf(request.params, sizeof(request.params), "%.*s%08x%s",
		 (int)(mark - line - at), line + at, number, mark + 1);
}

static void load(int control, int gate, unsigned int number, char *line)
{
	long long start;
	char byte;
	int r;

	fill(number, line);
	/* the end of the pipe comes to all at once */
	if (read(gate, &byte, 1) < 0)
		die("gate");
	start = now_ms();
	r = ioctl(control, DM_TABLE_LOAD, &request) ? errno : 0;
	printf("%u %d %lld\n", number, r, now_ms() - start);
	exit(0);
}

int main(int argc, char **argv)
{
	unsigned int first = argc == 3 ? strtoul(argv[1], NULL, 10) : 1;
	unsigned int last = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	char line[1024];
	int gate[2];

	if (last < first)
		return 2;
	if (control < 0 || pipe(gate) || !fgets(line, sizeof(line), stdin))
		die("loader");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (; first <= last; first++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			close(gate[1]);
			load(control, gate[0], first, line);
		}
	}
	close(gate[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}
