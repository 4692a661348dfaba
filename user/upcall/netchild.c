// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See netchild.h. Each side takes the other for hostile: the parent parses what
 * a KMS says, the child what name servers say.
 */
#include "upcall/netchild.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <keyutils.h>

#include "base/op.h"
#include "upcall/filter.h"
#include "upcall/privilege.h"
#include "wire/dial.h"

#define NAME "kmscrypt-dialer" /* in ps(1), at most 15 characters */
#define CHILD_FD 3
/* The child gives up this much earlier, so that its words arrive. */
#define SPARE_MS 50

enum request_type { REQUEST_ALLOW, REQUEST_SEAL, REQUEST_DIAL };

struct request {
	uint32_t type;
	uint32_t seq;
	int64_t timeout_ms;
	struct dial_address address;
};

/* To REQUEST_DIAL only; with a descriptor when err is 0. */
struct reply {
	uint32_t seq;
	int32_t err; /* 0, -EHOSTUNREACH, -ETIMEDOUT */
	char words[OP_TEXT_MAX];
};

static int channel = -1;

/* --- the child ----------------------------------------------------------- */

static struct dial_address allowed[NETCHILD_ADDRESSES_MAX];
static size_t nallowed;
static bool sealed;

static bool is_allowed(const struct dial_address *a)
{
	size_t i;

	for (i = 0; i < nallowed; i++)
		if (!strcmp(allowed[i].host, a->host) &&
		    !strcmp(allowed[i].port, a->port))
			return true;
	return false;
}

static int give(const struct reply *reply, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = {
		.iov_base = (void *)reply,
		.iov_len = sizeof(*reply),
	};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(CHILD_FD, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int dial(const struct request *q)
{
	struct reply reply = { .seq = q->seq };
	struct op op;
	int fd, r;

	op_init(&op, q->timeout_ms > SPARE_MS ? q->timeout_ms - SPARE_MS : 1);
	if (is_allowed(&q->address))
		fd = dial_connect(&op, &q->address);
	else
		fd = op_fail(&op, -EHOSTUNREACH,
			     "%s port %s is no address of the KMS entry",
			     q->address.host, q->address.port);
	if (fd < 0)
		reply.err = fd;
	memcpy(reply.words, op.detail, sizeof(reply.words));
	r = give(&reply, fd);
	if (fd >= 0)
		close(fd);
	return r;
}

static int serve_one(struct request *q)
{
	q->address.host[DIAL_HOST_MAX - 1] = '\0';
	q->address.port[DIAL_PORT_MAX - 1] = '\0';
	switch (q->type) {
	case REQUEST_ALLOW:
		if (sealed || nallowed == NETCHILD_ADDRESSES_MAX)
			return -EPERM;
		allowed[nallowed++] = q->address;
		return 0;
	case REQUEST_SEAL:
		sealed = true;
		return 0;
	case REQUEST_DIAL:
		return dial(q);
	}
	return -EINVAL;
}

/*
 * The authority to answer is a credential, inherited like others, and the key
 * that gives it is in the session keyring.
 */
static int forget_keys(void)
{
	if (keyctl_assume_authority(0) < 0 ||
	    keyctl_join_session_keyring(NULL) < 0)
		return -errno;
	return 0;
}

static int confine(int fd, pid_t parent)
{
	static const struct rlimit no_file;
	int r;

	if (dup2(fd, CHILD_FD) < 0 || close_range(CHILD_FD + 1, ~0U, 0) < 0 ||
	    prctl(PR_SET_NAME, NAME) < 0)
		return -errno;
	if (setrlimit(RLIMIT_FSIZE, &no_file) < 0)
		return -errno;
	r = forget_keys();
	if (!r)
		r = privilege_drop();
	if (r < 0)
		return r;
	/* after the change of user, which takes it back */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return -ESRCH;
	/* whether one without is good enough the parent decides */
	return filter_supported() ? filter_dialer() : 0;
}

static void __attribute__((noreturn)) child(int fd, pid_t parent)
{
	struct request q;
	ssize_t n;

	if (confine(fd, parent) < 0)
		_exit(1);
	do {
		n = recv(CHILD_FD, &q, sizeof(q), 0);
	} while (n == sizeof(q) && serve_one(&q) == 0);
	_exit(0);
}

/* --- the parent ---------------------------------------------------------- */

static int ask(struct op *op, const struct request *q)
{
	if (send(channel, q, sizeof(*q), MSG_NOSIGNAL) == sizeof(*q))
		return 0;
	return op_fail(op, -EHOSTUNREACH,
		       "the process that makes connections is gone");
}

/* The descriptor, or -1 when there is none. */
static int take_fd(struct msghdr *msg)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(msg);
	int fd;

	if (!head || head->cmsg_level != SOL_SOCKET ||
	    head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

/* Whom it leads to TLS finds out; here: is it of the kind to do TLS over? */
static bool is_stream(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int), peer_len = sizeof(peer);
	int type = 0, flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_NONBLOCK) &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_STREAM &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
	       (peer.ss_family == AF_INET || peer.ss_family == AF_INET6);
}

static ssize_t receive(struct reply *reply, int *fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = reply, .iov_len = sizeof(*reply) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	*fd = -1;
	do {
		n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		*fd = take_fd(&msg);
	return n;
}

static int accept_reply(struct op *op, struct reply *reply, int fd)
{
	reply->words[OP_TEXT_MAX - 1] = '\0';
	if (reply->err) {
		if (fd >= 0)
			close(fd);
		return op_fail(op,
			       reply->err == -ETIMEDOUT ? -ETIMEDOUT :
							  -EHOSTUNREACH,
			       "%s", reply->words);
	}
	if (fd >= 0 && is_stream(fd))
		return fd;
	if (fd >= 0)
		close(fd);
	return op_fail(op, -EHOSTUNREACH,
		       "the process that makes connections gave none");
}

/* A dial_fn. */
static int dial_by_child(struct op *op, const struct dial_address *a)
{
	static uint32_t seq;
	struct request q = {
		.type = REQUEST_DIAL,
		.seq = seq,
		.timeout_ms = op_left_ms(op, DIAL_STEP_MS),
		.address = *a,
	};
	struct reply reply;
	int fd, r;

	seq++;
	r = ask(op, &q);
	while (!r) {
		r = dial_wait(op, channel, POLLIN);
		if (r == -ETIMEDOUT)
			return op_fail(op, r, "no connection in time");
		if (r || receive(&reply, &fd) != sizeof(reply))
			return op_fail(op, -EHOSTUNREACH,
				       "the process that makes connections is "
				       "gone");
		if (reply.seq == q.seq)
			return accept_reply(op, &reply, fd);
		/* late, for a question that was given up */
		if (fd >= 0)
			close(fd);
	}
	return r;
}

int netchild_start(void)
{
	int pair[2];
	pid_t parent = getpid(), pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(pair[1], parent);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -ENOMEM;
	}
	channel = pair[0];
	dial_through(dial_by_child);
	return 0;
}

static int tell(enum request_type type, const struct dial_address *a)
{
	struct request q = { .type = type };

	if (a)
		q.address = *a;
	return send(channel, &q, sizeof(q), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int netchild_allow(const struct dial_address *a)
{
	return tell(REQUEST_ALLOW, a);
}

int netchild_seal(void)
{
	return tell(REQUEST_SEAL, NULL);
}

void netchild_stop(void)
{
	dial_through(NULL);
	close(channel);
	channel = -1;
}
