// SPDX-License-Identifier: GPL-2.0-or-later
/* See dial.h. */
#include "wire/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/op.h"

static dial_fn through;

static int copy(char *to, size_t size, const char *from, size_t len)
{
	if (!len || len >= size || memchr(from, '\0', len))
		return -EINVAL;
	memcpy(to, from, len);
	to[len] = '\0';
	return 0;
}

static bool port_ok(const char *port)
{
	long n;

	if (!*port || strspn(port, "0123456789") != strlen(port))
		return false;
	n = strtol(port, NULL, 10);
	return n >= 1 && n <= 65535;
}

int dial_parse(const char *text, const char *default_port,
	       struct dial_address *ret)
{
	const char *port = default_port, *host = text, *end, *rest;

	if (*text == '[') {
		host = text + 1;
		end = strchr(host, ']');
		if (!end)
			return -EINVAL;
		rest = end + 1;
	} else if (strchr(text, ':') != strrchr(text, ':')) {
		/* Two colons and no brackets: all of it is an address. */
		rest = end = text + strlen(text);
	} else {
		rest = end = text + strcspn(text, ":");
	}
	if (*rest == ':')
		port = rest + 1;
	else if (*rest)
		return -EINVAL;
	if (!port_ok(port) ||
	    copy(ret->host, DIAL_HOST_MAX, host, (size_t)(end - host)))
		return -EINVAL;
	return copy(ret->port, DIAL_PORT_MAX, port, strlen(port));
}

int dial_wait(const struct op *op, int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int r;

	do {
		left = op_left_ms(op, DIAL_STEP_MS);
		if (left < 0)
			return (int)left;
		r = poll(&p, 1, (int)left);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

/* One look-up; freed as a whole unless the resolver's thread still has it. */
struct lookup {
	struct gaicb cb;
	struct addrinfo hints;
	struct dial_address address;
};

static int resolve_failed(struct op *op, const struct dial_address *a, int err)
{
	if (err == EAI_NONAME || err == EAI_NODATA)
		return op_fail(op, -EHOSTUNREACH, "no such host name: %s",
			       a->host);
	return op_fail(op, -EHOSTUNREACH, "the name %s does not resolve: %s",
		       a->host, gai_strerror(err));
}

/*
 * getaddrinfo(3) takes as long as the name servers let it, so a name goes
 * through getaddrinfo_a(3), which can be left. When it cannot be cancelled the
 * few bytes of the look-up belong to its thread for the rest of the process.
 */
static int resolve_name(struct op *op, const struct dial_address *a,
			struct addrinfo **ret)
{
	struct lookup *l = calloc(1, sizeof(*l));
	struct gaicb *list[1];
	struct timespec wait;
	int64_t left = op_left_ms(op, DIAL_STEP_MS);
	int err;

	if (!l)
		return -ENOMEM;
	if (left < 0) {
		free(l);
		return op_fail(op, -ETIMEDOUT, "no time left");
	}
	l->address = *a;
	l->hints.ai_socktype = SOCK_STREAM;
	l->cb.ar_name = l->address.host;
	l->cb.ar_service = l->address.port;
	l->cb.ar_request = &l->hints;
	list[0] = &l->cb;
	wait.tv_sec = left / 1000;
	wait.tv_nsec = left % 1000 * 1000000;
	err = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
	if (!err) {
		do {
			err = gai_suspend((const struct gaicb *const *)list, 1,
					  &wait);
		} while (err == EAI_INTR);
		err = gai_error(&l->cb);
	}
	if (err == EAI_INPROGRESS) {
		if (gai_cancel(&l->cb) == EAI_CANCELED)
			free(l);
		return op_fail(op, -ETIMEDOUT,
			       "the name %s does not resolve in time", a->host);
	}
	*ret = l->cb.ar_result;
	free(l);
	return err ? resolve_failed(op, a, err) : 0;
}

static int resolve(struct op *op, const struct dial_address *a,
		   struct addrinfo **ret)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	int err = getaddrinfo(a->host, a->port, &hints, ret);

	if (!err)
		return 0;
	if (err != EAI_NONAME)
		return resolve_failed(op, a, err);
	return resolve_name(op, a, ret);
}

/* Connected, or -errno of connect(2) */
static int finish_connect(const struct op *op, int fd)
{
	socklen_t len = sizeof(int);
	int err = 0;
	int r = dial_wait(op, fd, POLLOUT);

	if (r)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

static int connect_one(const struct op *op, const struct addrinfo *ai)
{
	const int on = 1;
	int fd, r;

	fd = socket(ai->ai_family,
		    ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    ai->ai_protocol);
	if (fd < 0)
		return -errno;
	/* Small requests, and each waits for its answer. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	r = connect(fd, ai->ai_addr, ai->ai_addrlen) < 0 ? -errno : 0;
	if (r == -EINPROGRESS)
		r = finish_connect(op, fd);
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}

static int connect_failed(struct op *op, int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return op_fail(op, err, "no connection in time");
	case -ECONNREFUSED:
		return op_fail(op, -EHOSTUNREACH, "connection refused");
	default:
		return op_fail(op, -EHOSTUNREACH, "%s", strerror(-err));
	}
}

/* What is left for each of @n addresses, so that a dead one cannot take all */
static void share_deadline(const struct op *op, struct op *part, size_t n)
{
	int64_t left = op_left_ms(op, DIAL_STEP_MS);

	op_init(part, left > 0 ? left / (int64_t)n + 1 : 1);
}

static int connect_directly(struct op *op, const struct dial_address *a)
{
	struct addrinfo *list, *ai;
	int r = resolve(op, a, &list);
	struct op part;
	size_t n = 0;

	if (r)
		return r;
	for (ai = list; ai; ai = ai->ai_next)
		n++;
	r = -EHOSTUNREACH;
	for (ai = list; ai; ai = ai->ai_next, n--) {
		share_deadline(op, &part, n);
		r = connect_one(&part, ai);
		if (r >= 0)
			break;
	}
	freeaddrinfo(list);
	return r >= 0 ? r : connect_failed(op, r);
}

int dial_connect(struct op *op, const struct dial_address *a)
{
	return through ? through(op, a) : connect_directly(op, a);
}

void dial_through(dial_fn fn)
{
	through = fn;
}

bool dial_is_direct(void)
{
	return !through;
}
