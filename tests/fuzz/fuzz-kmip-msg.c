// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KMIP responses. The first byte chooses the operation that was asked for, so
 * that payloads of all kinds are taken apart.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/kmip-msg.h"
#include "wire/kmip-names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_payload(const struct kmip_result *res)
{
	struct kmip_versions versions;
	struct kmip_key_info info;
	struct kmip_crypto c;
	char text[KMIP_UID_MAX];

	if (!kmip_payload_versions(res, &versions) &&
	    versions.n > KMIP_VERSIONS_MAX)
		abort();
	if (!kmip_payload_vendor(res, text) && strlen(text) >= KMIP_TEXT_MAX)
		abort();
	if (!kmip_payload_uid(res, text) && strlen(text) >= KMIP_UID_MAX)
		abort();
	if (!kmip_payload_key_info(res, &info) && info.has_state)
		(void)kmip_state_name(info.state);
	if (!kmip_payload_crypto(res, &c) && c.data_len > KMIP_RESPONSE_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kmip_result res;
	size_t len;

	if (!size || size > KMIP_RESPONSE_MAX)
		return 0;
	if (size > TTLV_HEADER && !kmip_response_length(data + 1, &len) &&
	    len > KMIP_RESPONSE_MAX)
		abort();
	if (kmip_response_parse(data + 1, size - 1,
				(enum kmip_operation)data[0], &res))
		return 0;
	if (strlen(res.message) >= KMIP_TEXT_MAX)
		abort();
	(void)kmip_reason_name(res.reason);
	use_payload(&res);
	return 0;
}
