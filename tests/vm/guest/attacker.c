// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A helper that was taken over. Linked with the very objects of
 * kmscrypt-upcall into kmscrypt-upcall-attacker, which is never installed:
 * between closing the sandbox and asking the KMS (the linker's --wrap) it tries
 * what it must not be able to, and then goes on.
 *
 * /run/attack/plan says how: MODE PID KEY KEYRING PORT DEVICE, MODE being
 *	sealed	the sandbox as it is
 *	open	without it: all must succeed, or the test proves nothing
 *	stuck	it does nothing any more
 *	holding	the same, but once it has the volume key
 * A file /run/attack/blind makes it a kernel without seccomp.
 *
 * The kernel's log gets "attacker: MODE: allowed: NAME... denied: NAME...".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/op.h"
#include "upcall/filter.h"
#include "upcall/netchild.h"
#include "upcall/sandbox.h"
#include "volume/unlock.h"
#include "wire/dial.h"

#define ROOM "/run/attack/" /* everybody's, and what is in it */
#define VICTIM "/etc/kmscrypt/credentials/victim/token"
#define HUGE (4UL << 30)

static struct {
	char mode[16];
	int pid, key, ring, port;
	char device[64];
} plan;

static int log_fd = -1, udp = -1, tcp = -1;
static char allowed[900], denied[900];

int __real_sandbox_seal(struct op *op, key_serial_t key);
int __wrap_sandbox_seal(struct op *op, key_serial_t key);
int __real_unlock_run(struct op *op, const struct unlock_plan *p,
		      struct unlocked *ret);
int __wrap_unlock_run(struct op *op, const struct unlock_plan *p,
		      struct unlocked *ret);
bool __real_filter_supported(void);
bool __wrap_filter_supported(void);

static void note(char *list, const char *name)
{
	size_t at = strlen(list);

	snprintf(list + at, sizeof(allowed) - at, " %s", name);
}

/* Whatever else went wrong, it was not refused. */
static void result(const char *name, long r)
{
	bool refused = r < 0 && (errno == EPERM || errno == EACCES);

	note(refused ? denied : allowed, name);
	errno = 0;
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags, 0666);

	if (fd >= 0)
		close(fd);
	return fd;
}

static void try_files(void)
{
	char memory[32];

	snprintf(memory, sizeof(memory), "/proc/%d/mem", plan.pid);
	result("credentials", opened(VICTIM, O_RDONLY));
	result("device", opened(plan.device, O_RDONLY));
	result("public-file", opened("/etc/passwd", O_RDONLY));
	result("process-memory", opened(memory, O_RDONLY));
	result("openat2", syscall(SYS_openat2, AT_FDCWD, ROOM, NULL, 0));
	result("write", opened(ROOM "old", O_WRONLY));
	result("create", opened(ROOM "new", O_WRONLY | O_CREAT));
	result("rename", rename(ROOM "old", ROOM "newer"));
	result("link", link(ROOM "newer", ROOM "old"));
	result("unlink", unlink(ROOM "newer"));
	result("mkdir", mkdir(ROOM "folder", 0777));
	result("symlink", symlink("/", ROOM "symlink"));
	result("chmod", chmod(ROOM "old", 0600));
	result("stat", access(ROOM "old", F_OK));
	result("chdir", chdir(ROOM));
	result("memfd", syscall(SYS_memfd_create, "x", 0));
}

static long try_socket(int family, int type)
{
	return syscall(SYS_socket, family, type, 0);
}

static int dial(bool allow)
{
	struct dial_address a = { .host = "127.0.0.1" };
	struct op op;
	int fd;

	snprintf(a.port, sizeof(a.port), "%d", plan.port);
	op_init(&op, 3000);
	fd = !allow || netchild_allow(&a) == 0 ? dial_connect(&op, &a) : -1;
	if (fd < 0) /* the child refuses in words, or is gone */
		errno = EACCES;
	return fd;
}

