// SPDX-License-Identifier: GPL-2.0-only
/*
 * The target's table line, read and written in one place; the grammar is in
 * include/uapi/kmscrypt.h.
 *
 * Nothing here knows a device or a key. The line never holds key bytes: a
 * raw key is recognised only to say why it is refused, and is not echoed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "table.h"

#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uuid.h>

#include "aead.h"

/* Also the order in which options are written. */
static const struct {
	const char *name;
	unsigned long bit;
} options[] = {
	{ "allow_discards", KMSC_OPT_ALLOW_DISCARDS },
	{ "iv_large_sectors", KMSC_OPT_IV_LARGE_SECTORS },
	{ "same_cpu_crypt", KMSC_OPT_SAME_CPU_CRYPT },
	{ "high_priority", KMSC_OPT_HIGH_PRIORITY },
	{ "submit_from_crypt_cpus", KMSC_OPT_SUBMIT_FROM_CRYPT_CPUS },
	{ "no_read_workqueue", KMSC_OPT_NO_READ_WORKQUEUE },
	{ "no_write_workqueue", KMSC_OPT_NO_WRITE_WORKQUEUE },
};

static char raw_key[] =
	"A raw key in a table is refused: use :<bytes>:kmscrypt:<uuid>";

static char integrity_error[] =
	"integrity must be <tag bytes>:aead, with 1 to 480 bytes";

static int bad(char **why, char *text)
{
	*why = text;
	return -EINVAL;
}

/* Digits only: kstrtoull() would take a sign and a final newline. */
static int parse_u64(const char *text, u64 *ret_value)
{
	if (!*text || text[strspn(text, "0123456789")])
		return -EINVAL;
	return kstrtou64(text, 10, ret_value);
}

/* The characters of a cipher spec; most of all, no space for the callout. */
static bool cipher_ok(const char *spec)
{
	size_t len = strlen(spec);

	return len > 0 && len < KMSC_CIPHER_MAX &&
	       strspn(spec, "abcdefghijklmnopqrstuvwxyz0123456789-_:(),") ==
		       len;
}

static bool uuid_ok(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (isupper(*p))
			return false;
	return p - text == KMSC_UUID_STR_LEN && uuid_is_valid(text);
}

/* :<key bytes>:kmscrypt:<volume uuid> */
static int parse_key(struct kmsc_table *table, char *text, char **why)
{
	char *bytes, *type;
	u64 value;

	if (*text++ != ':')
		return bad(why, raw_key);
	bytes = strsep(&text, ":");
	if (parse_u64(bytes, &value) || !value || value > KMSC_KEY_MAX)
		return bad(why, "Key length must be a number from 1 to 96");
	table->params.key_bytes = value;
	type = strsep(&text, ":");
	if (!type || strcmp(type, KMSC_TABLE_KEY_TYPE))
		return bad(why, "Key type must be kmscrypt");
	if (!text || !uuid_ok(text))
		return bad(why, "Volume UUID must be 36 lower-case characters");
	strscpy(table->uuid, text, sizeof(table->uuid));
	return 0;
}

static int parse_sector_size(struct kmsc_table *table, const char *text,
			     char **why)
{
	u64 value;

	if (table->params.sector_size)
		return bad(why, "Option is given twice");
	if (parse_u64(text, &value) || !is_power_of_2(value) ||
	    value < KMSC_SECTOR_MIN || value > KMSC_SECTOR_MAX)
		return bad(why, "sector_size must be 512, 1024, 2048 or 4096");
	table->params.sector_size = value;
	return 0;
}

static int parse_integrity(struct kmsc_table *table, const char *text,
			   char **why)
{
	char *integrity = table->params.integrity;

	if (integrity[0])
		return bad(why, "Option is given twice");
	if (kmsc_aead_tag_bytes(text) < 0)
		return bad(why, integrity_error);
	strscpy(integrity, text, sizeof(table->params.integrity));
	return 0;
}

static int parse_option(struct kmsc_table *table, const char *text, char **why)
{
	unsigned int i;

	if (!strncmp(text, "sector_size:", 12))
		return parse_sector_size(table, text + 12, why);
	if (!strncmp(text, "integrity:", 10))
		return parse_integrity(table, text + 10, why);
	if (strstarts(text, "integrity_key_size:"))
		return bad(why, "Option integrity_key_size is not supported");
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (strcmp(text, options[i].name))
			continue;
		if (table->options & options[i].bit)
			return bad(why, "Option is given twice");
		table->options |= options[i].bit;
		return 0;
	}
	return bad(why, "Unknown option");
}

static int parse_options(struct kmsc_table *table, unsigned int argc,
			 char **argv, char **why)
{
	u64 count = 0;
	int r;

	if (argc && (parse_u64(argv[0], &count) || count != argc - 1))
		return bad(why, "Number of options does not match");
	while (count) {
		r = parse_option(table, argv[count--], why);
		if (r)
			return r;
	}
	if (!table->params.sector_size)
		table->params.sector_size = KMSC_SECTOR_MIN;
	if (table->options & KMSC_OPT_IV_LARGE_SECTORS)
		table->params.flags |= KMSC_DESC_IV_LARGE_SECTORS;
	return 0;
}

static int check_alignment(const struct kmsc_params *params, char **why)
{
	u32 mask = (params->sector_size >> 9) - 1;

	if (params->iv_offset & mask)
		return bad(why,
			   "IV offset is not a multiple of the sector size");
	if (params->offset & mask)
		return bad(why, "Offset is not a multiple of the sector size");
	if (params->len & mask)
		return bad(why, "Length is not a multiple of the sector size");
	return 0;
}

