// SPDX-License-Identifier: GPL-2.0-or-later
#include "kms/own-end.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_S 86400
#define WARN_S (30 * DAY_S)

bool own_end_warning(int64_t left, char *text, size_t size)
{
	if (left >= WARN_S)
		return false;
	if (left <= 0)
		snprintf(text, size, "The client certificate has expired.");
	else
		snprintf(text, size,
			 "The client certificate expires in %" PRId64 " days.",
			 left / DAY_S);
	return true;
}