/* The filter says of connect(2) that it is under way: look. */
static int has_peer(int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int r = getpeername(fd, (struct sockaddr *)&peer, &len);

	if (r < 0 && errno == ENOTCONN)
		errno = EACCES;
	return r;
}

static void try_network(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)plan.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to) };
	int pair[2];

	result("socket-inet", try_socket(AF_INET, SOCK_STREAM));
	result("socket-inet6", try_socket(AF_INET6, SOCK_DGRAM));
	result("socket-unix", try_socket(AF_UNIX, SOCK_STREAM));
	result("socket-netlink", try_socket(AF_NETLINK, SOCK_RAW));
	result("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	/* with sockets from before the sandbox */
	syscall(SYS_connect, tcp, (struct sockaddr *)&to, sizeof(to));
	result("connect", has_peer(tcp));
	result("sendto",
	       sendto(udp, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
	result("sendmsg", sendmsg(udp, &msg, 0));
	result("bind", bind(udp, (struct sockaddr *)&to, sizeof(to)));
	result("listen", listen(tcp, 1));
	result("setown", fcntl(tcp, F_SETOWN, plan.pid));
	/* only what has an address in the entry is connected to */
	if (strcmp(plan.mode, "open"))
		result("dial", dial(false));
	else
		note(allowed, "dial");
	result("allow-and-dial", dial(true));
}

static void *nothing(void *arg)
{
	return arg;
}

static long forked(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return pid;
}

static long threaded(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, nothing, NULL);

	if (r) {
		/* glibc says EAGAIN when there is no room, else the kernel's */
		errno = r;
		return -1;
	}
	pthread_join(thread, NULL);
	return 0;
}

static void try_processes(void)
{
	static char *const none[] = { NULL };
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)4096, 1 };

	result("fork", forked());
	result("thread", threaded());
	result("execve", execve("/nowhere", none, none));
	result("execveat",
	       syscall(SYS_execveat, AT_FDCWD, "/nowhere", none, none, 0));
	result("kill", kill(plan.pid, 0));
	result("tgkill", syscall(SYS_tgkill, plan.pid, plan.pid, 0));
	result("sigqueue",
	       syscall(SYS_rt_sigqueueinfo, plan.pid, 0, (void *)8));
	result("pidfd", syscall(SYS_pidfd_open, plan.pid, 0));
	result("read-memory",
	       syscall(SYS_process_vm_readv, plan.pid, &here, 1, &there, 1, 0));
	result("ptrace", ptrace(PTRACE_SEIZE, plan.pid, NULL, NULL));
}

static long keyctl_(int what, long a, long b, long c, long d)
{
	return syscall(SYS_keyctl, what, a, b, c, d);
}

/* The key and the keyring allow everything to everybody. */
static void try_keys(void)
{
	const int key = plan.key, ring = plan.ring;
	char buf[64];

	result("key-describe", keyctl_(KEYCTL_DESCRIBE, key, (long)buf, 64, 0));
	result("key-read", keyctl_(KEYCTL_READ, key, (long)buf, 64, 0));
	result("key-search",
	       keyctl_(KEYCTL_SEARCH, ring, (long)"user", (long)"victim", 0));
	result("key-update", keyctl_(KEYCTL_UPDATE, key, (long)"x", 1, 0));
	result("key-link",
	       keyctl_(KEYCTL_LINK, key, KEY_SPEC_SESSION_KEYRING, 0, 0));
	result("key-setperm", keyctl_(KEYCTL_SETPERM, key, 0x3f3f3f3f, 0, 0));
	result("key-timeout", keyctl_(KEYCTL_SET_TIMEOUT, key, 1000, 0, 0));
	result("callout", keyctl_(KEYCTL_READ, KEY_SPEC_REQKEY_AUTH_KEY,
				  (long)buf, 64, 0));
	result("session-read", keyctl_(KEYCTL_READ, KEY_SPEC_SESSION_KEYRING,
				       (long)buf, 64, 0));
	result("add-key",
	       syscall(SYS_add_key, "user", "another", "x", 1, ring));
	result("request-key",
	       syscall(SYS_request_key, "user", "victim", NULL, 0));
	result("key-revoke", keyctl_(KEYCTL_REVOKE, key, 0, 0, 0));
	result("ring-clear", keyctl_(KEYCTL_CLEAR, ring, 0, 0, 0));
	result("join-session",
	       keyctl_(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0));
}