/**
 * kmsc_table_parse - read a table line
 * @table:	filled in, also partly on failure
 * @argc:	number of words after the target's name
 * @argv:	these words; overwritten while they are taken apart
 * @len:	length of the table, in 512-byte sectors
 * @ret_device:	the word that names the device, a pointer into @argv
 * @why:		what is wrong, on failure
 */
int kmsc_table_parse(struct kmsc_table *table, unsigned int argc, char **argv,
		     u64 len, const char **ret_device, char **why)
{
	struct kmsc_params *params = &table->params;
	int r;

	memset(table, 0, sizeof(*table));
	if (argc < 5)
		return bad(why, "Wrong number of arguments");

	/* <cipher> */
	if (!cipher_ok(argv[0]))
		return bad(why,
			   "Cipher specification is too long or malformed");
	strscpy(params->cipher, argv[0], sizeof(params->cipher));

	/* :<key bytes>:kmscrypt:<volume uuid> */
	r = parse_key(table, argv[1], why);
	if (r)
		return r;

	/* <iv_offset> <device> <offset> */
	if (parse_u64(argv[2], &params->iv_offset))
		return bad(why, "IV offset is not a number");
	if (parse_u64(argv[4], &params->offset) ||
	    params->offset != (sector_t)params->offset)
		return bad(why, "Device offset is not a number");
	params->len = len;

	/* [<#opts> <opts>...] */
	r = parse_options(table, argc - 5, argv + 5, why);
	if (r)
		return r;
	r = check_alignment(params, why);
	if (r)
		return r;
	*ret_device = argv[3];
	return 0;
}

/**
 * kmsc_table_emit - write a table line
 * @table:	a parsed line
 * @device:	the word that names the device
 * @buf:	gets the line, without start, length and target name
 * @size:	room in @buf, KMSC_TABLE_LINE_MAX is always enough
 *
 * Return: length of the line, like scnprintf().
 */
int kmsc_table_emit(const struct kmsc_table *table, const char *device,
		    char *buf, size_t size)
{
	const struct kmsc_params *params = &table->params;
	bool sized = params->sector_size != KMSC_SECTOR_MIN;
	bool tagged = params->integrity[0];
	unsigned int count = tagged + sized + hweight_long(table->options);
	unsigned int i;
	int n;

	n = scnprintf(buf, size,
		      "%s :%u:" KMSC_TABLE_KEY_TYPE ":%s %llu %s %llu",
		      params->cipher, params->key_bytes, table->uuid,
		      params->iv_offset, device, params->offset);
	if (!count)
		return n;
	n += scnprintf(buf + n, size - n, " %u", count);
	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (table->options & options[i].bit)
			n += scnprintf(buf + n, size - n, " %s",
				       options[i].name);
	if (tagged)
		n += scnprintf(buf + n, size - n, " integrity:%s",
			       params->integrity);
	if (sized)
		n += scnprintf(buf + n, size - n, " sector_size:%u",
			       params->sector_size);
	return n;
}

#define TEST_UUID "0f0e0d0c-0b0a-4908-8706-050403020100"

static const char *const selftest_lines[] = {
	"aes-xts-plain64 :64:kmscrypt:" TEST_UUID " 0 254:0 32768",
	"aes-xts-plain64 :32:kmscrypt:" TEST_UUID
	" 8 /dev/sda1 0 1 sector_size:4096",
	"aes-cbc-essiv:sha256 :32:kmscrypt:" TEST_UUID
	" 9223372036854775800 /dev/mapper/x 9223372036854775800 8 allow_discards iv_large_sectors same_cpu_crypt high_priority submit_from_crypt_cpus no_read_workqueue no_write_workqueue sector_size:1024",
	"capi:gcm(aes)-random :32:kmscrypt:" TEST_UUID
	" 0 254:1 0 2 integrity:28:aead sector_size:4096",
};

static bool selftest_line(const char *line, struct kmsc_table *table)
{
	char *copy = kstrdup(line, GFP_KERNEL);
	char *emitted = kmalloc(KMSC_TABLE_LINE_MAX, GFP_KERNEL);
	char *argv[16], *rest = copy, *error = NULL;
	const char *device;
	unsigned int argc = 0;
	bool ok = false;

	if (!copy || !emitted)
		goto out;
	while (rest && argc < ARRAY_SIZE(argv))
		argv[argc++] = strsep(&rest, " ");
	if (kmsc_table_parse(table, argc, argv, 8, &device, &error))
		goto out;
	kmsc_table_emit(table, device, emitted, KMSC_TABLE_LINE_MAX);
	ok = !strcmp(line, emitted);
out:
	kfree(emitted);
	kfree(copy);
	return ok;
}

/**
 * kmsc_table_selftest - what is emitted must load again as the same table
 *
 * Cheap, so done at each load: a table that does not survive "dmsetup table"
 * piped into "dmsetup load" is noticed by the person who changed the grammar.
 */
int __init kmsc_table_selftest(void)
{
	struct kmsc_table *table = kmalloc(sizeof(*table), GFP_KERNEL);
	unsigned int i;
	int r = 0;

	if (!table)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(selftest_lines); i++) {
		if (selftest_line(selftest_lines[i], table))
			continue;
		pr_err("table line %u does not survive a round trip\n", i);
		r = -EINVAL;
	}
	kfree(table);
	return r;
}
