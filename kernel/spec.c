// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a cipher spec. Where dm-crypt would take less, or would leave
 * something aside, we refuse: a spec that means something else than it says is
 * no parity worth having.
 */
#include "spec.h"

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include <uapi/kmscrypt.h>

#define CAPI "capi:"

static char keycount_error[] =
	"Several keys for a volume (keycount) are not supported";

/* The parts of a spec, as NUL-terminated strings; all but @option are there. */
struct parts {
	char text[KMSC_CIPHER_MAX];
	char alg[CRYPTO_MAX_ALG_NAME];
	const char *iv;
	const char *option;
};

/* Known to dm-crypt, and why not to us */
static const struct {
	const char *iv;
	char *error;
} refused[] = {
	{ "lmk",
	  "IV modes lmk and tcw (loop-AES, TrueCrypt) are not supported" },
	{ "tcw",
	  "IV modes lmk and tcw (loop-AES, TrueCrypt) are not supported" },
	{ "elephant",
	  "IV modes elephant and eboiv (BitLocker) are not supported" },
	{ "eboiv",
	  "IV modes elephant and eboiv (BitLocker) are not supported" },
};

static int fail(char **ret_error, char *text)
{
	*ret_error = text;
	return -EINVAL;
}

static int malformed(char **ret_error)
{
	return fail(ret_error,
		    "Cipher must be given as cipher-mode-iv or capi:name-iv");
}

/* <name>-<iv>[:<option>]; a name may hold a "-", a digest too. */
static int split_capi(struct parts *parts, char *text, char **ret_error)
{
	char *cut = strrchr(text, ':');

	if (cut) {
		*cut = '\0';
		parts->option = cut + 1;
	}
	cut = strrchr(text, '-');
	if (!cut || cut == text)
		return malformed(ret_error);
	*cut = '\0';
	parts->iv = cut + 1;
	strscpy(parts->alg, text, sizeof(parts->alg));
	return 0;
}

/* <cipher>[:<keycount>]-<mode>-<iv>[:<option>] */
static int split_plain(struct parts *parts, char *text, char **ret_error)
{
	char *rest = text, *cipher, *keycount, *mode;

	if (strpbrk(text, "()"))
		return malformed(ret_error);
	keycount = strsep(&rest, "-");
	cipher = strsep(&keycount, ":");
	mode = strsep(&rest, "-");
	parts->iv = strsep(&rest, ":");
	parts->option = rest;
	if (!parts->iv || !*cipher || !*mode)
		return malformed(ret_error);
	if (keycount)
		return fail(ret_error, keycount_error);
	/* Fits, as the spec does. A "," is adiantum's: xchacha12,aes */
	snprintf(parts->alg, sizeof(parts->alg), "%s(%s)", mode, cipher);
	return 0;
}

static int split(struct parts *parts, const char *text, char **ret_error)
{
	parts->option = NULL;
	if (strscpy(parts->text, text, sizeof(parts->text)) < 0)
		return malformed(ret_error);
	if (strstarts(text, CAPI))
		return split_capi(parts, parts->text + strlen(CAPI), ret_error);
	return split_plain(parts, parts->text, ret_error);
}

static int set_iv(struct kmsc_spec *spec, const struct parts *parts,
		  char **ret_error)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refused); i++)
		if (!strcmp(parts->iv, refused[i].iv))
			return fail(ret_error, refused[i].error);
	if (kmsc_iv_mode(parts->iv, &spec->iv))
		return fail(ret_error, "IV mode is not supported");
	if (parts->option)
		return fail(ret_error, "IV mode takes no option");
	strscpy(spec->alg, parts->alg, sizeof(spec->alg));
	return 0;
}

static int set_essiv(struct kmsc_spec *spec, const struct parts *parts,
		     char **ret_error)
{
	if (!parts->option || !*parts->option)
		return fail(ret_error,
			    "IV mode essiv needs a digest, as in essiv:sha256");
	spec->iv = KMSC_IV_PLAIN64;
	if (snprintf(spec->alg, sizeof(spec->alg), "essiv(%s,%s)", parts->alg,
		     parts->option) >= (int)sizeof(spec->alg))
		return malformed(ret_error);
	return 0;
}

/**
 * kmsc_spec_parse - read a cipher spec
 * @spec:	filled in
 * @text:	the spec
 * @ret_error:	what is wrong, on failure
 *
 * Return: 0 or -EINVAL. That the kernel has such a cipher is not checked.
 */
int kmsc_spec_parse(struct kmsc_spec *spec, const char *text, char **ret_error)
{
	struct parts parts;
	int r;

	spec->capi = strstarts(text, CAPI);
	/* Anywhere: in a template, or as the name of an implementation */
	if (strstr(text, "cipher_null"))
		return fail(ret_error,
			    "A null cipher is refused: it does not encrypt");
	r = split(&parts, text, ret_error);
	if (r)
		return r;
	if (!strcmp(parts.iv, "essiv"))
		return set_essiv(spec, &parts, ret_error);
	return set_iv(spec, &parts, ret_error);
}