static long map(size_t size, int protection)
{
	void *p = mmap(NULL, size, protection,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED && errno == ENOMEM)
		errno = EPERM;
	return p == MAP_FAILED ? -1 : 0;
}

static void try_rights(void)
{
	static char page[8192];
	void *aligned = (void *)(((uintptr_t)page + 4095) & ~4095UL);
	struct rlimit limit = { 100, 100 };

	result("become-root", setresuid(0, 0, 0));
	result("prctl", prctl(PR_SET_DUMPABLE, 0));
	result("setrlimit", setrlimit(RLIMIT_NPROC, &limit));
	result("map-code", map(4096, PROT_READ | PROT_EXEC));
	result("make-code", mprotect(aligned, 4096, PROT_READ | PROT_EXEC));
	result("huge-memory", map(HUGE, PROT_READ | PROT_WRITE));
	result("bpf", syscall(SYS_bpf, 0, NULL, 0));
	result("io-uring", syscall(SYS_io_uring_setup, 1, NULL));
	result("mount", mount(ROOM, ROOM, NULL, MS_BIND, NULL));
	result("unshare", unshare(CLONE_NEWNS));
}

/*
 * What was opened before is usable after: files and devices are a find. Not
 * /dev/random, which libcryptsetup holds.
 */
static void look_for_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	char path[300], target[64];
	struct dirent *d;
	ssize_t n;

	while (dir && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%s", d->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, "/dev/null") && !strstr(target, "random") &&
		    strcmp(target, "/dev/kmsg") &&
		    strncmp(target, "/proc/", 6) &&
		    strncmp(target, "socket:", 7)) {
			snprintf(path, sizeof(path), "descriptor:%s", target);
			note(allowed, path);
		}
	}
	if (dir)
		closedir(dir);
}

static void read_plan(void)
{
	FILE *f = fopen(ROOM "plan", "re");

	if (!f || fscanf(f, "%15s %d %d %d %d %63s", plan.mode, &plan.pid,
			 &plan.key, &plan.ring, &plan.port, plan.device) != 6)
		abort();
	fclose(f);
}

bool __wrap_filter_supported(void)
{
	return access(ROOM "blind", F_OK) < 0 && __real_filter_supported();
}

int __wrap_sandbox_seal(struct op *op, key_serial_t key)
{
	read_plan();
	look_for_descriptors();
	log_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	if (!strcmp(plan.mode, "open"))
		return 0;
	return __real_sandbox_seal(op, key);
}

static void report(const char *what, const char *names)
{
	char record[960];
	int len = snprintf(record, sizeof(record), "<28>attacker: %s: %s:%s.\n",
			   plan.mode, what, names);

	if (write(log_fd, record, (size_t)len) != len)
		abort();
}

int __wrap_unlock_run(struct op *op, const struct unlock_plan *p,
		      struct unlocked *ret)
{
	while (!strcmp(plan.mode, "stuck"))
		poll(NULL, 0, -1);
	if (!strcmp(plan.mode, "holding")) {
		int r = __real_unlock_run(op, p, ret);

		report("answer", r < 0 ? " none" : " a key");
		for (;;)
			poll(NULL, 0, -1);
	}
	try_files();
	try_network();
	try_processes();
	try_keys();
	try_rights();
	report("allowed", allowed);
	report("denied", denied);
	return __real_unlock_run(op, p, ret);
}
