// SPDX-License-Identifier: GPL-2.0-or-later
/* dump DEV: the header as we read it; and the volume key, on demand. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "kms/config.h"
#include "volume/binding.h"
#include "volume/header.h"
#include "volume/luks.h"
#include "volume/pins.h"
#include "volume/unlock.h"

static const char *const modes[] = {
	[WRAP_MODE_NONE] = "none",
	[WRAP_MODE_GCM] = "gcm",
	[WRAP_MODE_GCM_APPENDED] = "gcm-appended",
	[WRAP_MODE_CTR] = "ctr",
	[WRAP_MODE_CBC] = "cbc",
};

/* The entry on this host that a token names, "" when there is none. */
static void entry_of(const struct wrapped *w, char ret[CONFIG_ENTRY_NAME_MAX])
{
	struct generation g = { 0 };
	struct op op;

	op_init(&op, 0);
	if (config_find(&op, w->entry, &g, ret))
		*ret = '\0';
	generation_free(&g);
}

static int add_binding(struct json_object *obj, const struct binding *b)
{
	const struct wrapped *w = &b->wrapped;
	char entry[CONFIG_ENTRY_NAME_MAX];

	if (json_add_u64(obj, "token", (uint64_t)b->token))
		return -ENOMEM;
	if (b->err)
		return json_add_string(obj, "damaged", b->why);
	entry_of(w, entry);
	return json_add_string(obj, "provider", wrapped_provider_name(w->provider)) ?:
		       json_add_string(obj, "generation", w->entry)	    ?:
		       json_add_string(obj, "entry", *entry ? entry : NULL) ?:
		       json_add_string(obj, "key_id", w->key_id)	    ?:
		       json_add_string(obj, "mount", w->mount)		    ?:
		       json_add_string(obj, "namespace", w->ns)		    ?:
		       json_add_string(obj, "mode", modes[w->mode])	    ?:
		       json_add_u64(obj, "key_version", w->key_version)	    ?:
		       json_add_string(obj, "address", w->address)	    ?:
		       json_add_u64(obj, "key_bytes", b->key_bytes)	    ?:
		       json_add_bool(obj, "iv_large_sectors",
				     b->iv_large_sectors);
}

static int add_bindings(struct json_object *obj, const struct header *h)
{
	struct json_object *list = json_object_new_array();

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < h->nbindings; i++) {
		struct json_object *b = json_object_new_object();

		if (!b || add_binding(b, &h->bindings[i]) ||
		    json_object_array_add(list, b)) {
			json_object_put(b);
			json_object_put(list);
			return -ENOMEM;
		}
	}
	return json_add(obj, "bindings", list);
}

static int print_json(const char *device, const struct header *h)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return -ENOMEM;
	if (json_add_string(obj, "device", device) ||
	    json_add_string(obj, "uuid", h->uuid) ||
	    json_add_string(obj, "label", h->label) ||
	    json_add_string(obj, "subsystem", h->subsystem) ||
	    json_add_string(obj, "cipher", h->segment.cipher) ||
	    (*h->segment.integrity &&
	     json_add_string(obj, "integrity", h->segment.integrity)) ||
	    json_add_u64(obj, "sector_size", h->segment.sector_size) ||
	    json_add_u64(obj, "offset", h->segment.offset) ||
	    json_add_u64(obj, "size", h->segment.size) ||
	    json_add_u64(obj, "iv_tweak", h->segment.iv_tweak) ||
	    json_add_u64(obj, "keyslots", h->keyslots) ||
	    add_bindings(obj, h)) {
		json_object_put(obj);
		return -ENOMEM;
	}
	return output_json(obj);
}

