// SPDX-License-Identifier: GPL-2.0-or-later
/* Volume to key, with the local provider, and every way to be lied to. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "kms/kms.h"
#include "luks2-edit.h"
#include "scratch.h"
#include "volume/unlock.h"

#define MIB (1024 * 1024)

/* A volume with one local binding, new for each test. */
static struct op op;
static struct generation local;
static struct secret key;
static char *image;
static struct luks_place place;
static struct capsule capsule;
static char uuid[KMSC_UUID_STR_LEN + 1];

static void add_binding(const struct generation *g, uint64_t epoch)
{
	_cleanup_header_ struct header h = { 0 };
	_cleanup_binding_ struct binding b = { 0 };
	_cleanup_kms_ struct kms *kms = NULL;

	capsule.epoch = epoch;
	assert_int_equal(luks_read(&op, &place, &h), 0);
	assert_int_equal(kms_open(&op, g, &kms), 0);
	assert_int_equal(unlock_wrap(&op, kms, &h, &capsule, 0, NULL, &b), 0);
	assert_int_equal(luks_add(&op, &place, h.uuid, &b), 0);
}

static int setup(void **state)
{
	_cleanup_header_ struct header h = { 0 };
	struct luks_format f = { 0 };

	(void)state;
	op_init(&op, 10000);
	free(image);
	image = scratch_image("volume", 32 * MIB);
	place = (struct luks_place){ .device = image };
	assert_int_equal(luks_format(&op, &place, &f, &key, &h), 0);
	memcpy(uuid, h.uuid, sizeof(uuid));
	capsule_free(&capsule);
	capsule = (struct capsule){ .lease_s = 60, .queue_cap_s = 90 };
	assert_int_equal(secret_copy(&capsule.key, key.data, key.len), 0);
	add_binding(&local, 1);
	return 0;
}

/* The whole way. @req may be NULL. */
static int unlock(const struct unlock_request *req, unsigned int flags)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	int r;

	op_clear(&op);
	r = unlock_prepare(&op, &place, NULL, req, flags, &plan);
	if (r == 0)
		r = unlock_run(&op, &plan, &u);
	if (r == 0) {
		assert_true(secret_equal(&u.capsule.key, &key));
		assert_int_equal(u.capsule.lease_s, 60);
	} else {
		assert_true(op.detail[0]);
		assert_null(u.capsule.key.data);
	}
	return r;
}

static struct unlock_request good_request(void)
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

static void test_opens(void **state)
{
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	struct unlock_request req = good_request();

	(void)state;
	assert_int_equal(unlock(NULL, 0), 0);
	assert_int_equal(unlock(&req, 0), 0);
	assert_int_equal(unlock_prepare(&op, &place, uuid, &req, 0, &plan), 0);
	assert_int_equal(plan.n, 1);
	assert_string_equal(plan.candidates[0].entry, "default");
	unlock_plan_free(&plan);
	assert_int_equal(unlock_prepare(&op, &place,
					"0c1d2e3f-4051-6273-8495-a6b7c8d9eafb",
					NULL, 0, &plan),
			 -EKEYREJECTED);
}

static void assert_refused(const struct unlock_request *req, const char *word)
{
	assert_int_equal(unlock(req, 0), -EKEYREJECTED);
	if (!strstr(op.detail, word))
		fail_msg("'%s' is not in: %s", word, op.detail);
}

static void test_table_differs(void **state)
{
	struct unlock_request req = good_request();

	(void)state;
	strcpy(req.cipher, "aes-cbc-plain64");
	assert_refused(&req, "cipher");
	req = good_request();
	req.key_bytes = 32;
	assert_refused(&req, "key length");
	req = good_request();
	req.sector_size = 512;
	assert_refused(&req, "sector size");
	req = good_request();
	req.iv_offset = 1;
	assert_refused(&req, "iv_offset");
	req = good_request();
	req.offset++;
	assert_refused(&req, "offset");
	req = good_request();
	req.flags = KMSC_DESC_IV_LARGE_SECTORS;
	assert_refused(&req, "iv_large_sectors");
}

