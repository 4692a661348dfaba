/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cipher spec, taken apart: dm-crypt's two grammars
 *
 *   <cipher>-<mode>-<iv>[:<digest>]	aes-xts-plain64, aes-cbc-essiv:sha256
 *   capi:<name>-<iv>[:<digest>]	capi:xts(aes)-plain64
 *
 * What ti->error can say because of the spec alone:
 *
 *   Cipher must be given as cipher-mode-iv or capi:name-iv
 *   A null cipher is refused: it does not encrypt
 *   Several keys for a volume (keycount) are not supported
 *   IV mode is not supported
 *   IV modes lmk and tcw (loop-AES, TrueCrypt) are not supported
 *   IV modes elephant and eboiv (BitLocker) are not supported
 *   IV mode essiv needs a digest, as in essiv:sha256
 *   IV mode takes no option
 */
#ifndef _KMSC_SPEC_H
#define _KMSC_SPEC_H

#include <linux/crypto.h>

#include "iv.h"

/**
 * struct kmsc_spec - what a spec asks for
 * @alg:	of the crypto API; with essiv's template around it, if asked for
 * @iv:		the IV that goes in
 * @capi:	the grammar was that of capi:
 */
struct kmsc_spec {
	char alg[CRYPTO_MAX_ALG_NAME];
	enum kmsc_iv_mode iv;
	bool capi;
};

int kmsc_spec_parse(struct kmsc_spec *spec, const char *text, char **ret_error);

#endif /* _KMSC_SPEC_H */
