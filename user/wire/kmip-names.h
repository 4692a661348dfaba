/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of KMIP's numbers, for messages and for the attributes of KMIP 1.x. */
#ifndef _WIRE_KMIP_NAMES_H
#define _WIRE_KMIP_NAMES_H

#include <stdint.h>

#include "wire/kmip-tags.h"
#include "wire/ttlv.h"

/** kmip_reason_name() - "Permission Denied"; "unknown reason" for others. */
const char *kmip_reason_name(uint32_t reason);

/** kmip_state_name() - "pre-active"; "in an unknown state" for others. */
const char *kmip_state_name(uint32_t state);

/*
 * The attributes that we use: under a name in KMIP 1.x (3.4, 3.5, 3.19, 3.22),
 * under a tag of their own in 2.x. A name must be exact: servers do not find a
 * misspelt one, or forget it silently.
 */
struct kmip_attribute {
	const char *name;
	enum kmip_tag tag;
	enum ttlv_type type; /* enumeration or integer */
};

#define KMIP_N_ATTRIBUTES 4
extern const struct kmip_attribute kmip_attributes[KMIP_N_ATTRIBUTES];

#endif
