// SPDX-License-Identifier: GPL-2.0-or-later
/* See check.h. */
#include "upcall/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"
#include "kms/kms.h"
#include "upcall/netchild.h"
#include "upcall/sandbox.h"
#include "upcall/way.h"
#include "volume/helper.h"

/* A key to answer for, for the filter's rules: there is none with this number. */
#define NO_KEY 0x7fffffff

int check_asked(int argc, char **argv)
{
	return argc == 4 && !strcmp(argv[1], HELPER_CHECK);
}

static int check(struct op *op, const char *entry, struct kms_health *ret)
{
	_cleanup_generation_ struct generation g = { 0 };
	_cleanup_kms_ struct kms *kms = NULL;
	int r = secret_init();

	if (!r)
		r = config_current(op, entry, &g);
	if (!r)
		r = way_open(op, &g);
	if (!r)
		r = sandbox_seal(op, NO_KEY);
	r = way_ours(r);
	if (!r)
		r = kms_open(op, &g, &kms);
	return r ? r : kms_check_saved(op, kms, ret);
}

int check_entry(char **argv)
{
	struct helper_answer a = { .magic = HELPER_MAGIC };
	int64_t ms = strtoll(argv[3], NULL, 10);
	struct op op;

	if (ms <= 0 || ms > HELPER_TIMEOUT_MAX_MS)
		return EXIT_WRONG_USAGE;
	/* before the environment goes; the kernel's helper never asks for it */
	file_allow_root();
	op_init(&op, ms);
	a.err = sandbox_start_with(STDOUT_FILENO);
	if (!a.err)
		a.err = netchild_start();
	if (a.err)
		op_fail(&op, a.err, "the helper cannot start: %s",
			strerror(-a.err));
	a.err = way_ours(a.err);
	if (!a.err)
		a.err = check(&op, argv[2], &a.health);
	memcpy(a.detail, op.detail, sizeof(a.detail));
	memcpy(a.next, op.next, sizeof(a.next));
	if (write(SANDBOX_KEPT_FD, &a, sizeof(a)) != (ssize_t)sizeof(a))
		return EXIT_OTHER;
	return a.err ? error_info(a.err)->code : 0;
}
