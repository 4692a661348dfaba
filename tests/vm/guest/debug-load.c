// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads a table again and again; each time another allocation fails, the
 * first, the second and so on, until none is left that could.
 *
 * usage: debug-load NAME SECTORS TARGET PARAMETERS
 *
 * The device NAME is made and removed. Prints "faults=N refused=N"; the status
 * is 0 if a fault has ever refused the table and the load without one worked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FAULTS_MAX 5000

static int control, nth;
static const char *name;

static struct {
	struct dm_ioctl dm;
	struct dm_target_spec target;
	char params[1024];
} arg;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void arg_init(void)
{
	memset(&arg, 0, sizeof(arg));
	arg.dm.version[0] = DM_VERSION_MAJOR;
	arg.dm.data_size = sizeof(arg);
	arg.dm.data_start = sizeof(arg.dm);
	strncpy(arg.dm.name, name, DM_NAME_LEN - 1);
}

static void simple(unsigned long command, const char *what)
{
	arg_init();
	if (ioctl(control, command, &arg))
		die(what);
}

static void nth_set(unsigned int n)
{
	char text[16];

	sprintf(text, "%u", n);
	if (pwrite(nth, text, strlen(text), 0) < 0)
		die("fail-nth");
}

static unsigned int nth_left(void)
{
	char text[16] = "";

	if (pread(nth, text, sizeof(text) - 1, 0) < 1)
		die("fail-nth");
	return atoi(text);
}

/* Returns errno; @ret_left is 0 if something has failed on purpose. */
static int load(char **argv, unsigned int n, unsigned int *ret_left)
{
	int r;

	arg_init();
	arg.dm.target_count = 1;
	arg.target.length = strtoull(argv[2], NULL, 10);
	strncpy(arg.target.target_type, argv[3], DM_MAX_TYPE_NAME - 1);
	strncpy(arg.params, argv[4], sizeof(arg.params) - 1);
	arg.target.next = sizeof(arg.target) + sizeof(arg.params);
	nth_set(n);
	r = ioctl(control, DM_TABLE_LOAD, &arg) ? errno : 0;
	*ret_left = nth_left();
	nth_set(0);
	if (!r)
		simple(DM_TABLE_CLEAR, "clear");
	return r;
}

int main(int argc, char **argv)
{
	unsigned int n, left = 0, refused = 0;
	int r = 0;

	if (argc != 5)
		return 2;
	name = argv[1];
	control = open("/dev/mapper/control", O_RDWR);
	nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (control < 0 || nth < 0)
		die("open");
	simple(DM_DEV_CREATE, "create");
	/* whatever is only allocated the first time */
	r = load(argv, 0, &left);
	for (n = 1; !r && n < FAULTS_MAX; n++) {
		r = load(argv, n, &left);
		if (left)
			break;
		if (r && r != ENOMEM)
			fprintf(stderr, "fault %u: %s\n", n, strerror(r));
		refused += r != 0;
		r = 0;
	}
	simple(DM_DEV_REMOVE, "remove");
	printf("faults=%u refused=%u\n", n - 1, refused);
	if (r || !left)
		fprintf(stderr, "without a fault: %s\n", strerror(r));
	return r || !left || !refused;
}