/* One member of segment, digest or token, set to another value. */
struct lie {
	const char *object, *member, *value;
	int expected;
};

static void tell(struct json_object *root, const void *arg)
{
	const struct lie *lie = arg;
	struct json_object *list, *obj;

	json_object_object_get_ex(root, lie->object, &list);
	json_object_object_get_ex(list, "0", &obj);
	json_object_object_add(obj, lie->member,
			       json_tokener_parse(lie->value));
}

#define REJECTED (-EKEYREJECTED)

static const struct lie lies[] = {
	{ "segments", "offset", "\"17825792\"", REJECTED },
	/* libcryptsetup sees that it overlaps the keyslots */
	{ "segments", "offset", "\"8388608\"", -EBADMSG },
	{ "segments", "size", "\"1048576\"", REJECTED },
	{ "segments", "iv_tweak", "\"8\"", REJECTED },
	{ "segments", "encryption", "\"aes-xts-plain\"", REJECTED },
	{ "segments", "encryption", "\"aes-cbc-plain64\"", REJECTED },
	{ "segments", "encryption", "\"cipher_null-ecb\"", -EBADMSG },
	{ "segments", "encryption", "\"capi:ecb(cipher_null)-plain64\"",
	  -EBADMSG },
	{ "segments", "encryption", "\"aes-xts-plain64 1 evil\"", -EBADMSG },
	{ "segments", "sector_size", "512", REJECTED },
	{ "segments", "flags", "[\"x\"]", -EBADMSG },
	{ "segments", "integrity",
	  "{\"type\":\"hmac(sha256)\",\"journal_encryption\":\"none\","
	  "\"journal_integrity\":\"none\"}",
	  REJECTED },
	{ "segments", "integrity",
	  "{\"type\":\"hmac(sha256)\",\"journal_encryption\":\"none\","
	  "\"journal_integrity\":\"none\",\"key_size\":32}",
	  REJECTED },
	{ "segments", "integrity",
	  "{\"type\":\"hmac(sha256)\",\"journal_encryption\":\"none\","
	  "\"journal_integrity\":\"none\",\"key_size\":20}",
	  -EBADMSG },
	{ "segments", "integrity",
	  "{\"type\":\"aead\",\"journal_encryption\":\"ctr(aes)\","
	  "\"journal_integrity\":\"none\"}",
	  -EBADMSG },
	{ "segments", "integrity",
	  "{\"type\":\"aead\",\"journal_encryption\":\"none\","
	  "\"journal_integrity\":\"hmac(sha256)\"}",
	  -EBADMSG },
	{ "digests", "hash", "\"sha512\"", REJECTED },
	{ "digests", "iterations", "1001", REJECTED },
	{ "digests", "salt",
	  "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	  "\"",
	  REJECTED },
	{ "digests", "digest",
	  "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	  "AA=\"",
	  REJECTED },
	{ "tokens", "version", "2", -EBADMSG },
	{ "tokens", "must", "[\"x\"]", -EBADMSG },
	{ "tokens", "key_bytes", "32", REJECTED },
	{ "tokens", "entry", "\"0c1d2e3f-4051-4273-8495-a6b7c8d9eafb\"",
	  -ENODATA },
	{ "tokens", "provider", "\"kmip\"", -EBADMSG },
	{ "tokens", "key_id", "\"other\"", REJECTED },
	{ "tokens", "key_id", "\"../x\"", -EBADMSG },
	{ "tokens", "mount", "\"transit\"", -EBADMSG },
	{ "tokens", "mode", "\"ctr\"", -EBADMSG },
	{ "tokens", "iv", "\"AAAAAAAAAAAAAAAA\"", REJECTED },
	{ "tokens", "tag", "\"AAAAAAAAAAAAAAAAAAAAAA==\"", REJECTED },
	{ "tokens", "wrapped", "\"AAAA\"", REJECTED },
	{ "tokens", "wrapped", "\"A\"", -EBADMSG },
	/* what does not count */
	{ "tokens", "address", "\"https://elsewhere.example\"", 0 },
	{ "tokens", "comment", "{\"a\":1}", 0 },
};

