// SPDX-License-Identifier: GPL-2.0-or-later
/* See sandbox.h. */
#include "upcall/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/op.h"
#include "upcall/filter.h"
#include "upcall/netchild.h"
#include "upcall/privilege.h"

#define CONFIG_FILE "helper.json"
#define CONFIG_MAX 4096
/* Address space; a helper that was taken over must not eat up the machine. */
#define MEMORY_MAX (512UL * 1024 * 1024)
/* Of what was opened before only a kept login is ever written. */
#define FILE_MAX_BYTES (256UL * 1024)

/*
 * The kernel starts helpers with no descriptors at all: without this the first
 * device that is opened would be number 2, and a library's complaint would be
 * written onto it.
 */
static int fill_standard_fds(int keep)
{
	int fd;

	if (keep >= 0 && dup2(keep, SANDBOX_KEPT_FD) < 0)
		return -errno;
	if (close_range(0, SANDBOX_KEPT_FD - 1, 0) < 0 ||
	    close_range(SANDBOX_KEPT_FD + (keep >= 0), ~0U, 0) < 0)
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
 * What libraries keep on the ordinary heap must not get to a swap device
 * either. Pages that are never touched cost nothing.
 */
static int lock_memory(void)
{
	static const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &all) < 0 ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		return -errno;
	return 0;
}

/*
 * No PR_SET_PDEATHSIG: the parent is a kernel thread. Who kills the helper is
 * noticed by the kernel, which waits for it.
 */
static int start(int keep)
{
	int r;

	/* also proxies and OpenSSL's configuration: the entry has them */
	clearenv();
	reset_signals();
	umask(077);
	r = fill_standard_fds(keep);
	if (r < 0)
		return r;
	if (chdir("/") < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	r = privilege_find();
	if (r < 0)
		return r;
	r = lock_memory();
	/* by hand it may be in a container, where the kernel's never is */
	return r == -EPERM && keep >= 0 ? 0 : r;
}

int sandbox_start(void)
{
	return start(-1);
}

int sandbox_start_with(int keep)
{
	return start(keep);
}

/* {"sandbox":"required"}, the default, or "optional" */
static int read_config(struct op *op, bool *ret_optional)
{
	_cleanup_json_ struct json_object *config = NULL;
	_cleanup_free_ char *path = NULL;
	char word[16] = "required";
	int r;

	path = file_path(PLACE_CONFIG, CONFIG_FILE, NULL, NULL);
	if (!path)
		return -ENOMEM;
	r = json_read_file(path, CONFIG_MAX, &config);
	if (r == 0)
		r = json_get_string(config, "sandbox", word, sizeof(word));
	if (r == -ENOENT || r == -ENODATA)
		r = 0;
	*ret_optional = strcmp(word, "optional") == 0;
	if (r == 0 && !*ret_optional && strcmp(word, "required"))
		r = -EPROTO;
	/* not EBADMSG, which would speak of the volume */
	return r < 0 ? op_fail(op, -ENOKEY, "%s cannot be used: %s", path,
			       r == -EPROTO ? "malformed" : strerror(-r)) :
		       0;
}

static int no_filter(struct op *op, bool optional)
{
	static const char why[] = "this kernel has no seccomp filters";

	if (optional) {
		log_say(LOG_LEVEL_WARNING,
			"%s: the helper runs without one, as " CONFIG_FILE
			" allows",
			why);
		return 0;
	}
	op_next(op, "Use a kernel with CONFIG_SECCOMP_FILTER, or allow this "
		    "with {\"sandbox\":\"optional\"} in " CONFIG_FILE
		    ", see kmscrypt-upcall(8).");
	return op_fail(op, -ENOKEY, "%s, which the helper's sandbox needs",
		       why);
}

/*
 * The child is worth nothing where the helper can make sockets itself, and
 * libcurl's resolver is then a thread.
 */
static int limit(bool filter)
{
	static const struct rlimit no_process;
	static const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };
	static const struct rlimit file = { FILE_MAX_BYTES, FILE_MAX_BYTES };

	if (setrlimit(RLIMIT_AS, &memory) < 0 ||
	    setrlimit(RLIMIT_FSIZE, &file) < 0)
		return -errno;
	if (!filter) {
		netchild_stop();
		return 0;
	}
	if (setrlimit(RLIMIT_NPROC, &no_process) < 0)
		return -errno;
	return netchild_seal();
}

int sandbox_seal(struct op *op, key_serial_t key)
{
	bool optional, filter = filter_supported();
	int r;

	r = read_config(op, &optional);
	if (r == 0 && !filter)
		r = no_filter(op, optional);
	if (r < 0)
		return r;
	/* for syslog(3), which would read it when it logs */
	tzset();
	r = limit(filter);
	if (r == 0)
		r = privilege_drop();
	if (r == 0 && filter)
		r = filter_helper(key);
	return r < 0 ? op_fail(op, -ENOKEY, "cannot close the sandbox: %s",
			       strerror(-r)) :
		       0;
}
