#include "base/test.h"

#include "daemon/identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena arena;
static struct fail fail;
static char directory[32];
static char key_path[64], name_path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/exeunt-identity-XXXXXX");
	arena_init(&arena, MEBIBYTE);
	fail = (struct fail){0};
	if (!mkdtemp(directory) || crypto_init() != RC_OK)
		return -1;
	snprintf(key_path, sizeof key_path, "%s/signing.key", directory);
	snprintf(name_path, sizeof name_path, "%s/server_name", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	unlink(key_path);
	unlink(name_path);
	return rmdir(directory);
}

static enum rc open_identity(struct signing_identity *identity)
{
	return identity_open(&arena, &rng_system, str_of(key_path), STR("example.org"), identity, &fail);
}

static void the_key_is_made_once_and_kept(void **state)
{
	(void)state;
	struct signing_identity first, second;
	struct stat status;
	assert_rc(open_identity(&first), RC_OK);
	assert_int_equal(stat(key_path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_true(str_starts(first.key_id, STR("ed25519:")));
	assert_int_equal(first.key_id.n, 8 + 6);
	assert_rc(open_identity(&second), RC_OK);
	assert_str(first.key_id, second.key_id);
	assert_memory_equal(&first.key, &second.key, sizeof first.key);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void a_key_of_another_server_can_be_carried_over(void **state)
{
	(void)state;
	struct signing_identity identity;
	write_text(key_path, "ed25519 a_OLD 9qrVwNf6HYoRFwnyEZvdVUZlTjHqkMbDNkLp3gZwUSU\n");
	assert_rc(open_identity(&identity), RC_OK);
	assert_str(identity.key_id, STR("ed25519:a_OLD"));
}

static void a_damaged_key_is_never_replaced(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"", "\n", "ed25519", "ed25519 a", "ed25519 a b", "rsa a 9qrVwNf6HYoRFwnyEZvdVUZlTjHqkMbDNkLp3gZwUSU\n",
		"ed25519  9qrVwNf6HYoRFwnyEZvdVUZlTjHqkMbDNkLp3gZwUSU\n",
		"ed25519 a 9qrVwNf6HYoRFwnyEZvdVUZlTjHqkMbDNkLp3gZwUS\n",
		"ed25519 a 9qrVwNf6HYoRFwnyEZvdVUZlTjHqkMbDNkLp3gZwUSU more\n",
	};
	struct signing_identity identity;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		char kept[200] = "";
		write_text(key_path, texts[i]);
		assert_rc_of(open_identity(&identity), RC_CORRUPT, texts[i]);
		assert_non_null(strstr(fail_message(&fail), key_path));
		FILE *file = fopen(key_path, "re");
		assert_non_null(file);
		size_t n = fread(kept, 1, sizeof kept - 1, file);
		fclose(file);
		assert_int_equal(n, strlen(texts[i]));
		assert_string_equal(kept, texts[i]);
	}
}

static void the_name_of_the_first_start_stays(void **state)
{
	(void)state;
	str at = str_of(directory);
	assert_rc(identity_keep_name(&arena, at, STR("example.org"), &fail), RC_OK);
	assert_rc(identity_keep_name(&arena, at, STR("example.org"), &fail), RC_OK);
	assert_rc(identity_keep_name(&arena, at, STR("localhost"), &fail), RC_INVALID_PARAM);
	assert_non_null(strstr(fail_message(&fail), "belong to the server example.org, not localhost"));
	assert_rc(identity_keep_name(&arena, at, STR("example.or"), &fail), RC_INVALID_PARAM);
}

static void a_directory_that_is_not_there_is_told(void **state)
{
	(void)state;
	struct signing_identity identity;
	str nowhere = STR("/nonexistent/exeunt");
	assert_rc(identity_keep_name(&arena, nowhere, STR("a"), &fail), RC_IO);
	assert_rc(identity_open(&arena, &rng_system, STR("/nonexistent/exeunt/signing.key"), STR("a"), &identity, &fail), RC_IO);
	assert_non_null(strstr(fail_message(&fail), "No such file"));
}

static void a_secret_is_the_first_line_of_its_file(void **state)
{
	(void)state;
	str secret;
	write_text(key_path, "correct horse\nbattery\n");
	assert_rc(secret_read(&arena, str_of(key_path), &secret, &fail), RC_OK);
	assert_str(secret, STR("correct horse"));
	write_text(key_path, "\nsecret\n");
	assert_rc(secret_read(&arena, str_of(key_path), &secret, &fail), RC_INVALID_PARAM);
	assert_non_null(strstr(fail_message(&fail), "is empty"));
	assert_rc(secret_read(&arena, STR("/nonexistent/secret"), &secret, &fail), RC_IO);
	assert_non_null(strstr(fail_message(&fail), "/nonexistent/secret"));
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	struct signing_identity identity;
	for (int64_t k = 0;; k++) {
		struct arena small;
		arena_init(&small, MEBIBYTE);
		arena_fail_after(k);
		enum rc rc = identity_open(&small, &rng_system, str_of(key_path), STR("a"), &identity, NULL);
		arena_fail_after(-1);
		arena_release(&small);
		if (rc == RC_OK) {
			assert_true(k > 0);
			return;
		}
		assert_rc(rc, RC_NOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_key_is_made_once_and_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_of_another_server_can_be_carried_over, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_key_is_never_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(the_name_of_the_first_start_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_that_is_not_there_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_secret_is_the_first_line_of_its_file, setup, teardown),
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
