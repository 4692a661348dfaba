// SPDX-License-Identifier: GPL-2.0-or-later
/* See kmip-names.h. */
#include "wire/kmip-names.h"

#include <stddef.h>

const struct kmip_attribute kmip_attributes[KMIP_N_ATTRIBUTES] = {
	{ "State", KMIP_TAG_STATE, TTLV_ENUMERATION },
	{ "Cryptographic Algorithm", KMIP_TAG_CRYPTOGRAPHIC_ALGORITHM,
	  TTLV_ENUMERATION },
	{ "Cryptographic Length", KMIP_TAG_CRYPTOGRAPHIC_LENGTH, TTLV_INTEGER },
	{ "Cryptographic Usage Mask", KMIP_TAG_CRYPTOGRAPHIC_USAGE_MASK,
	  TTLV_INTEGER },
};

/* Result Reason (9.1.3.2.29; from 19 hex on KMIP 2.0's, without gaps' rows) */
static const struct {
	uint32_t reason;
	const char *name;
} reasons[] = {
	{ KMIP_REASON_NONE, "no reason given" },
	{ KMIP_REASON_ITEM_NOT_FOUND, "Item Not Found" },
	{ 0x02, "Response Too Large" },
	{ KMIP_REASON_AUTHENTICATION_NOT_SUCCESSFUL,
	  "Authentication Not Successful" },
	{ KMIP_REASON_INVALID_MESSAGE, "Invalid Message" },
	{ KMIP_REASON_OPERATION_NOT_SUPPORTED, "Operation Not Supported" },
	{ KMIP_REASON_MISSING_DATA, "Missing Data" },
	{ KMIP_REASON_INVALID_FIELD, "Invalid Field" },
	{ KMIP_REASON_FEATURE_NOT_SUPPORTED, "Feature Not Supported" },
	{ 0x09, "Operation Canceled By Requester" },
	{ KMIP_REASON_CRYPTOGRAPHIC_FAILURE, "Cryptographic Failure" },
	{ KMIP_REASON_ILLEGAL_OPERATION, "Illegal Operation" },
	{ KMIP_REASON_PERMISSION_DENIED, "Permission Denied" },
	{ KMIP_REASON_OBJECT_ARCHIVED, "Object Archived" },
	{ 0x0e, "Index Out Of Bounds" },
	{ 0x0f, "Application Namespace Not Supported" },
	{ 0x1a, "Usage Limit Exceeded" },
	{ KMIP_REASON_BAD_CRYPTOGRAPHIC_PARAMETERS,
	  "Bad Cryptographic Parameters" },
	{ KMIP_REASON_CODEC_ERROR, "Codec Error" },
	{ KMIP_REASON_INCOMPATIBLE_USAGE_MASK,
	  "Incompatible Cryptographic Usage Mask" },
	{ KMIP_REASON_INTERNAL_SERVER_ERROR, "Internal Server Error" },
	{ KMIP_REASON_MISSING_INITIALIZATION_VECTOR,
	  "Missing Initialization Vector" },
	{ KMIP_REASON_OBJECT_DESTROYED, "Object Destroyed" },
	{ KMIP_REASON_OBJECT_NOT_FOUND, "Object Not Found" },
	{ KMIP_REASON_NOT_AUTHORISED, "Not Authorised" },
	{ KMIP_REASON_SERVER_LIMIT_EXCEEDED, "Server Limit Exceeded" },
	{ KMIP_REASON_UNKNOWN_TAG, "Unknown Tag" },
	{ KMIP_REASON_UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS,
	  "Unsupported Cryptographic Parameters" },
	{ KMIP_REASON_UNSUPPORTED_PROTOCOL_VERSION,
	  "Unsupported Protocol Version" },
	{ KMIP_REASON_WRONG_KEY_LIFECYCLE_STATE, "Wrong Key Lifecycle State" },
	{ KMIP_REASON_GENERAL_FAILURE, "General Failure" },
};

const char *kmip_reason_name(uint32_t reason)
{
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].reason == reason)
			return reasons[i].name;
	return "unknown reason";
}

const char *kmip_state_name(uint32_t state)
{
	switch (state) {
	case KMIP_STATE_PRE_ACTIVE:
		return "pre-active";
	case KMIP_STATE_ACTIVE:
		return "active";
	case KMIP_STATE_DEACTIVATED:
		return "deactivated";
	case KMIP_STATE_COMPROMISED:
		return "compromised";
	case KMIP_STATE_DESTROYED:
		return "destroyed";
	case KMIP_STATE_DESTROYED_COMPROMISED:
		return "destroyed and compromised";
	default:
		return "in an unknown state";
	}
}
