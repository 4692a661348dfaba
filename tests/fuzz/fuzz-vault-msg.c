// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers of a Vault server: the first byte chooses which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "wire/vault-auth.h"
#include "wire/vault-msg.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return secret_init();
}

static void items(struct secret *body, enum vault_result what, size_t n)
{
	static struct vault_item list[VAULT_BATCH_MAX];
	size_t i;
	int r;

	r = vault_msg_items(body, what, n, list);
	for (i = 0; i < n; i++) {
		if (!r && !list[i].error[0] &&
		    (what == VAULT_PLAINTEXT ? !list[i].plaintext.data :
					       !list[i].ciphertext[0]))
			abort();
		vault_item_free(&list[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_secret_ struct secret body = SECRET_EMPTY;
	_cleanup_secret_ struct secret copy = SECRET_EMPTY;
	struct vault_auth auth = { .ttl_s = 0 };
	struct vault_token token;
	struct vault_key key;
	char text[VAULT_ERROR_MAX];

	if (size < 1 || secret_copy(&body, data + 1, size - 1) < 0)
		return 0;
	switch (data[0] % 8) {
	case 0:
		items(&body, VAULT_PLAINTEXT, 1);
		break;
	case 1:
		items(&body, VAULT_CIPHERTEXT, 1);
		break;
	case 2:
		items(&body, VAULT_PLAINTEXT, 3);
		break;
	case 3:
		items(&body, VAULT_CIPHERTEXT, 2);
		break;
	case 4:
		vault_msg_key(&body, &key);
		break;
	case 5:
		if (secret_copy(&copy, body.data, body.len) == 0 &&
		    vault_auth_parse(&copy, &auth) == 0 && !auth.token.len)
			abort();
		secret_free(&auth.token);
		vault_msg_token(&body, &token);
		break;
	case 6:
		vault_msg_errors(&body, text, sizeof(text));
		break;
	default:
		vault_msg_version(&body, text, sizeof(text));
		vault_msg_ciphertext_version((const char *)body.data);
		vault_msg_path(text, sizeof(text), (const char *)body.data,
			       "keys", (const char *)body.data);
	}
	return 0;
}
