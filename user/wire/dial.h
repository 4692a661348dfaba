/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From "host:port" to a connected TCP socket, within op's deadline. Apart from
 * TLS because the sandboxed helper has a child without secrets do this and
 * hand the socket over.
 */
#ifndef _WIRE_DIAL_H
#define _WIRE_DIAL_H

#include <stdbool.h>
#include <stdint.h>

struct op;

#define DIAL_HOST_MAX 256 /* with the NUL */
#define DIAL_PORT_MAX 6
/* Wait at most this long for one step, also when there is no deadline. */
#define DIAL_STEP_MS 30000

struct dial_address {
	char host[DIAL_HOST_MAX]; /* name or address, without brackets */
	char port[DIAL_PORT_MAX]; /* decimal, 1 to 65535 */
};

/**
 * dial_parse() - "host", "host:port", "[v6]", "[v6]:port" or a bare v6
 * @default_port: where there is none
 * Return: 0, or -EINVAL when it is none of these.
 */
int dial_parse(const char *text, const char *default_port,
	       struct dial_address *ret);

/**
 * dial_connect() - resolve and connect; tries what the name resolves to in turn
 *
 * Return: a non-blocking socket (close-on-exec, the caller's to close);
 * -EHOSTUNREACH when there is no such name or nothing accepts, -ETIMEDOUT.
 * The words name the cause, not the address: the caller knows how the user
 * wrote it.
 */
int dial_connect(struct op *op, const struct dial_address *a);

/* Returns what dial_connect() does. */
typedef int (*dial_fn)(struct op *op, const struct dial_address *a);

/**
 * dial_through() - from now on @fn resolves and connects; NULL: not any more
 *
 * For the whole process, whatever the connection is for: it is one that must
 * not, or cannot, make sockets itself.
 */
void dial_through(dial_fn fn);

/** dial_is_direct() - false while dial_through() holds. */
bool dial_is_direct(void);

/**
 * dial_wait() - wait for @events (poll(2)) on @fd
 * Return: 0, -ETIMEDOUT, -errno of poll. No words.
 */
int dial_wait(const struct op *op, int fd, short events);

#endif
