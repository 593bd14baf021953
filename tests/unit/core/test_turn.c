/* Credentials for TURN servers. */
#include "base/test.h"

#include "core/account/turn.h"

static void assert_credentials(const struct turn_config *config, const char *expected)
{
	struct arena CLEANUP(arena_release) arena;
	struct fail fail = {0};
	struct buf out;
	arena_init(&arena, MEBIBYTE);
	buf_init(&out, &arena, 4096);
	assert_rc(turn_credentials_put(config, &arena, STR("@alice:x"), 1700000000999, &out, &fail), RC_OK);
	assert_str(buf_str(&out), str_of(expected));
}

/* The password by Python's hmac. */
static void made_from_a_secret(void **state)
{
	(void)state;
	struct turn_config config = {
	    .uris = STR("turn:a?transport=udp, turns:b"), .secret = STR("n0t s3cret"), .user_life_ms = 3600000};
	assert_credentials(&config,
	    "{\"username\":\"1700003600:@alice:x\",\"password\":\"RlwEutcsMHlrDQK2HAyO6IFxygc=\","
	    "\"uris\":[\"turn:a?transport=udp\",\"turns:b\"],\"ttl\":3600}");
}

static void the_same_for_all(void **state)
{
	(void)state;
	struct turn_config config = {
	    .uris = STR("turn:a"), .username = STR("u\""), .password = STR("p"), .user_life_ms = 60999};
	assert_credentials(
	    &config, "{\"username\":\"u\\\"\",\"password\":\"p\",\"uris\":[\"turn:a\"],\"ttl\":60}");
}

static void none(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	struct turn_config config = {.user_life_ms = 1000};
	struct fail fail = {0};
	struct buf out;
	arena_init(&arena, MEBIBYTE);
	buf_init(&out, &arena, 4096);
	assert_rc(turn_credentials_put(&config, &arena, STR("@alice:x"), 1, &out, &fail), RC_NOT_FOUND);
	assert_int_equal(out.n, 0);
}

static void settings_must_make_sense(void **state)
{
	(void)state;
	static const struct {
		struct turn_config config;
		enum rc rc;
	} rows[] = {
	    {{.user_life_ms = 1}, RC_OK},
	    {{.secret = STR_INIT("s")}, RC_OK},
	    {{.uris = STR_INIT("turn:a"), .secret = STR_INIT("s")}, RC_OK},
	    {{.uris = STR_INIT("turns:a,turn:b"), .username = STR_INIT("u"), .password = STR_INIT("p")}, RC_OK},
	    {{.uris = STR_INIT("turn:a")}, RC_INVALID_PARAM},
	    {{.uris = STR_INIT("turn:a"), .username = STR_INIT("u")}, RC_INVALID_PARAM},
	    {{.uris = STR_INIT("stun:a"), .secret = STR_INIT("s")}, RC_INVALID_PARAM},
	    {{.uris = STR_INIT("turn:a,"), .secret = STR_INIT("s")}, RC_INVALID_PARAM},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = {0};
		assert_rc(turn_config_check(&rows[i].config, &fail), rows[i].rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(made_from_a_secret),
	    cmocka_unit_test(the_same_for_all),
	    cmocka_unit_test(none),
	    cmocka_unit_test(settings_must_make_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
