// SPDX-License-Identifier: GPL-2.0-or-later
/* Entries and credentials on disk; as root, below a folder of our own. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/op.h"
#include "base/secret.h"
#include "kms/config-json.h"
#include "kms/config.h"

#define ID1 "11111111-1111-4111-8111-111111111111"
#define ID2 "22222222-2222-4222-8222-222222222222"

static char home[] = "/tmp/kmsc-config.XXXXXX";
static struct op op;

static void sample(struct entry *e)
{
	struct generation *g;

	*e = (struct entry){ .name = "default", .ngenerations = 2 };
	e->generations = calloc(2, sizeof(*e->generations));
	assert_non_null(e->generations);
	g = &e->generations[0];
	strcpy(g->id, ID1);
	g->provider = KMS_VAULT;
	g->created = 1700000000;
	g->set = 3;
	g->naddresses = 2;
	strcpy(g->addresses[0], "https://[::1]:8200/base");
	strcpy(g->addresses[1], "https://kms.example");
	strcpy(g->key_id, "disk-key");
	strcpy(g->mount, "team/transit");
	strcpy(g->ns, "a/b");
	g->login = LOGIN_KUBERNETES;
	strcpy(g->auth_mount, "cluster/a");
	strcpy(g->role, "no\"de");
	strcpy(g->jwt_file, "/var/run/token");
	strcpy(g->proxy, "http://proxy.example:3128");
	g->open_only = true;
	g = &e->generations[1];
	strcpy(g->id, ID2);
	g->provider = KMS_KMIP;
	g->state = GENERATION_RETIRING;
	g->naddresses = 1;
	strcpy(g->addresses[0], "kms.example:5696");
	strcpy(g->key_id, "7");
	strcpy(g->server_name, "kms.test");
	strcpy(g->kmip_version, "1.4");
	g->mode = WRAP_MODE_GCM;
	strcpy(g->username, "us\"er");
	strcpy(g->ciphers, "ECDHE+AESGCM:AES256");
}

static void test_round_trip(void **state)
{
	_cleanup_entry_ struct entry e = { .ngenerations = 0 };
	_cleanup_entry_ struct entry back = { .ngenerations = 0 };
	struct generation *g, *h;
	size_t i;

	(void)state;
	sample(&e);
	assert_int_equal(config_save(&op, &e), 0);
	assert_int_equal(config_load(&op, "default", &back), 0);
	assert_string_equal(back.name, "default");
	assert_int_equal(back.ngenerations, 2);
	for (i = 0; i < 2; i++) {
		g = &e.generations[i];
		h = &back.generations[i];
		assert_memory_equal(g, h, offsetof(struct generation, token));
	}
}

static int save_changed(void (*change)(struct generation *g))
{
	_cleanup_entry_ struct entry e = { .ngenerations = 0 };

	sample(&e);
	change(&e.generations[0]);
	return config_save(&op, &e);
}

static void bad_key(struct generation *g)
{
	strcpy(g->key_id, "../x");
}

static void bad_mount(struct generation *g)
{
	g->mount[0] = '\0';
}

static void bad_ns(struct generation *g)
{
	strcpy(g->ns, "a/");
}

static void bad_address(struct generation *g)
{
	strcpy(g->addresses[1], "https://a\r\nb");
}

static void no_address(struct generation *g)
{
	g->naddresses = 0;
}

static void same_id(struct generation *g)
{
	strcpy(g->id, ID2);
}

static void bad_id(struct generation *g)
{
	memcpy(g->id, "../", 3);
}

static void two_current(struct generation *g)
{
	g[1].state = GENERATION_CURRENT;
}

static void no_role(struct generation *g)
{
	g->role[0] = '\0';
}

static void relative_jwt(struct generation *g)
{
	strcpy(g->jwt_file, "token");
}

static void jwt_of_a_token(struct generation *g)
{
	g->login = LOGIN_TOKEN;
	g->role[0] = '\0';
}

static void password_in_proxy(struct generation *g)
{
	strcpy(g->proxy, "http://a:b@proxy.example");
}

static void login_of_kmip(struct generation *g)
{
	g[1].login = LOGIN_CERT;
}

typedef void (*change_fn)(struct generation *g);

/* Nothing is written that could not be read again. */
static void test_invalid(void **state)
{
	static const change_fn changes[] = {
		bad_key,       bad_mount,    bad_ns,	     bad_address,
		no_address,    same_id,	     bad_id,	     two_current,
		no_role,       relative_jwt, jwt_of_a_token, password_in_proxy,
		login_of_kmip,
	};
	_cleanup_entry_ struct entry back = { .ngenerations = 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_int_equal(save_changed(changes[i]), -EINVAL);
	assert_int_equal(config_load(&op, "default", &back), 0);
	assert_string_equal(back.generations[0].key_id, "disk-key");
}

static void write_entry(const char *name, const char *text)
{
	_cleanup_free_ char *path =
		file_path(PLACE_CONFIG, "entries", name, NULL);

	assert_int_equal(file_mkdirs(path), 0);
	assert_int_equal(file_write(path, text, strlen(text)), 0);
}

static void remove_entry(const char *name)
{
	_cleanup_free_ char *path =
		file_path(PLACE_CONFIG, "entries", name, NULL);

	assert_int_equal(file_remove(path), 0);
}

static void test_damaged(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{\"version\":2,\"name\":\"bad\",\"generations\":[]}",
		"{\"version\":1,\"name\":\"other\",\"generations\":[]}",
		"{\"version\":1,\"name\":\"bad\"}",
		"{\"version\":1,\"name\":\"bad\",\"generations\":[7]}",
		"{\"version\":1,\"name\":\"bad\",\"generations\":[null]}",
		"{\"version\":1,\"name\":\"bad\",\"generations\":[{}]}",
	};
	_cleanup_entry_ struct entry e = { .ngenerations = 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_entry("bad.json", bad[i]);
		assert_int_equal(config_load(&op, "bad", &e), -EBADMSG);
		assert_non_null(strstr(op.detail, "bad.json is damaged"));
	}
	assert_int_equal(config_load(&op, "absent", &e), -ENODATA);
	assert_int_equal(config_load(&op, "../default", &e), -EINVAL);
	assert_int_equal(config_load(&op, ".hidden", &e), -EINVAL);
	remove_entry("bad.json");
}

static void test_credentials(void **state)
{
	_cleanup_generation_ struct generation g = { .id = ID1, .set = 3 };
	_cleanup_generation_ struct generation found = { .id = "" };
	_cleanup_generation_ struct generation current = { .id = "" };
	_cleanup_free_ char *path =
		file_path(PLACE_CONFIG, "credentials", ID1 ".3", "token");
	char name[CONFIG_ENTRY_NAME_MAX] = "";
	struct stat st;

	(void)state;
	assert_int_equal(secret_copy(&g.token, "s.token", 7), 0);
	assert_int_equal(secret_copy(&g.client_key, "key\n", 4), 0);
	g.ca_cert = strdup("ca\n");
	assert_int_equal(config_save_credentials(&op, &g), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(config_find(&op, ID1, &found, name), 0);
	assert_string_equal(name, "default");
	assert_string_equal(found.mount, "team/transit");
	assert_true(secret_equal(&found.token, &g.token));
	assert_true(secret_equal(&found.client_key, &g.client_key));
	assert_string_equal(found.ca_cert, "ca\n");
	assert_null(found.client_cert);
	assert_int_equal(found.password.len, 0);
	assert_int_equal(config_current(&op, "default", &current), 0);
	assert_string_equal(current.id, ID1);
	/* saved again without the token: it is gone */
	secret_free(&g.token);
	assert_int_equal(config_save_credentials(&op, &g), 0);
	assert_int_equal(access(path, F_OK), -1);
	memcpy(g.id, "../../", 6);
	assert_int_equal(config_save_credentials(&op, &g), -EINVAL);
	assert_int_equal(config_drop_credentials(&op, &g), -EINVAL);
}

static void test_find(void **state)
{
	_cleanup_generation_ struct generation g = { .id = "" };
	const char *absent = "33333333-3333-4333-8333-333333333333";

	(void)state;
	assert_int_equal(config_find(&op, absent, &g, NULL), -ENODATA);
	assert_int_equal(config_find(&op, "x", &g, NULL), -EBADMSG);
	/* a damaged entry hides none but its own generations */
	write_entry("aaa.json", "{");
	assert_int_equal(config_find(&op, ID2, &g, NULL), 0);
	assert_string_equal(op.detail, "");
	assert_int_equal(config_find(&op, absent, &g, NULL), -EBADMSG);
	remove_entry("aaa.json");
}

static void test_list(void **state)
{
	char **names;
	size_t n;

	(void)state;
	write_entry("b.json", "{}");
	write_entry(".b.json.kmscrypt-new", "{}");
	write_entry("README", "{}");
	write_entry(".json", "{}");
	write_entry("a b.json", "{}");
	assert_int_equal(config_list(&op, &names, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(names[0], "b");
	assert_string_equal(names[1], "default");
	free(names[0]);
	free(names[1]);
	free(names);
	remove_entry("b.json");
}

static bool always(const char *id)
{
	(void)id;
	return true;
}

static bool never(const char *id)
{
	(void)id;
	return false;
}

/* While an entry cannot be read, no credentials are nobody's. */
static void test_sweep(void **state)
{
	_cleanup_generation_ struct generation g = {
		.id = "44444444-4444-4444-8444-444444444444",
	};
	_cleanup_free_ char *stray =
		file_path(PLACE_CONFIG, "credentials", g.id, NULL);
	_cleanup_free_ char *own =
		file_path(PLACE_CONFIG, "credentials", ID1 ".3", NULL);
	_cleanup_free_ char *old =
		file_path(PLACE_CONFIG, "credentials", ID1 ".2", NULL);
	_cleanup_free_ char *theirs =
		file_path(PLACE_CONFIG, "credentials", ID1 ".03", NULL);

	(void)state;
	assert_int_equal(secret_copy(&g.token, "s.token", 7), 0);
	assert_int_equal(config_save_credentials(&op, &g), 0);
	write_entry("aaa.json", "{");
	assert_int_equal(config_sweep(&op, never), -EBADMSG);
	assert_int_equal(access(stray, F_OK), 0);
	remove_entry("aaa.json");
	assert_int_equal(config_sweep(&op, always), 0);
	assert_int_equal(access(stray, F_OK), 0);
	assert_int_equal(mkdir(old, 0700), 0);
	assert_int_equal(mkdir(theirs, 0700), 0);
	assert_int_equal(config_sweep(&op, never), 0);
	assert_int_equal(access(stray, F_OK), -1);
	assert_int_equal(access(own, F_OK), 0);
	/* another set of a generation that an entry has, needed or not */
	assert_int_equal(access(old, F_OK), -1);
	assert_int_equal(access(theirs, F_OK), 0);
	assert_int_equal(rmdir(theirs), 0);
	assert_int_equal(mkdir(old, 0700), 0);
	assert_int_equal(config_sweep(&op, always), 0);
	assert_int_equal(access(old, F_OK), -1);
}

static void test_remove(void **state)
{
	_cleanup_free_ char *path =
		file_path(PLACE_CONFIG, "credentials", ID1 ".3", NULL);
	_cleanup_entry_ struct entry e = { .ngenerations = 0 };
	_cleanup_entry_ struct entry gone = { .ngenerations = 0 };

	(void)state;
	assert_int_equal(access(path, F_OK), 0);
	sample(&e);
	assert_int_equal(config_remove(&op, &e), 0);
	assert_int_equal(config_remove(&op, &e), 0);
	assert_int_equal(config_load(&op, "default", &gone), -ENODATA);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_lock(void **state)
{
	struct op quick;
	int fd = -1, second = -1;

	(void)state;
	op_init(&quick, 100);
	assert_int_equal(config_lock(&op, &fd), 0);
	assert_int_equal(config_lock(&quick, &second), -EBUSY);
	assert_int_equal(second, -1);
	close(fd);
	op_init(&quick, 100);
	assert_int_equal(config_lock(&quick, &second), 0);
	close(second);
}

static void test_ids(void **state)
{
	char a[WRAPPED_ENTRY_LEN + 1], b[WRAPPED_ENTRY_LEN + 1];

	(void)state;
	assert_int_equal(generation_new_id(a), 0);
	assert_int_equal(generation_new_id(b), 0);
	assert_true(wrapped_entry_ok(a));
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	assert_string_not_equal(a, b);
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_ids),
	};
	int r;

	if (getuid() != 0) {
		fprintf(stderr, "must run as root\n");
		return 1;
	}
	if (secret_init() < 0 || !mkdtemp(home))
		return 1;
	setenv("KMSCRYPT_ROOT", home, 1);
	file_allow_root();
	op_init(&op, 0);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}
