/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text form of an entry, both ways, without any I/O.
 *
 *   {"version": 1, "name": ..., "generations": [
 *     {"id", "provider", "state": "current" | "retiring", "created",
 *      "credentials", "addresses": [...], "key_id", "mount", "namespace", "auth_mount",
 *      "login", "role", "jwt_file", "proxy", "server_name", "kmip_version",
 *      "mode", "username"}]}
 *
 * Empty members are left out; members that we do not know are ignored.
 */
#ifndef _KMS_CONFIG_JSON_H
#define _KMS_CONFIG_JSON_H

struct entry;
struct generation;
struct json_object;
struct op;

/** entry_to_json() - 0 or -ENOMEM; *@ret is the caller's to put. */
int entry_to_json(const struct entry *e, struct json_object **ret);

/** entry_from_json() - @ret must be empty. 0, -EBADMSG, -ENOMEM. */
int entry_from_json(struct json_object *obj, struct entry *ret);

/** config_load_credentials() - read @g's secrets; what is absent is empty. */
int config_load_credentials(struct op *op, struct generation *g);

#endif
