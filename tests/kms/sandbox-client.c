// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks a KMS from inside the helper's sandbox, for t-sandbox.sh:
 *
 *	sandbox-client OUTPUT PROVIDER ADDRESS KEY CA TOKEN-OR-CERT [CERT-KEY]
 *
 * Two lines, as the sandbox closes standard output into OUTPUT (a FIFO): one
 * for closing it, one for the check, each NAME ERRNO-NAME WORDS. CA "-" is the
 * system's; PROXY in the environment is one; ADDRESS with "!" before it is not allowed to be connected to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/op.h"
#include "base/secret.h"
#include "kms/config.h"
#include "kms/endpoint.h"
#include "kms/kms.h"
#include "upcall/netchild.h"
#include "upcall/sandbox.h"

#define FILE_MAX (256 * 1024)
#define TIMEOUT_MS 10000
#define NO_KEY 1 /* to answer for: there is no upcall here */

static struct generation g = {
	.id = "6f1c1c0e-6b53-4a0e-9a7e-52e0d9b0a003",
	.mount = "transit",
	.mode = WRAP_MODE_GCM,
	.naddresses = 1,
};
static int out = -1;

static void say(const char *name, int r, const struct op *op)
{
	char line[OP_TEXT_MAX + 64];
	int len = snprintf(line, sizeof(line), "%s %s %s\n", name,
			   r ? error_info(r)->name : "OK", op->detail);

	if (write(out, line, (size_t)len) != len)
		exit(3);
}

static int read_all(char **argv, int argc)
{
	size_t len;
	int r = 0;

	if (strcmp(argv[5], "-"))
		r = file_read(argv[5], FILE_MAX, &g.ca_cert, &len);
	if (!r && argc < 8)
		r = secret_read_file(&g.token, argv[6], FILE_MAX, true);
	else if (!r)
		r = file_read(argv[6], FILE_MAX, &g.client_cert, &len) ?:
			    secret_read_file(&g.client_key, argv[7], FILE_MAX,
					     false);
	return r;
}

static int seal(struct op *op, bool allowed)
{
	struct dial_address a;
	int r = endpoint_prepare(op, &g);

	if (!r)
		r = endpoint_address(&g, 0, &a);
	if (!r && allowed)
		r = netchild_allow(&a);
	return r ? r : sandbox_seal(op, NO_KEY);
}

int main(int argc, char **argv)
{
	struct kms_health health;
	struct kms *kms = NULL;
	struct op op;
	bool allowed;
	int r;

	if (argc < 7)
		return 2;
	allowed = *argv[3] != '!';
	g.provider = strcmp(argv[2], "vault") ? KMS_KMIP : KMS_VAULT;
	snprintf(g.addresses[0], CONFIG_ADDRESS_MAX, "%s", argv[3] + !allowed);
	if (getenv("PROXY"))
		snprintf(g.proxy, sizeof(g.proxy), "%s", getenv("PROXY"));
	snprintf(g.key_id, sizeof(g.key_id), "%s", argv[4]);
	r = sandbox_start();
	/* it is the last step, and a container may not allow it */
	if (r == -EPERM)
		r = 0;
	out = open(argv[1], O_WRONLY | O_CLOEXEC);
	op_init(&op, TIMEOUT_MS);
	r = r ?: netchild_start();
	r = r ?: secret_init();
	if (!r)
		(void)secret_hide();
	r = r ?: read_all(argv, argc);
	r = r ?: seal(&op, allowed);
	say("seal", r, &op);
	r = r ?: kms_open(&op, &g, &kms);
	r = r ?: kms_check(&op, kms, &health);
	say("check", r, &op);
	kms_close(kms);
	generation_free(&g);
	return 0;
}
