// SPDX-License-Identifier: GPL-2.0-or-later
/* See mapping-table.h. */
#include "volume/mapping-table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/op.h"
#include "volume/dif.h"
#include "volume/integrity.h"

int mapping_fill(struct op *op, const struct header *h, const char *device,
		 uint32_t key_bytes, uint32_t flags, uint64_t len,
		 struct mapping_table *ret)
{
	struct segment view;
	int r;

	if (strlen(device) >= sizeof(ret->device) ||
	    strpbrk(device, " \t\r\n\\"))
		return op_fail(op, -EINVAL,
			       "'%s' cannot stand in a table (too long, or "
			       "blanks in it)",
			       device);
	r = integrity_view(op, &h->segment, &view);
	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	ret->len = len;
	memcpy(ret->cipher, view.cipher, sizeof(ret->cipher));
	memcpy(ret->integrity, view.integrity, sizeof(ret->integrity));
	ret->key_bytes = key_bytes;
	memcpy(ret->uuid, h->uuid, sizeof(ret->uuid));
	ret->iv_offset = view.iv_tweak;
	strcpy(ret->device, device); /* fits, see above */
	ret->offset = view.offset / 512;
	ret->sector_size = view.sector_size;
	ret->flags = flags;
	if (!*view.integrity)
		return 0;
	strcpy(ret->beneath, device);
	ret->beneath_offset = h->segment.offset / 512;
	snprintf(ret->device, sizeof(ret->device), "/dev/mapper/%s" DIF_SUFFIX,
		 h->uuid);
	return 0;
}

/* Optional arguments, each with a blank before it; counts them. */
static int options(const struct mapping_table *t, char *buf, size_t size)
{
	const char *p;
	int n = 0;
	int len;

	len = snprintf(buf, size, "%s", "");
	if (t->allow_discards && ++n)
		len += snprintf(buf + len, size - (size_t)len,
				" allow_discards");
	if (t->sector_size != KMSC_SECTOR_MIN && ++n)
		len += snprintf(buf + len, size - (size_t)len,
				" sector_size:%u", t->sector_size);
	if (*t->integrity && ++n)
		len += snprintf(buf + len, size - (size_t)len, " integrity:%s",
				t->integrity);
	if ((t->flags & KMSC_DESC_IV_LARGE_SECTORS) && ++n)
		len += snprintf(buf + len, size - (size_t)len,
				" iv_large_sectors");
	if (!t->options[0])
		return n;
	snprintf(buf + len, size - (size_t)len, " %s", t->options);
	for (p = t->options; *p; p++)
		if (*p == ' ')
			n++;
	return n + 1;
}

int mapping_params(const struct mapping_table *t, char **ret)
{
	char opts[sizeof(t->options) + 96 + KMSC_INTEGRITY_MAX];
	int n = options(t, opts, sizeof(opts));
	char *text;
	int r;

	r = asprintf(&text, "%s :%u:%s:%s %llu %s %llu", t->cipher,
		     t->key_bytes, KMSC_TABLE_KEY_TYPE, t->uuid,
		     (unsigned long long)t->iv_offset, t->device,
		     (unsigned long long)t->offset);
	if (r < 0)
		return -ENOMEM;
	if (!n) {
		*ret = text;
		return 0;
	}
	r = asprintf(ret, "%s %d%s", text, n, opts);
	free(text);
	return r < 0 ? -ENOMEM : 0;
}

int mapping_beneath_params(const struct mapping_table *t, char **ret)
{
	int r = asprintf(ret, "%s %llu %u %c 1 block_size:%u", t->beneath,
			 (unsigned long long)t->beneath_offset,
			 integrity_tag_bytes(t->integrity),
			 t->no_journal ? 'D' : 'J', t->sector_size);

	return r < 0 ? -ENOMEM : 0;
}

/* Takes @params over. */
static int line(const struct mapping_table *t, const char *target, char *params,
		char **ret)
{
	int r = asprintf(ret, "%llu %llu %s %s", (unsigned long long)t->start,
			 (unsigned long long)t->len, target, params);

	free(params);
	return r < 0 ? -ENOMEM : 0;
}

int mapping_line(const struct mapping_table *t, char **ret)
{
	char *params;
	int r = mapping_params(t, &params);

	return r < 0 ? r : line(t, KMSC_TARGET_NAME, params, ret);
}

int mapping_beneath_line(const struct mapping_table *t, char **ret)
{
	char *params;
	int r = mapping_beneath_params(t, &params);

	return r < 0 ? r : line(t, DIF_TARGET, params, ret);
}