static void print_binding(const struct binding *b)
{
	const struct wrapped *w = &b->wrapped;
	char entry[CONFIG_ENTRY_NAME_MAX];

	if (b->err) {
		output_line("token %d: DAMAGED: %s", b->token, b->why);
		return;
	}
	entry_of(w, entry);
	output_line("token %d: %s, entry %s, generation %s", b->token,
		    wrapped_provider_name(w->provider),
		    *entry ? entry : "not on this host", w->entry);
	if (*w->key_id)
		output_line("  key        %s%s%s%s%s", w->ns, *w->ns ? "/" : "",
			    w->mount, *w->mount ? "/" : "", w->key_id);
	if (w->key_version)
		output_line("  version    %" PRIu32, w->key_version);
	if (w->mode != WRAP_MODE_NONE)
		output_line("  mode       %s", modes[w->mode]);
	if (*w->address)
		output_line("  address    %s (as written then; not used)",
			    w->address);
	output_line("  volume key %" PRIu32 " bits%s", b->key_bytes * 8,
		    b->iv_large_sectors ? ", iv_large_sectors" : "");
}

static void print_text(const struct header *h)
{
	output_line("uuid         %s", h->uuid);
	output_line("label        %s", h->label);
	output_line("subsystem    %s", h->subsystem);
	output_line("cipher       %s", h->segment.cipher);
	if (*h->segment.integrity)
		output_line("integrity    %s", h->segment.integrity);
	output_line("sector size  %" PRIu32, h->segment.sector_size);
	output_line("data         at %" PRIu64 ", %s", h->segment.offset,
		    h->segment.size ? "fixed size" : "to the end");
	output_line("keyslots     %u", h->keyslots);
	for (size_t i = 0; i < h->nbindings; i++)
		print_binding(&h->bindings[i]);
	if (!h->nbindings)
		output_line("no kmscrypt binding");
}

static int fail_path(struct cli *cli, int err, const char *path)
{
	return op_fail(&cli->op, err, "cannot make %s: %s", path,
		       strerror(-err));
}

/* A new file: an old one could be open somewhere, or a link to elsewhere. */
static int write_key(struct cli *cli, const struct secret *key,
		     const char *path)
{
	int r = file_write_new(path, key->data, key->len);

	return r ? fail_path(cli, r, path) : 0;
}

static int export_key(struct cli *cli, const struct luks_place *place)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	const char *path = cli->opt[OPT_VOLUME_KEY_FILE];
	struct stat st;
	int r;

	/* before a KMS is asked; what counts is that it is made new */
	if (!lstat(path, &st))
		return fail_path(cli, -EEXIST, path);
	r = pins_unlock(&cli->op, place, options_has(cli, OPT_ACCEPT_HEADER),
			&plan, &u);
	if (!r)
		r = luks_verify_key(&cli->op, place, &u.capsule.key);
	if (!r)
		r = write_key(cli, &u.capsule.key, path);
	if (r)
		return r;
	output_warning(cli,
		       "%s holds the volume key: whoever reads it reads the "
		       "volume, for good, and no KMS can revoke that; remove "
		       "it when it has served",
		       path);
	output_note(cli,
		    "cryptsetup open --type luks2 --volume-key-file '%s' %s "
		    "NAME opens the volume without kmscrypt",
		    path, place->device);
	return 0;
}

int cmd_dump(struct cli *cli)
{
	const struct luks_place place = { .device = cli->args[0] };
	_cleanup_header_ struct header h = { 0 };
	bool dump = options_has(cli, OPT_DUMP_VOLUME_KEY);
	int r;

	if (dump != options_has(cli, OPT_VOLUME_KEY_FILE))
		return op_fail(&cli->op, -EINVAL,
			       "the volume key is exported only by "
			       "--dump-volume-key and --volume-key-file FILE "
			       "together");
	if (!dump && options_has(cli, OPT_ACCEPT_HEADER))
		return op_fail(&cli->op, -EINVAL,
			       "--accept-header goes with --dump-volume-key: "
			       "the header alone is shown in any case");
	if (dump) {
		r = export_key(cli, &place);
		if (r)
			return r;
	}
	r = luks_read(&cli->op, &place, &h);
	if (r)
		return r;
	if (cli->json)
		return print_json(place.device, &h);
	print_text(&h);
	return 0;
}