static void test_header_lies(void **state)
{
	int messages = 0;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		int r;

		setup(state);
		assert_int_equal(luks2_edit(image, tell, &lies[i]), 0);
		r = unlock(NULL, 0);
		if (r != lies[i].expected)
			fail_msg("%s.%s = %s: %d (%s)", lies[i].object,
				 lies[i].member, lies[i].value, r, op.detail);
		/* no oracle: the same words for every rejection */
		if (r == -EKEYREJECTED) {
			assert_string_equal(op.detail, CAPSULE_REJECTED);
			messages++;
		}
	}
	assert_true(messages > 10);
}

static void second_segment(struct json_object *root, const void *arg)
{
	struct json_object *list, *obj, *copy = NULL;

	(void)arg;
	json_object_object_get_ex(root, "segments", &list);
	json_object_object_get_ex(list, "0", &obj);
	json_object_object_add(obj, "size", json_object_new_string("1048576"));
	json_object_deep_copy(obj, &copy, NULL);
	json_object_object_add(copy, "offset",
			       json_object_new_string("17825792"));
	json_object_object_add(list, "1", copy);
	json_object_object_get_ex(root, "digests", &list);
	json_object_object_get_ex(list, "0", &obj);
	json_object_object_get_ex(obj, "segments", &list);
	json_object_array_add(list, json_object_new_string("1"));
}

static void test_two_segments(void **state)
{
	(void)state;
	assert_int_equal(luks2_edit(image, second_segment, NULL), 0);
	assert_int_equal(unlock(NULL, 0), -EBADMSG);
	assert_non_null(strstr(op.detail, "one segment"));
}

static struct json_object *stolen;

static void steal(struct json_object *root, const void *arg)
{
	struct json_object *list, *obj;

	(void)arg;
	json_object_object_get_ex(root, "tokens", &list);
	json_object_object_get_ex(list, "0", &obj);
	json_object_put(stolen);
	stolen = NULL;
	json_object_deep_copy(obj, &stolen, NULL);
}

static void plant(struct json_object *root, const void *arg)
{
	struct json_object *list;

	(void)arg;
	json_object_object_get_ex(root, "tokens", &list);
	json_object_object_add(list, "0", json_object_get(stolen));
}

static void test_token_of_another_volume(void **state)
{
	assert_int_equal(luks2_edit(image, steal, NULL), 0);
	setup(state);
	assert_int_equal(luks2_edit(image, plant, NULL), 0);
	assert_int_equal(unlock(NULL, 0), -EKEYREJECTED);
	assert_string_equal(op.detail, CAPSULE_REJECTED);
	json_object_put(stolen);
	stolen = NULL;
}

static void test_no_binding(void **state)
{
	_cleanup_header_ struct header h = { 0 };

	(void)state;
	assert_int_equal(luks_read(&op, &place, &h), 0);
	assert_int_equal(luks_remove(&op, &place, uuid, &h.bindings[0]), 0);
	assert_int_equal(unlock(NULL, 0), -ENODATA);
}

static void pin(uint64_t epoch)
{
	struct registry_volume v = { 0 };

	memcpy(v.uuid, uuid, sizeof(uuid));
	capsule.epoch = epoch;
	assert_int_equal(registry_pin(&v, local.id, "default", &capsule, true),
			 0);
	assert_int_equal(registry_save(&op, &v), 0);
}

static void test_pins(void **state)
{
	_cleanup_free_ char *path = NULL;
	char name[64];

	(void)state;
	pin(1);
	assert_int_equal(unlock(NULL, 0), 0);
	pin(2);
	assert_int_equal(unlock(NULL, 0), -EKEYREJECTED);
	assert_non_null(strstr(op.detail, "--accept-header"));
	assert_int_equal(unlock(NULL, UNLOCK_ACCEPT_HEADER), 0);
	capsule.key.data[0] ^= 1;
	pin(1);
	assert_int_equal(unlock(NULL, 0), -EKEYREJECTED);
	/* a damaged record is not an unknown volume */
	snprintf(name, sizeof(name), "%s.json", uuid);
	path = file_path(PLACE_STATE, "volumes", name, NULL);
	assert_int_equal(file_write(path, "{", 1), 0);
	assert_int_equal(unlock(NULL, 0), -EBADMSG);
}

