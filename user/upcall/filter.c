// SPDX-License-Identifier: GPL-2.0-or-later
/* See filter.h. */
#include "upcall/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

/* Descriptors that are there, memory, time, and the end. */
static const int common[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(close),
	SCMP_SYS(eventfd2),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(futex),
	SCMP_SYS(getegid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getpeername),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getuid),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(nanosleep),
	SCMP_SYS(pipe2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(pselect6),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	SCMP_SYS(select),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(sysinfo),
	SCMP_SYS(time),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

/* With files: only what is open already, where a login is kept (/run). */
static const int helper_only[] = {
	SCMP_SYS(flock),   SCMP_SYS(fstat),    SCMP_SYS(ftruncate),
	SCMP_SYS(mlock),   SCMP_SYS(mlock2),   SCMP_SYS(munlock),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(timer_settime),
};

/* What the C library and the modules of nsswitch.conf(5) resolve names with. */
static const int dialer_only[] = {
	SCMP_SYS(access),
	SCMP_SYS(bind), /* netlink, for the order of addresses */
	SCMP_SYS(connect),
	SCMP_SYS(dup),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(fstatfs),
	SCMP_SYS(getcwd),
	SCMP_SYS(getdents64),
	SCMP_SYS(ioctl),
	SCMP_SYS(lseek),
	SCMP_SYS(lstat),
	SCMP_SYS(mmap), /* those modules are libraries */
	SCMP_SYS(mprotect),
	SCMP_SYS(newfstatat),
	SCMP_SYS(pread64),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(rseq),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(socket),
	SCMP_SYS(stat),
	SCMP_SYS(statfs),
	SCMP_SYS(statx),
	SCMP_SYS(uname),
};

/* Keys are int and the kernel looks at no more than that of an argument. */
#define IS(arg, value) \
	SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)(value))
#define WITHOUT(arg, bits) \
	SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, (uint64_t)(bits), 0)

/* Once an error has occurred, further rules do nothing. */
static void allow(scmp_filter_ctx ctx, int *r, int call, unsigned int n,
		  const struct scmp_arg_cmp *args)
{
	if (!*r)
		*r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, n, args);
}

static void allow_all(scmp_filter_ctx ctx, int *r, const int *calls, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		allow(ctx, r, calls[i], 0, NULL);
}

#define ALLOW_ALL(ctx, r, calls) \
	allow_all(ctx, r, calls, sizeof(calls) / sizeof((calls)[0]))
#define ALLOW(ctx, r, call, ...)                                              \
	do {                                                                  \
		const struct scmp_arg_cmp args_[] = { __VA_ARGS__ };          \
		allow(ctx, r, call, sizeof(args_) / sizeof(args_[0]), args_); \
	} while (0)

/* Nothing is linked to a keyring (the fourth argument after the operation). */
static void allow_answer(scmp_filter_ctx ctx, int *r, key_serial_t key)
{
	static const int answers[] = {
		KEYCTL_INSTANTIATE,
		KEYCTL_INSTANTIATE_IOV,
		KEYCTL_REJECT,
	};
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		ALLOW(ctx, r, SCMP_SYS(keyctl), IS(0, answers[i]), IS(1, key),
		      IS(4, 0));
	ALLOW(ctx, r, SCMP_SYS(keyctl), IS(0, KEYCTL_ASSUME_AUTHORITY),
	      IS(1, key));
}

static int start(scmp_filter_ctx *ret)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			     SCMP_ACT_KILL_PROCESS);
	/* all threads, should a library have started one */
	if (!r)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!r)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
	ALLOW_ALL(ctx, &r, common);
	*ret = ctx;
	return r;
}

static int finish(scmp_filter_ctx ctx, int r)
{
	if (!r)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

bool filter_supported(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

int filter_helper(key_serial_t key)
{
	static const int fd_flags[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL };
	scmp_filter_ctx ctx = NULL;
	size_t i;
	int r = start(&ctx);

	if (!ctx)
		return r;
	ALLOW_ALL(ctx, &r, helper_only);
	ALLOW(ctx, &r, SCMP_SYS(mmap), WITHOUT(2, PROT_EXEC));
	ALLOW(ctx, &r, SCMP_SYS(mprotect), WITHOUT(2, PROT_EXEC));
	/* no address: only to whom the descriptor is connected to */
	ALLOW(ctx, &r, SCMP_SYS(sendto), WITHOUT(4, UINT64_MAX));
	/* fstat(3) */
	ALLOW(ctx, &r, SCMP_SYS(newfstatat), IS(3, AT_EMPTY_PATH));
	/* not the ones that send signals or duplicate */
	for (i = 0; i < sizeof(fd_flags) / sizeof(fd_flags[0]); i++)
		ALLOW(ctx, &r, SCMP_SYS(fcntl), IS(1, fd_flags[i]));
	allow_answer(ctx, &r, key);
	/*
	 * Not done either, but libcurl 7.88 and 8.0 call it also for a socket
	 * that is said to be connected, and then find that it is.
	 */
	if (!r)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINPROGRESS),
				     SCMP_SYS(connect), 0);
	return finish(ctx, r);
}

int filter_dialer(void)
{
	const int writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
	scmp_filter_ctx ctx = NULL;
	int r = start(&ctx);

	if (!ctx)
		return r;
	ALLOW_ALL(ctx, &r, dialer_only);
	ALLOW(ctx, &r, SCMP_SYS(open), WITHOUT(1, writing));
	ALLOW(ctx, &r, SCMP_SYS(openat), WITHOUT(2, writing));
	/* to ask for a limit, not to set one */
	ALLOW(ctx, &r, SCMP_SYS(prlimit64), WITHOUT(2, UINT64_MAX));
	/* threads, not processes; clone3 hides that behind a pointer */
	ALLOW(ctx, &r, SCMP_SYS(clone),
	      SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (!r)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
				     SCMP_SYS(clone3), 0);
	return finish(ctx, r);
}
