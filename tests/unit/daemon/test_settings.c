#include "base/test.h"

#include "daemon/settings_int.h"
#include "matrix/room_version.h"

static struct arena arena;
static struct settings settings;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, MEBIBYTE);
	settings_default(&settings);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void defaults_are_those_of_the_rows(void **state)
{
	(void)state;
	assert_str(settings.server_name, STR("localhost"));
	assert_str(settings.http_listen, STR("127.0.0.1:8008"));
	assert_int_equal(settings.registration_mode, 0);
	assert_true(settings.rate_limit_enabled);
	assert_true(str_eq(settings.rooms_default_version, STR("12")));
	assert_rc(settings_check(&settings, NULL), RC_OK);
}

static void every_default_obeys_its_own_row(void **state)
{
	(void)state;
	size_t count;
	const struct setting *rows = settings_rows(&count);
	for (size_t i = 0; i < count; i++) {
		str value = rows[i].text;
		if (rows[i].kind == KIND_INTEGER)
			value = arena_printf(&arena, "%lld", (long long)rows[i].number);
		else if (rows[i].kind == KIND_BOOL)
			value = rows[i].number ? STR("true") : STR("false");
		assert_rc_of(setting_assign(&settings, &rows[i], &arena, value, NULL), RC_OK, rows[i].name.p);
	}
}

static void each_kind_can_be_set(void **state)
{
	(void)state;
	assert_rc(settings_set(&settings, &arena, STR("server.name=example.org"), NULL), RC_OK);
	assert_rc(settings_set(&settings, &arena, STR("http.worker_threads=256"), NULL), RC_OK);
	assert_rc(settings_set(&settings, &arena, STR("rate_limit.enabled=false"), NULL), RC_OK);
	assert_rc(settings_set(&settings, &arena, STR("registration.mode=token"), NULL), RC_OK);
	assert_rc(settings_set(&settings, &arena, STR("registration.token=a=b"), NULL), RC_OK);
	assert_str(settings.server_name, STR("example.org"));
	assert_int_equal(settings.http_worker_threads, 256);
	assert_false(settings.rate_limit_enabled);
	assert_int_equal(settings.registration_mode, 2);
	assert_str(settings.registration_token, STR("a=b"));
}

static void every_room_version_can_be_the_default(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t i = 0; i < count; i++) {
		str assignment = arena_printf(&arena, "rooms.default_version=%.*s", STR_ARG(versions[i].name));
		assert_rc(settings_set(&settings, &arena, assignment, NULL), RC_OK);
		assert_str(settings.rooms_default_version, versions[i].name);
	}
}

static void a_wrong_assignment_is_named_and_changes_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *assignment, *part;
	} rows[] = {
		{"server.name", "SECTION.NAME=VALUE"},
		{"name=x", "SECTION.NAME=VALUE"},
		{"", "SECTION.NAME=VALUE"},
		{"server.nam=x", "there is no setting server.nam"},
		{"servr.name=x", "nor such a section"},
		{"server.name=", "server.name takes a text of 1 to 230 bytes"},
		{"http.loop_threads=0", "http.loop_threads takes a number from 1 to 64, not '0'"},
		{"http.loop_threads=65", "from 1 to 64"},
		{"http.loop_threads=+1", "from 1 to 64"},
		{"http.loop_threads=1 ", "from 1 to 64"},
		{"http.loop_threads=99999999999999999999", "from 1 to 64"},
		{"rate_limit.enabled=yes", "takes true or false, not 'yes'"},
		{"registration.mode=Open", "takes one of closed|open|token, not 'Open'"},
		{"registration.mode=", "takes one of"},
		{"rooms.default_version=13", "takes one of 1|2|3|4|5|6|7|8|9|10|11|12, not '13'"},
		{"rooms.default_version=", "takes one of 1|"},
	};
	const struct settings before = settings;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = {0};
		assert_rc_of(settings_set(&settings, &arena, str_of(rows[i].assignment), &fail), RC_INVALID_PARAM,
		             rows[i].assignment);
		if (!strstr(fail_message(&fail), rows[i].part))
			fail_msg("%s: %s", rows[i].assignment, fail_message(&fail));
		assert_memory_equal(&settings, &before, sizeof before);
	}
}

static void listen_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host;
		uint16_t port;
	} right[] = {
		{"127.0.0.1:8008", "127.0.0.1", 8008},
		{"0.0.0.0:0", "0.0.0.0", 0},
		{"[::1]:65535", "::1", 65535},
	};
	static const char *const wrong[] = {
		"", ":", "8008", ":8008", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:8008",
		"[127.0.0.1]:1", "[::1]", "[]:1", "localhost:8008", "1.2.3:4", "[::1:8008",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
	};
	str host;
	uint16_t port;
	for (size_t i = 0; i < COUNT_OF(right); i++) {
		assert_true(listen_parse(str_of(right[i].text), &host, &port));
		assert_str(host, str_of(right[i].host));
		assert_int_equal(port, right[i].port);
	}
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (listen_parse(str_of(wrong[i]), &host, &port))
			fail_msg("'%s' was taken", wrong[i]);
}

static void what_no_row_can_judge(void **state)
{
	(void)state;
	static const struct {
		const char *assignment, *part;
	} rows[] = {
		{"server.name=a b", "server.name"},
		{"http.listen=nowhere:1", "http.listen"},
		{"server.base_url=ftp://x", "server.base_url"},
		{"http.trusted_proxies=10.0.0.1,proxy.example", "http.trusted_proxies: 'proxy.example' is no ADDRESS"},
		{"deactivation.retry_first_ms=86400000", "retry_first_ms"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = {0};
		settings_default(&settings);
		assert_rc(settings_set(&settings, &arena, str_of(rows[i].assignment), NULL), RC_OK);
		assert_rc_of(settings_check(&settings, &fail), RC_INVALID_PARAM, rows[i].assignment);
		if (!strstr(fail_message(&fail), rows[i].part))
			fail_msg("%s: %s", rows[i].assignment, fail_message(&fail));
	}
}

static void a_text_that_finds_no_memory_is_told(void **state)
{
	(void)state;
	arena_fail_after(0);
	enum rc rc = settings_set(&settings, &arena, STR("server.name=example.org"), NULL);
	arena_fail_after(-1);
	assert_rc(rc, RC_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults_are_those_of_the_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(every_default_obeys_its_own_row, setup, teardown),
		cmocka_unit_test_setup_teardown(each_kind_can_be_set, setup, teardown),
		cmocka_unit_test_setup_teardown(every_room_version_can_be_the_default, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_assignment_is_named_and_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(listen_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(what_no_row_can_judge, setup, teardown),
		cmocka_unit_test_setup_teardown(a_text_that_finds_no_memory_is_told, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
