// SPDX-License-Identifier: GPL-2.0-or-later
/* See state.h. */
#include "volume/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/op.h"
#include "volume/mapping.h"

#define POLL_MS 50

static void word(char ret[STATE_WORD_MAX], const char *value)
{
	snprintf(ret, STATE_WORD_MAX, "%s", value);
}

static void take(struct volume_state *s, const char *name, const char *value)
{
	if (!strcmp(name, "reason"))
		word(s->reason, value);
	else if (!strcmp(name, "on_lock"))
		word(s->on_lock, value);
	else if (!strcmp(name, "error"))
		s->error = atoi(value);
	else if (!strcmp(name, "epoch"))
		s->epoch = strtoull(value, NULL, 10);
	else if (!strcmp(name, "key"))
		s->key = atoi(value);
	else if (!strcmp(name, "lease"))
		s->lease_s = strtoull(value, NULL, 10);
	else if (!strcmp(name, "left"))
		s->left_s = strtoull(value, NULL, 10);
	else if (!strcmp(name, "cap"))
		s->cap_s = strtoull(value, NULL, 10);
	else if (!strcmp(name, "held"))
		s->held = strtoull(value, NULL, 10);
	else if (!strcmp(name, "held_bytes"))
		s->held_bytes = strtoull(value, NULL, 10);
}

int state_parse(const char *text, struct volume_state *ret)
{
	_cleanup_free_ char *copy = strdup(text);
	struct volume_state s = { 0 };
	char *at, *token;

	if (!copy)
		return -ENOMEM;
	token = strtok_r(copy, " ", &at);
	if (!token || strchr(token, '='))
		return -EBADMSG;
	word(s.state, token);
	while ((token = strtok_r(NULL, " ", &at))) {
		char *value = strchr(token, '=');

		if (!value)
			continue;
		*value++ = '\0';
		take(&s, token, value);
	}
	*ret = s;
	return 0;
}

bool state_is(const struct volume_state *s, const char *state)
{
	return !strcmp(s->state, state);
}

int state_read(struct op *op, const char *name, struct volume_state *ret)
{
	_cleanup_free_ char *text = NULL;
	int r = mapping_status(op, name, &text);

	if (!r)
		r = state_parse(text, ret);
	if (r == -EBADMSG)
		return op_fail(op, r, "%s has an odd status", name);
	return r;
}

void state_nap(void)
{
	const struct timespec nap = { .tv_nsec = POLL_MS * 1000000L };

	nanosleep(&nap, NULL);
}

int state_settle(struct op *op, const char *name, struct volume_state *ret)
{
	int r;

	while (!(r = state_read(op, name, ret)) && state_is(ret, "unlocking")) {
		if (op_left_ms(op, 1) < 0)
			return op_fail(op, -ETIMEDOUT,
				       "%s: the KMS has not answered yet; the "
				       "kernel goes on waiting for it",
				       name);
		state_nap();
	}
	return r;
}
