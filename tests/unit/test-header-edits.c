// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Headers that somebody with write access to the disk has changed, with right
 * checksums: a volume opens with exactly the parameters that it was made with,
 * or not at all. Judged by the payload that the helper gives to the kernel.
 *
 * 300 edits; SOAK=1: 10,000.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "header-edit.h"
#include "kms/kms.h"
#include "scratch.h"
#include "volume/unlock.h"

/* parts of a program and not of the library */
#include "upcall/answer.c"
#include "upcall/callout.c"

#define MIB (1024 * 1024)
#define COPIES (2 * EDIT_HEADER_SIZE)
#define EDITS 300
#define EDITS_SOAK 10000

/* A volume, and the header that it had at each of its epochs. */
struct volume {
	struct luks_place place;
	char uuid[KMSC_UUID_STR_LEN + 1];
	struct capsule capsule;
	uint8_t header[3][COPIES];
};

static struct op op;
static struct generation local, second;
static struct volume ours, other;
static struct secret original; /* the payload of @ours, latest epoch */

static void read_raw(const char *path, uint8_t *copies)
{
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, copies, COPIES, 0), COPIES);
	close(fd);
}

static void write_raw(const char *path, const uint8_t *copies)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, copies, COPIES, 0), COPIES);
	close(fd);
}

/* Bind @v to @g, instead of the binding that it has or in addition. */
static void bind_to(struct volume *v, const struct generation *g,
		    uint64_t epoch, bool replace)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_binding_ struct binding b = { 0 };
	_cleanup_kms_ struct kms *kms = NULL;

	v->capsule.epoch = epoch;
	assert_int_equal(luks_read(&op, &v->place, &h), 0);
	assert_int_equal(kms_open(&op, g, &kms), 0);
	assert_int_equal(unlock_wrap(&op, kms, &h, &v->capsule, 0, NULL, &b),
			 0);
	if (replace)
		assert_int_equal(luks_replace(&op, &v->place, h.uuid,
					      &h.bindings[0], &b),
				 0);
	else
		assert_int_equal(luks_add(&op, &v->place, h.uuid, &b), 0);
}

/* A volume that was wrapped three times, with another lease each time. */
static void make(struct volume *v, const char *name, const char *uuid)
{
	_cleanup_secret_ struct secret key = SECRET_EMPTY;
	_cleanup_header_ struct header h = { 0 };
	struct luks_format f = { .uuid = uuid };
	int i;

	v->place.device = scratch_image(name, 32 * MIB);
	assert_int_equal(secret_random(&key, 64), 0);
	assert_int_equal(luks_format(&op, &v->place, &f, &key, &h), 0);
	memcpy(v->uuid, h.uuid, sizeof(v->uuid));
	secret_move(&v->capsule.key, &key);
	v->capsule.queue_cap_s = 90;
	for (i = 0; i < 3; i++) {
		v->capsule.lease_s = (uint32_t)(60 * (3 - i));
		bind_to(v, &local, (uint64_t)i + 1, i > 0);
		read_raw(v->place.device, v->header[i]);
	}
}

static void pin(const struct volume *v)
{
	struct registry_volume record = { 0 };

	memcpy(record.uuid, v->uuid, sizeof(v->uuid));
	assert_int_equal(registry_pin(&record, local.id, "default", &v->capsule,
				      true),
			 0);
	assert_int_equal(registry_save(&op, &record), 0);
}

/* What the table of the volume asks for. */
static struct unlock_request our_table(void)
{
	struct unlock_request req = {
		.cipher = "aes-xts-plain64",
		.key_bytes = 64,
		.sector_size = 4096,
		.offset = 16 * MIB / 512,
		.len = 16 * MIB / 512,
	};

	return req;
}

/* The helper's way from the header to the payload. */
static int unlock(const char *uuid, const struct unlock_request *req,
		  struct secret *payload)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	int r;

	op_init(&op, 10000);
	r = unlock_prepare(&op, &ours.place, uuid, req, 0, &plan);
	if (r == 0)
		r = unlock_run(&op, &plan, &u);
	return r < 0 ? r : answer_payload(&op, &plan, &u, payload);
}

