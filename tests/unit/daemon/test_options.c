#include "base/test.h"

#include "daemon/commands.h"

static struct arena arena;
static struct options options;
static struct fail fail;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 8 * MEBIBYTE);
	fail = (struct fail){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

enum { ARGS_MAX = 80 };

/* The words behind "exeunt", up to NULL. */
static enum rc parse(const char *const *words)
{
	char name[] = "exeunt";
	char *argv[ARGS_MAX] = {name};
	int argc = 1;
	for (; words[argc - 1]; argc++)
		argv[argc] = UNCONST(char *, words[argc - 1]);
	return options_parse(&arena, argc, argv, &options, &fail);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void words_and_options_may_be_mixed(void **state)
{
	(void)state;
	assert_rc(PARSE("--data", "d", "user", "--json", "add", "alice", "--admin"), RC_OK);
	assert_int_equal(options.word_count, 3);
	assert_str(options.words[0], STR("user"));
	assert_str(options.words[2], STR("alice"));
	assert_int_equal(options.given, OPTION_JSON | OPTION_ADMIN);
	assert_str(options.settings.server_data, STR("d"));
	assert_false(options.help || options.version);
}

static void values_follow_or_stand_behind_the_equals_sign(void **state)
{
	(void)state;
	assert_rc(PARSE("--server-name=a.b", "--set=registration.token=x=y", "--config=c", "--password-file", "-"), RC_OK);
	assert_str(options.settings.server_name, STR("a.b"));
	assert_str(options.settings.registration_token, STR("x=y"));
	assert_str(options.config_path, STR("c"));
	assert_str(options.password_path, STR("-"));
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	assert_rc(PARSE("user", "add", "--", "--help"), RC_OK);
	assert_false(options.help);
	assert_str(options.words[2], STR("--help"));
}

static void a_wrong_command_line_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *const words[4];
		const char *part;
	} rows[] = {
		{{"--bogus"}, "there is no option --bogus"},
		{{"--bogus=1"}, "there is no option --bogus"},
		{{"-x"}, "there is no option -x"},
		{{"--data"}, "--data needs a value"},
		{{"--data="}, "the value of --data is empty"},
		{{"--data", ""}, "the value of --data is empty"},
		{{"--json=yes"}, "--json takes no value"},
		{{"--help=yes"}, "--help takes no value"},
		{{"--set", "log.level=loud"}, "log.level takes one of"},
		{{"--set", "x"}, "SECTION.NAME=VALUE"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		fail = (struct fail){0};
		assert_rc_of(parse(rows[i].words), RC_INVALID_PARAM, rows[i].words[0]);
		if (!strstr(fail_message(&fail), rows[i].part))
			fail_msg("%s: %s", rows[i].words[0], fail_message(&fail));
	}
}

static void words_and_settings_have_limits(void **state)
{
	(void)state;
	const char *words[ARGS_MAX] = {0};
	for (int i = 0; i <= WORDS_MAX; i++)
		words[i] = "w";
	assert_rc(parse(words), RC_INVALID_PARAM);
	words[WORDS_MAX] = NULL;
	assert_rc(parse(words), RC_OK);
	for (int i = 0; i <= DEFERRED_MAX; i++)
		words[i] = "--listen=127.0.0.1:1";
	assert_rc(parse(words), RC_INVALID_PARAM);
}

static void the_command_line_wins_over_the_file(void **state)
{
	(void)state;
	assert_rc(PARSE("--set", "http.loop_threads=3"), RC_OK);
	settings_default(&options.settings);
	assert_rc(options_load(&arena, &options, &fail), RC_OK);
	assert_int_equal(options.settings.http_loop_threads, 3);
	assert_rc(PARSE("--config", "/nonexistent/c.yaml"), RC_OK);
	assert_rc(options_load(&arena, &options, &fail), RC_NOT_FOUND);
}

/* Each command explains itself, and takes only options that there are. */
static void every_command_is_complete(void **state)
{
	(void)state;
	size_t count, option_count;
	const struct command *rows = command_rows(&count);
	const struct option_row *known = option_rows(&option_count);
	unsigned all = 0, taken = 0;
	for (size_t i = 0; i < option_count; i++)
		all |= (unsigned)known[i].option;
	for (size_t i = 0; i < count; i++) {
		assert_non_null(rows[i].run);
		assert_true(*rows[i].summary && *rows[i].details);
		assert_true(str_ends(str_of(rows[i].details), STR("\n")));
		taken |= rows[i].options;
	}
	assert_int_equal(all, taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_and_options_may_be_mixed, setup, teardown),
		cmocka_unit_test_setup_teardown(values_follow_or_stand_behind_the_equals_sign, setup, teardown),
		cmocka_unit_test_setup_teardown(two_dashes_end_the_options, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_command_line_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(words_and_settings_have_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(the_command_line_wins_over_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(every_command_is_complete, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
