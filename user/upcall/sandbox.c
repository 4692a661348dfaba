// SPDX-License-Identifier: GPL-2.0-or-later
/* See sandbox.h. */
#include "upcall/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/op.h"

/*
 * The kernel starts helpers with no descriptors at all: without this the first
 * device that is opened would be number 2, and a library's complaint would be
 * written onto it.
 */
static int fill_standard_fds(void)
{
	int fd;

	if (close_range(0, ~0U, 0) < 0)
		return -errno;
	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -errno;
	} while (fd < 2);
	return 0;
}

static void reset_signals(void)
{
	sigset_t none;
	int i;

	/* SIGKILL, SIGSTOP and the C library's own are refused: fine */
	for (i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	/* a KMS that hangs up is an error and not the end */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * No PR_SET_PDEATHSIG: the parent is a kernel thread. Who kills the helper is
 * noticed by the kernel, which waits for it.
 */
int sandbox_start(void)
{
	int r;

	/* also proxies and OpenSSL's configuration: the entry has them */
	clearenv();
	reset_signals();
	umask(077);
	r = fill_standard_fds();
	if (r < 0)
		return r;
	if (chdir("/") < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int sandbox_seal(struct op *op)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* the inheritable and ambient sets go with the permitted one */
	if (syscall(SYS_capset, &header, data) < 0)
		return op_fail(op, -errno, "cannot drop capabilities: %s",
			       strerror(errno));
	return 0;
}