/* A change of the lease that was killed has come to another binding alone. */
static void test_terms(void **state)
{
	static const char other[] = "aaaaaaaa-0000-4000-8000-000000000000";
	_cleanup_plan_ struct unlock_plan plan = { 0 };
	_cleanup_unlocked_ struct unlocked u = { 0 };
	struct registry_volume v = { 0 };

	(void)state;
	pin(1);
	assert_int_equal(registry_load(&op, uuid, &v), 0);
	capsule.epoch = 2;
	capsule.lease_s = 30;
	capsule.queue_cap_s = 40;
	capsule.policy = KMSC_POLICY_ON_LOCK_QUEUE;
	assert_int_equal(registry_pin(&v, other, "second", &capsule, false), 0);
	assert_int_equal(registry_save(&op, &v), 0);
	assert_int_equal(unlock_prepare(&op, &place, NULL, NULL, 0, &plan), 0);
	assert_int_equal(unlock_run(&op, &plan, &u), 0);
	/* what is in the capsule stays, for lease to finish its work */
	assert_int_equal(u.capsule.epoch, 1);
	assert_int_equal(u.capsule.lease_s, 60);
	assert_int_equal(u.terms.lease_s, 30);
	assert_int_equal(u.terms.queue_cap_s, 40);
	assert_int_equal(u.terms.policy, KMSC_POLICY_ON_LOCK_QUEUE);
	unlocked_free(&u);
	unlock_plan_free(&plan);
	/* an older one says nothing */
	v.bindings[1].epoch = 0;
	assert_int_equal(registry_save(&op, &v), 0);
	assert_int_equal(unlock_prepare(&op, &place, NULL, NULL, 0, &plan), 0);
	assert_int_equal(unlock_run(&op, &plan, &u), 0);
	assert_int_equal(u.terms.lease_s, 60);
	assert_int_equal(u.terms.queue_cap_s, 90);
	assert_int_equal(u.terms.policy, 0);
}

/* A listening socket that never says anything, or a closed port. */
static int port_of(int *fd, int silent)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&a, &len), 0);
	if (silent)
		assert_int_equal(listen(*fd, 8), 0);
	return ntohs(a.sin_port);
}

/* Token number 0 becomes one of a Vault at @port; the good one moves to 1. */
static void vault_first(struct json_object *root, const void *arg)
{
	struct json_object *list, *obj;
	const struct generation *g = arg;

	json_object_object_get_ex(root, "tokens", &list);
	json_object_object_get_ex(list, "0", &obj);
	json_object_object_add(list, "1", json_object_get(obj));
	obj = json_tokener_parse("{\"type\":\"kmscrypt\",\"keyslots\":[],"
				 "\"version\":1,\"must\":[],\"key_bytes\":64,"
				 "\"provider\":\"vault\",\"key_id\":\"k\","
				 "\"mount\":\"transit\","
				 "\"wrapped\":\"vault:v1:AAAA\"}");
	json_object_object_add(obj, "entry", json_object_new_string(g->id));
	json_object_object_add(list, "0", obj);
}

static void make_vault(struct generation *g, int port)
{
	struct entry e = { .name = "v", .ngenerations = 1, .generations = g };

	*g = (struct generation){
		.provider = KMS_VAULT,
		.naddresses = 1,
		.key_id = "k",
		.mount = "transit",
	};
	assert_int_equal(generation_new_id(g->id), 0);
	snprintf(g->addresses[0], sizeof(g->addresses[0]),
		 "https://127.0.0.1:%d", port);
	assert_int_equal(secret_copy(&g->token, "t", 1), 0);
	assert_int_equal(config_save_credentials(&op, g), 0);
	if (config_save(&op, &e) < 0)
		fail_msg("%s", op.detail);
}

