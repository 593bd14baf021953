#include "base/test.h"

#include "api/router.h"

static const struct endpoint rows[] = {
	{.operation = "health", .method = HTTP_GET, .path = "/health"},
	{.operation = "versions", .method = HTTP_GET, .path = "/_matrix/client/versions"},
	{.operation = "getLogin", .method = HTTP_GET, .path = "/_matrix/client/v3/login"},
	{.operation = "login", .method = HTTP_POST, .path = "/_matrix/client/v3/login"},
	{.operation = "rules", .method = HTTP_GET, .path = "/_matrix/client/v3/pushrules/"},
	{.operation = "profile", .method = HTTP_GET, .path = "/_matrix/client/v3/profile/{userId}"},
	{.operation = "field", .method = HTTP_GET, .path = "/_matrix/client/v3/profile/{userId}/{keyName}"},
	{.operation = "setField", .method = HTTP_PUT, .path = "/_matrix/client/v3/profile/{userId}/{keyName}"},
	{.operation = "state", .method = HTTP_GET, .path = "/_matrix/client/v3/rooms/{roomId}/state"},
	{.operation = "stateAt", .method = HTTP_GET,
	 .path = "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}"},
	{.operation = "setState", .method = HTTP_PUT,
	 .path = "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}"},
	/* A literal beside a parameter, with other methods below it. */
	{.operation = "special", .method = HTTP_GET, .path = "/a/special/x"},
	{.operation = "any", .method = HTTP_GET, .path = "/a/{id}/y"},
	{.operation = "anyDelete", .method = HTTP_DELETE, .path = "/a/{id}/x"},
};

static struct router *router;
static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, MEBIBYTE);
	return router_new(rows, COUNT_OF(rows), &router) == RC_OK ? 0 : 1;
}

static int tear_down(void **state)
{
	(void)state;
	router_free(router);
	router_free(NULL);
	arena_release(&arena);
	return 0;
}

static void finds(void **state)
{
	(void)state;
	static const struct {
		enum http_method method;
		const char *path, *operation;
		size_t count;
		str params[3];
	} cases[] = {
		{HTTP_GET, "/health", "health", 0, {{0}}},
		{HTTP_HEAD, "/health", "health", 0, {{0}}},
		{HTTP_POST, "/_matrix/client/v3/login", "login", 0, {{0}}},
		{HTTP_GET, "/_matrix/client/v3/login", "getLogin", 0, {{0}}},
		{HTTP_GET, "/_matrix/client/r0/login", "getLogin", 0, {{0}}},
		{HTTP_GET, "/_matrix/client/v3/pushrules/", "rules", 0, {{0}}},
		{HTTP_GET, "/_matrix/client/v3/profile/@a:b", "profile", 1, {STR_INIT("@a:b")}},
		{HTTP_GET, "/_matrix/client/v3/profile/%40a%3ab/x", "field", 2, {STR_INIT("@a:b"), STR_INIT("x")}},
		{HTTP_PUT, "/_matrix/client/v3/profile/a%2Fb/%25", "setField", 2, {STR_INIT("a/b"), STR_INIT("%")}},
		{HTTP_GET, "/_matrix/client/v3/profile/r0/r0", "field", 2, {STR_INIT("r0"), STR_INIT("r0")}},
		{HTTP_GET, "/_matrix/client/v3/rooms/!r/state", "state", 1, {STR_INIT("!r")}},
		{HTTP_GET, "/_matrix/client/v3/rooms/!r/state/t/k", "stateAt", 3,
		 {STR_INIT("!r"), STR_INIT("t"), STR_INIT("k")}},
		{HTTP_GET, "/_matrix/client/v3/rooms/!r/state/t/", "stateAt", 3,
		 {STR_INIT("!r"), STR_INIT("t"), STR_INIT("")}},
		{HTTP_PUT, "/_matrix/client/v3/rooms/!r/state/t", "setState", 3,
		 {STR_INIT("!r"), STR_INIT("t"), STR_INIT("")}},
		{HTTP_GET, "/_matrix/client/v3/rooms/!r/state/t/a%2Fb", "stateAt", 3,
		 {STR_INIT("!r"), STR_INIT("t"), STR_INIT("a/b")}},
		{HTTP_GET, "/a/special/x", "special", 0, {{0}}},
		{HTTP_GET, "/a/special/y", "any", 1, {STR_INIT("special")}},
		{HTTP_DELETE, "/a/special/x", "anyDelete", 1, {STR_INIT("special")}},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct route route;
		assert_rc_of(router_find(router, &arena, cases[i].method, str_of(cases[i].path), &route), RC_OK,
		             cases[i].path);
		assert_string_equal(route.endpoint->operation, cases[i].operation);
		assert_int_equal(route.param_count, cases[i].count);
		for (size_t p = 0; p < cases[i].count; p++)
			assert_str(route.params[p], cases[i].params[p]);
	}
}

