/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line's frame: one table of commands, one of options. Usage,
 * help, the list that completion reads and the checks "is this option allowed
 * here" and "is one missing" all come from these tables.
 */
#ifndef _CLI_CLI_H
#define _CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/op.h"
#include "base/secret.h"

#define CLI_VOLUMES_MAX 256 /* --volume may be given this often */
#define CLI_FILES_MAX 100000 /* where a command takes FILE... */

enum option_id {
	/* kms set */
	OPT_TOKEN,
	OPT_TOKEN_FILE,
	OPT_ROLE_ID,
	OPT_SECRET_ID_FILE,
	OPT_KUBERNETES_ROLE,
	OPT_JWT_FILE,
	OPT_AUTH_PATH,
	OPT_NAMESPACE,
	OPT_TRANSIT_PATH,
	OPT_CA_CERT,
	OPT_CLIENT_CERT,
	OPT_CLIENT_KEY,
	OPT_PROXY,
	OPT_SERVER_NAME,
	OPT_KMIP_VERSION,
	OPT_OPEN_ONLY,
	OPT_ALLOW_CBC,
	OPT_USERNAME,
	OPT_PASSWORD_FILE,
	OPT_TLS_CIPHERS,
	/* kms rewrap, kms unset */
	OPT_NEW_KEY_UID,
	OPT_ALL,
	OPT_DRY_RUN,
	OPT_CONNECTIONS,
	OPT_ALLOW_DOWNGRADE,
	OPT_FORGET,
	OPT_VOLUME,
	/* volumes */
	OPT_FORCE,
	OPT_LABEL,
	OPT_CIPHER,
	OPT_INTEGRITY,
	OPT_INTEGRITY_NO_WIPE,
	OPT_BENEATH,
	OPT_KEY_SIZE,
	OPT_SECTOR_SIZE,
	OPT_IV_LARGE_SECTORS,
	OPT_ALLOW_DISCARDS,
	OPT_READONLY,
	OPT_LEASE,
	OPT_NONE,
	OPT_ON_LOCK,
	OPT_QUEUE_CAP,
	OPT_EVICT,
	OPT_FREEZE,
	OPT_UNMOUNT,
	OPT_SLEEP,
	OPT_DUMP_VOLUME_KEY,
	OPT_VOLUME_KEY_FILE,
	OPT_PASSPHRASE_FILE,
	OPT_KEY_FILE,
	OPT_ACCEPT_HEADER,
	OPT_YES,
	/* many */
	OPT_NAME,
	OPT_TIMEOUT,
	OPT_JSON,
	OPT_HELP,
	OPT_COUNT,
};

#define O(name) (UINT64_C(1) << OPT_##name)

struct option_spec {
	const char *name; /* long name, without the dashes */
	const char *arg; /* placeholder, NULL for a flag */
	const char *help; /* one clause */
	bool repeat; /* may be given several times */
	bool secret; /* its argument is blanked in argv */
	const char *values; /* "a|b" where only some words are valid */
};

struct cli;

struct command {
	const char *path; /* "kms set vault" */
	const char *args; /* "URL[,URL...] KEY", "" for none */
	const char *help; /* one line, no full stop */
	unsigned int min_args;
	unsigned int max_args;
	uint64_t options; /* O() bits that are accepted */
	uint64_t required; /* O() bits that must be given */
	bool hidden; /* left out of help (completion's own) */
	/* 0, -errno, or an exit code > 0 when it has reported by itself */
	int (*run)(struct cli *cli);
};

/* One run of one command. */
struct cli {
	const struct command *command;
	struct op op;
	int64_t timeout_ms; /* --timeout, for each step */
	bool json;
	size_t nargs;
	char **args; /* without the command's words */
	const char *opt[OPT_COUNT]; /* argument, "" for a flag, or NULL */
	struct secret token; /* --token, taken out of argv */
	size_t nvolumes;
	const char *volumes[CLI_VOLUMES_MAX];
};

extern const struct command commands[];
extern const size_t commands_count;
extern const struct option_spec options[OPT_COUNT];

/** options_parse() - fill @cli from @argv, whose first @skip words are used. */
int options_parse(struct cli *cli, int argc, char **argv, int skip);

/** options_u32() - an option as a number in [@min, @max]; absent: @ret stays. */
int options_u32(struct cli *cli, enum option_id id, uint32_t min, uint32_t max,
		uint32_t *ret);

/** options_entry() - --name, or the default entry; checked. 0, -EINVAL. */
int options_entry(struct cli *cli, const char **ret);

static inline bool options_has(const struct cli *cli, enum option_id id)
{
	return cli->opt[id];
}

/* commands.c: the commands, one cmd-*.c each */
int cmd_help(struct cli *cli);
int cmd_version(struct cli *cli);
int cmd_commands(struct cli *cli);
int cmd_kms_set_vault(struct cli *cli);
int cmd_kms_set_kmip(struct cli *cli);
int cmd_kms_set_local(struct cli *cli);
int cmd_kms_show(struct cli *cli);
int cmd_kms_check(struct cli *cli);
int cmd_kms_renew(struct cli *cli);
int cmd_kms_create_key(struct cli *cli);
int cmd_kms_create_key_vault(struct cli *cli);
int cmd_kms_create_key_kmip(struct cli *cli);
int cmd_kms_policy(struct cli *cli);
int cmd_kms_unset(struct cli *cli);
int cmd_kms_rewrap(struct cli *cli);
int cmd_format(struct cli *cli);
int cmd_bind(struct cli *cli);
int cmd_unbind(struct cli *cli);
int cmd_lease(struct cli *cli);
int cmd_lock(struct cli *cli);
int cmd_unlock(struct cli *cli);
int cmd_resize(struct cli *cli);
int cmd_open(struct cli *cli);
int cmd_open_all(struct cli *cli); /* by cmd_open() */
int cmd_close(struct cli *cli);
int cmd_list(struct cli *cli);
int cmd_scan(struct cli *cli);
int cmd_status(struct cli *cli);
int cmd_table(struct cli *cli);
int cmd_dump(struct cli *cli);
int cmd_enroll(struct cli *cli);
int cmd_recover(struct cli *cli);
int cmd_reidentify(struct cli *cli);
int cmd_header_backup(struct cli *cli);
int cmd_header_restore(struct cli *cli);
int cmd_forget(struct cli *cli);
int cmd_erase(struct cli *cli);

#endif