static void test_one_kms_is_enough(void **state)
{
	_cleanup_generation_ struct generation g = { 0 };
	_cleanup_close_ int fd = -1;

	(void)state;
	make_vault(&g, port_of(&fd, 1));
	assert_int_equal(luks2_edit(image, vault_first, &g), 0);
	/* the silent one gets half of the time, and the other one answers */
	op_init(&op, 4000);
	assert_int_equal(unlock(NULL, 0), 0);
	assert_true(op_left_ms(&op, 4000) > 1000);
}

static const struct lie broken_second = { "tokens", "tag",
					  "\"AAAAAAAAAAAAAAAAAAAAAA==\"", 0 };
static const struct lie unknown_second = {
	"tokens", "entry", "\"0c1d2e3f-4051-4273-8495-a6b7c8d9eafb\"", 0
};

static void test_decision_wins(void **state)
{
	_cleanup_generation_ struct generation g = { 0 };
	_cleanup_close_ int fd = -1;
	int r;

	(void)state;
	make_vault(&g, port_of(&fd, 0));
	/* unreachable, then rejected: rejected */
	assert_int_equal(luks2_edit(image, tell, &broken_second), 0);
	assert_int_equal(luks2_edit(image, vault_first, &g), 0);
	r = unlock(NULL, 0);
	if (r != -EKEYREJECTED)
		fail_msg("%d: %s", r, op.detail);
	assert_string_equal(op.detail, CAPSULE_REJECTED);
	/* unreachable, and one that this host does not know: unreachable */
	setup(state);
	assert_int_equal(luks2_edit(image, tell, &unknown_second), 0);
	assert_int_equal(luks2_edit(image, vault_first, &g), 0);
	assert_int_equal(unlock(NULL, 0), -EHOSTUNREACH);
}

/* What is kept of a binding that is wrapped anew, and iv_large_sectors. */
static void test_wrap_again(void **state)
{
	static const struct lie comment = { "tokens", "comment", "[7]", 0 };
	_cleanup_header_ struct header h = { 0 };
	_cleanup_binding_ struct binding b = { 0 };
	_cleanup_kms_ struct kms *kms = NULL;
	struct unlock_request req = good_request();
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(luks2_edit(image, tell, &comment), 0);
	assert_int_equal(luks_read(&op, &place, &h), 0);
	assert_int_equal(kms_open(&op, &local, &kms), 0);
	capsule.epoch = 2;
	assert_int_equal(unlock_wrap(&op, kms, &h, &capsule,
				     KMSC_DESC_IV_LARGE_SECTORS, &h.bindings[0],
				     &b),
			 0);
	assert_int_equal(luks_replace(&op, &place, uuid, &h.bindings[0], &b),
			 0);
	assert_int_equal(binding_to_json(&op, &b, &text), 0);
	assert_non_null(strstr(text, "\"comment\":[7]"));
	req.flags = KMSC_DESC_IV_LARGE_SECTORS;
	assert_int_equal(unlock(&req, 0), 0);
	req.flags = 0;
	assert_refused(&req, "iv_large_sectors");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_opens, setup),
		cmocka_unit_test_setup(test_table_differs, setup),
		cmocka_unit_test_setup(test_header_lies, setup),
		cmocka_unit_test_setup(test_two_segments, setup),
		cmocka_unit_test_setup(test_token_of_another_volume, setup),
		cmocka_unit_test_setup(test_no_binding, setup),
		cmocka_unit_test_setup(test_pins, setup),
		cmocka_unit_test_setup(test_terms, setup),
		cmocka_unit_test_setup(test_one_kms_is_enough, setup),
		cmocka_unit_test_setup(test_decision_wins, setup),
		cmocka_unit_test_setup(test_wrap_again, setup),
	};
	int r;

	if (scratch_setup() < 0 || secret_random(&key, 64) < 0 ||
	    scratch_entry("default", &local) < 0)
		return 1;
	r = cmocka_run_group_tests_name("unlock", tests, NULL, NULL);
	free(image);
	capsule_free(&capsule);
	secret_free(&key);
	generation_free(&local);
	scratch_remove();
	return r;
}