/* The table that `kmscrypt table` would make of a header that was edited. */
static bool fitting_table(struct unlock_request *req,
			  char uuid[KMSC_UUID_STR_LEN + 1])
{
	_cleanup_header_ struct header h = { 0 };

	if (luks_read(&op, &ours.place, &h) < 0 || !h.nbindings ||
	    luks_data_sectors(&op, &ours.place, &h, &req->len) < 0)
		return false;
	memcpy(uuid, h.uuid, sizeof(h.uuid));
	snprintf(req->cipher, sizeof(req->cipher), "%s", h.segment.cipher);
	req->sector_size = h.segment.sector_size;
	req->iv_offset = h.segment.iv_tweak;
	req->offset = h.segment.offset / 512;
	req->key_bytes = h.bindings[0].key_bytes;
	req->flags = binding_flags(&h.bindings[0]);
	return true;
}

/* Errnos that blame the header, and how often each was seen. */
static const int fitting[] = { -EKEYREJECTED, -EBADMSG, -ENODATA };
#define NFITTING (sizeof(fitting) / sizeof(fitting[0]))
static size_t opened, refused[NFITTING];

static void judge(size_t n, const char *uuid, const struct unlock_request *req)
{
	_cleanup_secret_ struct secret payload = SECRET_EMPTY;
	int r = unlock(uuid, req, &payload);
	size_t i;

	if (r == 0) {
		opened++;
		if (!secret_equal(&payload, &original))
			fail_msg("edit %zu opens with other parameters: %s", n,
				 edit_what);
		return;
	}
	for (i = 0; i < NFITTING && fitting[i] != r; i++)
		;
	if (i == NFITTING || !op.detail[0])
		fail_msg("edit %zu: %d '%s': %s", n, r, op.detail, edit_what);
	refused[i]++;
	if (payload.data)
		fail_msg("edit %zu: refused, and yet there is a payload", n);
}

static void one_edit(size_t n, const struct edit_sources *from)
{
	struct unlock_request req = our_table();
	static uint8_t copies[COPIES];
	char uuid[KMSC_UUID_STR_LEN + 1];

	memcpy(copies, ours.header[2], COPIES);
	if (edit_header(copies, n, from) < 0)
		return;
	write_raw(ours.place.device, copies);
	judge(n, ours.uuid, &req);
	write_raw(ours.place.device, copies);
	if (fitting_table(&req, uuid))
		judge(n, uuid, &req);
}

static void test_single_fields(void **state)
{
	const char *soak = getenv("SOAK");
	size_t i, n = soak && !strcmp(soak, "1") ? EDITS_SOAK : EDITS;
	struct edit_sources from = {
		.other = json_tokener_parse((char *)other.header[2] +
					    LUKS2_JSON_AT),
		.older = json_tokener_parse((char *)ours.header[1] +
					    LUKS2_JSON_AT),
	};

	(void)state;
	for (i = 0; i < n; i++)
		one_edit(i, &from);
	json_object_put(from.other);
	json_object_put(from.older);
	write_raw(ours.place.device, ours.header[2]);
	print_message("# %zu edits: %zu tables opened as they were, refused: "
		      "%zu EKEYREJECTED, %zu EBADMSG, %zu ENODATA\n",
		      n, opened, refused[0], refused[1], refused[2]);
	/* else the edits are not what they should be */
	assert_true(opened > n / 10);
	assert_true(refused[0] > n / 10 && refused[1] > n / 10 && refused[2]);
}

/* Refused for what the registry knows, in words that say so. */
static void assert_pinned(const char *word)
{
	_cleanup_secret_ struct secret payload = SECRET_EMPTY;
	struct unlock_request req = our_table();

	assert_int_equal(unlock(ours.uuid, &req, &payload), -EKEYREJECTED);
	if (!strstr(op.detail, word) || !strstr(op.detail, "--accept-header"))
		fail_msg("'%s' is not in: %s", word, op.detail);
}

