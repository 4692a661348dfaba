// SPDX-License-Identifier: GPL-2.0-or-later
/* See helper.h. */
#include "volume/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uapi/kmscrypt.h>

#include "base/file.h"
#include "base/text.h"

#define RULE_FILE "kmscrypt.conf"
#define RULE_MAX 65536
#define RULE_WORDS 6
#define ERRNO_MAX 4095
/* The helper ends by itself before; this is for one that hangs. */
#define SPARE_MS 2000

_Static_assert(sizeof(struct helper_answer) <= PIPE_BUF, "one write, whole");

/* "create .kmscrypt * * PROGRAM %k": the program, or NULL */
static char *rule_program(char *line)
{
	char *words[RULE_WORDS], *rest = NULL, *word;
	size_t n = 0;

	for (word = strtok_r(line, " \t", &rest); word && n < RULE_WORDS;
	     word = strtok_r(NULL, " \t", &rest))
		words[n++] = word;
	if (n < 5 || strcmp(words[0], "create") ||
	    strcmp(words[1], KMSC_KEY_TYPE) || words[4][0] != '/')
		return NULL;
	return words[4];
}

int helper_find(struct op *op, char **ret)
{
	_cleanup_free_ char *path =
		file_path(PLACE_RULES, RULE_FILE, NULL, NULL);
	_cleanup_free_ char *text = NULL;
	char *rest = NULL, *line, *program = NULL;
	size_t len;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read(path, RULE_MAX, &text, &len);
	if (r == -ENOENT)
		return r;
	if (r < 0)
		return op_fail(op, r, "%s: %s", path, strerror(-r));
	for (line = strtok_r(text, "\n", &rest); line && !program;
	     line = strtok_r(NULL, "\n", &rest))
		program = rule_program(line);
	if (!program)
		return op_fail(op, -ENOKEY, "%s names no helper for %s", path,
			       KMSC_KEY_TYPE);
	*ret = strdup(program);
	return *ret ? 0 : -ENOMEM;
}

/* In the child: what the kernel gives, and where the tests' machine is. */
static void run(const char *program, const char *entry, int64_t ms, int out)
{
	char root[PATH_MAX + 16], text[24];
	const char *given = getenv("KMSCRYPT_ROOT");
	const char *env[] = { "HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin",
			      given ? root : NULL, NULL };
	const char *argv[] = { program, HELPER_CHECK, entry, text, NULL };

	snprintf(root, sizeof(root), "KMSCRYPT_ROOT=%s", given ?: "");
	snprintf(text, sizeof(text), "%lld", (long long)ms);
	/* execve(2) changes none of the strings; its prototype is older */
	if (dup2(out, STDOUT_FILENO) >= 0)
		execve(program, (char *const *)argv, (char *const *)env);
	/* the parent says what to do about it */
	_exit(127);
}

static int start(const char *program, const char *entry, int64_t ms, pid_t *pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*pid = fork();
	if (*pid == 0)
		run(program, entry, ms, ends[1]);
	close(ends[1]);
	if (*pid < 0) {
		close(ends[0]);
		return -ENOMEM;
	}
	return ends[0];
}

/* Bytes read, at the end or when there is too much; -ETIMEDOUT */
static int take(int fd, struct op *wait, void *buf, size_t size)
{
	size_t at = 0;

	while (at < size) {
		int64_t left = op_left_ms(wait, HELPER_TIMEOUT_MAX_MS);
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (left < 0)
			return (int)left;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, (char *)buf + at, size - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return (int)at;
}

static void clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	text_clean(text);
}

/* It has talked with a server in the meantime, so it is believed little. */
static bool makes_sense(struct helper_answer *a, int got)
{
	if (got != (int)sizeof(*a) || a->magic != HELPER_MAGIC || a->err > 0 ||
	    a->err < -ERRNO_MAX)
		return false;
	clean(a->health.server, sizeof(a->health.server));
	clean(a->health.address, sizeof(a->health.address));
	clean(a->health.warning, sizeof(a->health.warning));
	clean(a->detail, sizeof(a->detail));
	clean(a->next, sizeof(a->next));
	return true;
}

static int failed(struct op *op, const char *program, int got, int status)
{
	op_next(op, "See kmscrypt-upcall(8); the kernel needs it to open "
		    "volumes.");
	if (got == -ETIMEDOUT)
		return op_fail(op, -ENOKEY, "the helper %s does not answer",
			       program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return op_fail(op, -ENOKEY, "the helper %s cannot be started",
			       program);
	if (WIFSIGNALED(status))
		return op_fail(op, -ENOKEY, "the helper %s died of signal %d",
			       program, WTERMSIG(status));
	return op_fail(op, -ENOKEY,
		       "the helper %s gives no answer that makes sense (exit "
		       "%d)",
		       program, WEXITSTATUS(status));
}

int helper_check(struct op *op, const char *program, const char *entry,
		 struct kms_health *ret)
{
	int64_t ms = op_left_ms(op, HELPER_TIMEOUT_MAX_MS);
	struct helper_answer a = { 0 };
	struct op wait;
	int fd, got, status = 0;
	pid_t pid = -1;

	if (ms < 0)
		return (int)ms;
	op_init(&wait, ms + SPARE_MS);
	fd = start(program, entry, ms, &pid);
	if (fd < 0)
		return op_fail(op, -ENOKEY, "cannot start the helper: %s",
			       strerror(-fd));
	got = take(fd, &wait, &a, sizeof(a));
	close(fd);
	if (got == -ETIMEDOUT)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!makes_sense(&a, got))
		return failed(op, program, got, status);
	memcpy(op->detail, a.detail, sizeof(op->detail));
	memcpy(op->next, a.next, sizeof(op->next));
	if (!a.err)
		*ret = a.health;
	return a.err;
}
