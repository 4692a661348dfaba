// SPDX-License-Identifier: GPL-2.0-or-later
/* What became of each volume; see change.h. */
#include "volume/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void change_free(struct change *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->items[i].device);
		free(c->items[i].why);
		free(c->items[i].next);
	}
	free(c->items);
	c->items = NULL;
	c->n = 0;
}

struct change_item *change_item_new(struct change *c, const char *uuid,
				    const char *device)
{
	struct change_item *items;

	items = reallocarray(c->items, c->n + 1, sizeof(*items));
	if (!items)
		return NULL;
	c->items = items;
	items += c->n;
	memset(items, 0, sizeof(*items));
	items->device = strdup(device);
	if (!items->device)
		return NULL;
	snprintf(items->uuid, sizeof(items->uuid), "%s", uuid);
	c->n++;
	return items;
}

int change_item_fail(struct change_item *item, int err, const char *why,
		     const char *next)
{
	item->err = err;
	item->why = strdup(why);
	item->next = strdup(next);
	return item->why && item->next ? 0 : -ENOMEM;
}
