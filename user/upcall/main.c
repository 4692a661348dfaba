// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kmscrypt-upcall: the helper that the kernel starts, through
 * /sbin/request-key, to get the key of a volume. See kmscrypt-upcall(8) and
 * the contract in include/uapi/kmscrypt.h.
 *
 * Order: authority, a known state, the child that connects, watchdog; then
 * everything that is read from this machine; then the sandbox; then the KMS.
 * One answer, at once followed by the end of the process (the kernel waits for
 * it).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/op.h"
#include "base/secret.h"
#include "upcall/answer.h"
#include "upcall/callout.h"
#include "upcall/check.h"
#include "upcall/netchild.h"
#include "upcall/sandbox.h"
#include "upcall/way.h"
#include "volume/device.h"
#include "volume/registry.h"
#include "volume/unlock.h"

#define NAME "kmscrypt-upcall"
/* Our own deadlines end before the watchdog's, which knows no reasons. */
#define SPARE_MS(timeout) ((timeout) / 20 < 500 ? (timeout) / 20 : 500)
/* What logging may take once the kernel has its answer. */
#define LINGER_MS 1000
#define LINE_MAX_LEN 1280
#define KMSG_MAX 960 /* the kernel refuses longer records */

/* The kernel's log, where there is no syslog daemon; else -1. */
static int kernel_log = -1;

/*
 * One write(2), as /dev/kmsg takes it; dprintf(3) seeks first, which that
 * refuses. 27: facility daemon, level error.
 */
static void say_to_kernel(const char *line)
{
	char record[KMSG_MAX];
	int len;

	len = snprintf(record, sizeof(record), "<27>%s[%d]: %s", NAME, getpid(),
		       line);
	if (len >= (int)sizeof(record))
		len = sizeof(record) - 1;
	if (write(kernel_log, record, (size_t)len) < 0)
		return; /* there is no third place */
}

static void say(const struct op *op, int err, const struct callout_volume *v)
{
	const struct error_info *info = error_info(err);
	char line[LINE_MAX_LEN];

	snprintf(line, sizeof(line), "volume %s on %u:%u: %s [%s]. %s", v->uuid,
		 v->major, v->minor, op->detail[0] ? op->detail : info->message,
		 info->name, op->next[0] ? op->next : info->next);
	log_say(LOG_LEVEL_ERROR, "%s", line);
	if (kernel_log >= 0)
		say_to_kernel(line);
}

/*
 * Before the sandbox, which opens nothing. Without a syslog daemon (initramfs,
 * small containers) lines go to the kernel's log.
 */
static void open_logs(void)
{
	log_open(NAME, true);
	if (access("/dev/log", F_OK) < 0)
		kernel_log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

/*
 * The device that has the header: the table's, or, where the table has
 * integrity tags, the one beneath the table's, which is dm-integrity's. That
 * the table is right in this is not assumed: the header says it too.
 */
static int find_device(struct op *op, const struct callout_volume *v,
		       const struct callout *c, char ret[DEVICE_PATH_MAX])
{
	dev_t dev = makedev(v->major, v->minor);
	int r = 0;

	if (*c->req.integrity)
		r = device_beneath(op, dev, &dev);
	return r ? r : device_find(op, dev, ret);
}

/* The header is on the device itself unless root has said otherwise. */
static int find_header(struct op *op, const char *uuid,
		       struct registry_volume *record, const char **ret)
{
	int r;

	*ret = NULL;
	r = registry_load(op, uuid, record);
	if (r == -ENOENT) {
		op_clear(op);
		return 0;
	}
	if (r == 0 && record->header[0])
		*ret = record->header;
	return r;
}

/*
 * All that asking the plan's KMSs will need, before files are out of reach.
 * One that cannot be had does not take the others down.
 */
static int open_ways(struct op *op, struct unlock_plan *plan)
{
	struct op words = *op;
	bool usable = false;
	int r = 0;
	size_t i;

	for (i = 0; i < plan->n; i++) {
		struct unlock_candidate *c = &plan->candidates[i];

		if (c->err)
			continue;
		c->err = way_open(&words, &c->generation);
		if (c->err == 0)
			usable = true;
		else
			r = c->err;
	}
	if (usable)
		return 0;
	*op = words;
	return r;
}

static int get_key(struct op *op, key_serial_t key,
		   const struct callout_volume *v, const struct callout *c,
		   struct secret *ret)
{
	_cleanup_unlocked_ struct unlocked unlocked = { 0 };
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	struct registry_volume record;
	char device[DEVICE_PATH_MAX];
	struct luks_place place = { .device = device };
	int r;

	r = find_device(op, v, c, device);
	if (r == 0)
		r = find_header(op, v->uuid, &record, &place.header);
	if (r == 0)
		r = unlock_prepare(op, &place, v->uuid, &c->req, 0, &plan);
	if (r == 0)
		r = open_ways(op, &plan);
	if (r == 0)
		r = sandbox_seal(op, key);
	r = way_ours(r);
	if (r == 0)
		r = unlock_run(op, &plan, &unlocked);
	return r < 0 ? r : answer_payload(op, &plan, &unlocked, ret);
}

static int serve(struct op *op, key_serial_t key, struct callout_volume *volume)
{
	_cleanup_secret_ struct secret payload = SECRET_EMPTY;
	struct callout callout;
	int r;

	r = answer_read(op, key, volume, &callout);
	if (r == 0)
		r = answer_watch(key, callout.timeout_ms);
	if (r < 0)
		return r;
	op_init(op, callout.timeout_ms - SPARE_MS(callout.timeout_ms));
	r = get_key(op, key, volume, &callout, &payload);
	if (r < 0)
		return r;
	r = answer_instantiate(key, &payload);
	if (r < 0)
		return op_fail(op, -ENOKEY,
			       "the kernel does not take the key: %s",
			       strerror(-r));
	return 0;
}

static int answer(key_serial_t key)
{
	struct callout_volume volume = { .uuid = "(unknown)" };
	struct op op;
	int r;

	op_init(&op, KMSC_TIMEOUT_DEFAULT_MS);
	r = answer_watch(key, KMSC_TIMEOUT_DEFAULT_MS);
	if (r == 0)
		r = way_ours(secret_init());
	/* where there is no such memory, it is locked at least */
	if (r == 0)
		(void)secret_hide();
	if (r == 0)
		r = serve(&op, key, &volume);
	if (r == 0)
		return 0;
	answer_reject(key, r);
	/* too late for another answer, but not for the exit */
	(void)answer_watch(key, LINGER_MS);
	say(&op, r, &volume);
	return error_info(r)->code;
}

static int parse_serial(const char *text, key_serial_t *ret)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (errno || *end || end == text || v <= 0 || v > INT_MAX)
		return -EINVAL;
	*ret = (key_serial_t)v;
	return 0;
}

int main(int argc, char **argv)
{
	key_serial_t key;
	int r;

	if (check_asked(argc, argv))
		return check_entry(argv);
	if (argc != 2 || parse_serial(argv[1], &key) < 0 ||
	    answer_take_authority(key) < 0) {
		log_open(NAME, false);
		log_say(LOG_LEVEL_ERROR,
			"this is run by /sbin/request-key only, when the "
			"kernel needs the key of a volume; see "
			"kmscrypt-upcall(8)");
		return EXIT_WRONG_USAGE;
	}
	r = sandbox_start();
	if (r == 0)
		r = netchild_start();
	open_logs();
	if (r < 0) {
		log_say(LOG_LEVEL_ERROR, "cannot start: %s", strerror(-r));
		answer_reject(key, -ENOKEY);
		return EXIT_OTHER;
	}
	return answer(key);
}