static void does_not_find(void **state)
{
	(void)state;
	static const struct {
		enum http_method method;
		const char *path;
		enum rc rc;
		const char *allow;
	} cases[] = {
		{HTTP_GET, "", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "health", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "//health", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/health/", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/health/x", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/healthx", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/_matrix/client", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/_matrix/client/v3/", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/_matrix/client/v3//login", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/_matrix/client/v4/login", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/_matrix/client/v3/profile/", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/_matrix/client/v3/profile//displayname", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/_matrix/client/v3/rooms/!r/state/", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/_matrix/client/v3/rooms/!r/state/t/k/", RC_UNRECOGNIZED, NULL},
		{HTTP_GET, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t", RC_UNRECOGNIZED, NULL},
		{HTTP_PUT, "/_matrix/client/v3/login", RC_METHOD_NOT_ALLOWED, "GET, HEAD, POST"},
		{HTTP_PATCH, "/_matrix/client/v3/login", RC_METHOD_NOT_ALLOWED, "GET, HEAD, POST"},
		{HTTP_OTHER, "/health", RC_METHOD_NOT_ALLOWED, "GET, HEAD"},
		{HTTP_POST, "/a/special/x", RC_METHOD_NOT_ALLOWED, "GET, HEAD, DELETE"},
		{HTTP_DELETE, "/_matrix/client/v3/rooms/!r/state/t", RC_METHOD_NOT_ALLOWED, "GET, HEAD, PUT"},
		{HTTP_GET, "/_matrix/client/v3/profile/%", RC_INVALID_PARAM, NULL},
		{HTTP_GET, "/_matrix/client/v3/profile/%ff", RC_INVALID_PARAM, NULL},
		{HTTP_GET, "/_matrix/client/v3/profile/%00", RC_INVALID_PARAM, NULL},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct route route;
		assert_rc_of(router_find(router, &arena, cases[i].method, str_of(cases[i].path), &route), cases[i].rc,
		             cases[i].path);
		if (cases[i].allow)
			assert_string_equal(route.allow, cases[i].allow);
	}
}

static void many_segments_end(void **state)
{
	(void)state;
	struct route route;
	struct buf path;
	buf_init(&path, &arena, MEBIBYTE);
	for (int i = 0; i < 10000; i++)
		buf_put(&path, STR("/a/special"));
	assert_rc(router_find(router, &arena, HTTP_GET, buf_str(&path), &route), RC_UNRECOGNIZED);
}

static void survives_every_failed_allocation(void **state)
{
	(void)state;
	enum rc rc = RC_NOMEM;
	for (int64_t k = 0; rc != RC_OK; k++) {
		struct router *tight;
		arena_fail_after(k);
		rc = router_new(rows, COUNT_OF(rows), &tight);
		arena_fail_after(-1);
		if (rc == RC_OK)
			router_free(tight);
		else
			assert_int_equal(rc, RC_NOMEM);
	}
	struct route route;
	arena_release(&arena);
	arena_init(&arena, MEBIBYTE);
	arena_fail_after(0);
	rc = router_find(router, &arena, HTTP_GET, STR("/_matrix/client/v3/profile/%40a"), &route);
	arena_fail_after(-1);
	assert_int_equal(rc, RC_NOMEM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(does_not_find, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_segments_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(survives_every_failed_allocation, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