static void assert_opens(void)
{
	_cleanup_secret_ struct secret payload = SECRET_EMPTY;
	struct unlock_request req = our_table();
	int r;

	write_raw(ours.place.device, ours.header[2]);
	r = unlock(ours.uuid, &req, &payload);
	if (r < 0)
		fail_msg("%d: %s", r, op.detail);
	assert_true(secret_equal(&payload, &original));
}

static void test_older_headers(void **state)
{
	(void)state;
	write_raw(ours.place.device, ours.header[0]);
	assert_pinned("old copy");
	write_raw(ours.place.device, ours.header[1]);
	assert_pinned("old copy");
	assert_opens();
}

/* One copy old, one new: libcryptsetup takes the newer, whichever it is. */
static void test_half_old(void **state)
{
	static uint8_t copies[COPIES];
	struct unlock_request req = our_table();
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		_cleanup_secret_ struct secret payload = SECRET_EMPTY;

		memcpy(copies, ours.header[2], COPIES);
		memcpy(copies + i * EDIT_HEADER_SIZE,
		       ours.header[0] + i * EDIT_HEADER_SIZE, EDIT_HEADER_SIZE);
		write_raw(ours.place.device, copies);
		assert_int_equal(unlock(ours.uuid, &req, &payload), 0);
		assert_true(secret_equal(&payload, &original));
	}
	assert_opens();
}

/*
 * Somebody may encrypt under the KMS's key and write the disk: a new volume
 * with the UUID of ours, whose capsule is right in all.
 */
static void test_key_of_their_own(void **state)
{
	struct volume theirs = { 0 };
	static uint8_t copies[COPIES];

	(void)state;
	make(&theirs, "theirs", ours.uuid);
	bind_to(&theirs, &local, 99, true);
	read_raw(theirs.place.device, copies);
	write_raw(ours.place.device, copies);
	assert_pinned("another volume key");
	capsule_free(&theirs.capsule);
	free((char *)theirs.place.device);
	assert_opens();
}

/* The same with the right key, by somebody who may decrypt, too. */
static void test_right_key(void **state)
{
	struct volume forged = ours;
	const struct {
		const struct generation *g;
		uint64_t epoch;
		uint32_t lease_s;
		const char *word;
	} tries[] = {
		{ &local, 2, 60, "old copy" },
		{ &local, 3, 6000, "another policy" },
		{ &local, 3, 0, "another policy" },
		{ &second, 3, 60, "older than those" },
		{ &second, 2, 0, "older than those" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		write_raw(ours.place.device, ours.header[2]);
		forged.capsule.lease_s = tries[i].lease_s;
		bind_to(&forged, tries[i].g, tries[i].epoch, true);
		assert_pinned(tries[i].word);
	}
	assert_opens();
}

/* A host that does not know the volume has no pins: the README says so. */
static void test_without_pins(void **state)
{
	_cleanup_secret_ struct secret payload = SECRET_EMPTY;
	struct unlock_request req = our_table();

	(void)state;
	assert_int_equal(registry_remove(&op, ours.uuid), 0);
	write_raw(ours.place.device, ours.header[0]);
	assert_int_equal(unlock(ours.uuid, &req, &payload), 0);
	pin(&ours);
	assert_opens();
}

static int prepare(void **state)
{
	struct unlock_request req = our_table();

	(void)state;
	op_init(&op, 10000);
	make(&ours, "ours", NULL);
	make(&other, "other", NULL);
	pin(&ours);
	return unlock(ours.uuid, &req, &original);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_fields),
		cmocka_unit_test(test_older_headers),
		cmocka_unit_test(test_half_old),
		cmocka_unit_test(test_key_of_their_own),
		cmocka_unit_test(test_right_key),
		cmocka_unit_test(test_without_pins),
	};
	int r;

	if (scratch_setup() < 0 || scratch_entry("default", &local) < 0 ||
	    scratch_entry("second", &second) < 0)
		return 1;
	r = cmocka_run_group_tests_name("header-edits", tests, prepare, NULL);
	free((char *)ours.place.device);
	free((char *)other.place.device);
	capsule_free(&ours.capsule);
	capsule_free(&other.capsule);
	secret_free(&original);
	generation_free(&local);
	generation_free(&second);
	scratch_remove();
	return r;
}
