// SPDX-License-Identifier: GPL-2.0-or-later
/* See answer.h. */
#include "upcall/answer.h"

#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/op.h"
#include "volume/integrity.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

_Static_assert(sizeof(struct kmsc_payload) == KMSC_PAYLOAD_SIZE,
	       "the payload has no padding");

static key_serial_t watched;
static timer_t timer;
static bool armed;

int answer_take_authority(key_serial_t key)
{
	return keyctl_assume_authority(key) < 0 ? -errno : 0;
}

/*
 * Async-signal-safe: two system calls. When the answer was given already the
 * kernel refuses this one (the authority went with it), and the exit is right
 * all the same.
 */
static void out_of_time(int sig)
{
	(void)sig;
	syscall(SYS_keyctl, KEYCTL_REJECT, watched, KMSC_REJECT_TIMEOUT_S,
		ETIMEDOUT, 0);
	_exit(0);
}

/*
 * The signal goes to this thread: authority belongs to a thread, and those
 * that libraries start have it only by inheritance.
 */
static int make_timer(void)
{
	struct sigaction action = { .sa_handler = out_of_time };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
	};

	event.sigev_notify_thread_id = gettid();
	sigfillset(&action.sa_mask);
	if (sigaction(SIGALRM, &action, NULL) < 0 ||
	    timer_create(CLOCK_BOOTTIME, &event, &timer) < 0)
		return -errno;
	armed = true;
	return 0;
}

int answer_watch(key_serial_t key, uint32_t timeout_ms)
{
	struct itimerspec when = {
		.it_value = {
			.tv_sec = timeout_ms / 1000,
			.tv_nsec = (long)(timeout_ms % 1000) * 1000000L,
		},
	};
	int r;

	watched = key;
	if (!armed) {
		r = make_timer();
		if (r < 0)
			return r;
	}
	return timer_settime(timer, 0, &when, NULL) < 0 ? -errno : 0;
}

/* "type;uid;gid;perm;description" */
static int read_volume(struct op *op, key_serial_t key,
		       struct callout_volume *ret)
{
	_cleanup_free_ char *text = NULL;
	char *p;
	int i;

	if (keyctl_describe_alloc(key, &text) < 0)
		return op_fail(op, -errno, "cannot describe key %d: %s", key,
			       strerror(errno));
	p = text;
	if (strncmp(p, KMSC_KEY_TYPE ";", strlen(KMSC_KEY_TYPE ";")))
		return op_fail(op, -EINVAL, "key %d is not of type %s", key,
			       KMSC_KEY_TYPE);
	for (i = 0; p && i < 4; i++) {
		p = strchr(p, ';');
		if (p)
			p++;
	}
	if (!p || callout_parse_volume(p, ret) < 0)
		return op_fail(op, -EINVAL,
			       "the key's description '%s' is malformed", text);
	return 0;
}

int answer_read(struct op *op, key_serial_t key, struct callout_volume *volume,
		struct callout *callout)
{
	char text[KMSC_CALLOUT_MAX + 1];
	long len;
	int r;

	r = read_volume(op, key, volume);
	if (r < 0)
		return r;
	len = keyctl_read(KEY_SPEC_REQKEY_AUTH_KEY, text, sizeof(text) - 1);
	if (len < 0)
		return op_fail(op, -errno, "cannot read the callout: %s",
			       strerror(errno));
	if ((size_t)len > sizeof(text) - 1 ||
	    callout_parse(text, (size_t)len, callout) < 0)
		return op_fail(op, -EINVAL,
			       "the callout is malformed: helper and kernel "
			       "module are of different versions");
	return 0;
}

int answer_payload(struct op *op, const struct unlock_plan *plan,
		   const struct unlocked *u, struct secret *ret)
{
	const struct header *h = &plan->header;
	const struct capsule *c = &u->capsule;
	struct kmsc_payload *p;
	struct segment s;
	int r;

	r = integrity_view(op, &h->segment, &s);
	if (r == 0)
		r = secret_alloc(ret, sizeof(*p));
	if (r < 0)
		return r;
	p = (struct kmsc_payload *)(void *)ret->data;
	memcpy(p->magic, KMSC_PAYLOAD_MAGIC, sizeof(p->magic));
	p->version = htole16(KMSC_PAYLOAD_VERSION);
	p->total = htole16(sizeof(*p));
	p->key_bytes = htole16((uint16_t)c->key.len);
	p->policy = htole16((uint16_t)u->terms.policy);
	memcpy(p->uuid, h->uuid_bytes, sizeof(p->uuid));
	p->sector_size = htole32(s.sector_size);
	p->desc_flags = htole32(binding_flags(&h->bindings[u->binding]));
	p->iv_tweak = htole64(s.iv_tweak);
	p->seg_offset = htole64(s.offset);
	p->seg_size = htole64(s.size);
	p->lease_s = htole32(u->terms.lease_s);
	p->queue_cap_s = htole32(u->terms.queue_cap_s);
	p->epoch = htole64(c->epoch);
	/* the rest is zero already; both texts end within their arrays */
	memcpy(p->cipher, s.cipher, strlen(s.cipher));
	memcpy(p->integrity, s.integrity, strlen(s.integrity));
	memcpy(p->key, c->key.data, c->key.len);
	return 0;
}

int answer_instantiate(key_serial_t key, const struct secret *payload)
{
	if (keyctl_instantiate(key, payload->data, payload->len, 0) < 0)
		return -errno;
	return 0;
}

void answer_reject(key_serial_t key, int err)
{
	/* fails only when the key was answered already or is gone */
	keyctl_reject(key, KMSC_REJECT_TIMEOUT_S,
		      (unsigned int)error_info(err)->reject, 0);
}
