#include "daemon/options.h"

struct parsing {
	struct arena *arena;
	struct options *options;
	int argc, at;
	char **argv;
	struct fail *fail;
};

static const struct option_row rows[] = {
	{OPTION_JSON, STR_INIT("--json"), NULL, "Print JSON, for scripts."},
	{OPTION_ADMIN, STR_INIT("--admin"), NULL, "Make the account a server administrator."},
	{OPTION_ERASE, STR_INIT("--erase"), NULL, "Also remove display name and avatar, and hide old messages from newcomers."},
	{OPTION_ROOMS, STR_INIT("--rooms"), NULL, "Also look at the rooms, one by one."},
	{OPTION_PASSWORD_FILE, STR_INIT("--password-file"), "FILE",
	 "Read the password from the first line of FILE; - is standard input."},
	{OPTION_EXAMPLE, STR_INIT("--example"), NULL, "Print the commented example of a configuration file, check nothing."},
	{OPTION_FROM, STR_INIT("--from"), "DATABASE", "What is copied."},
	{OPTION_TO, STR_INIT("--to"), "PLACE", "Where it is copied to."},
};

const struct option_row *option_rows(size_t *ret_count)
{
	*ret_count = COUNT_OF(rows);
	return rows;
}

/* Options of every command that set a setting; --set itself names it in its value. */
static const struct {
	str name;
	const char *setting;
} shortcuts[] = {
	{STR_INIT("--data"), "server.data"},
	{STR_INIT("--listen"), "http.listen"},
	{STR_INIT("--server-name"), "server.name"},
	{STR_INIT("--set"), NULL},
};

/* One option as written: its name, and the value of the form --name=value. */
struct word {
	str name, value;
	bool has_value;
};

static struct word word_of(str text)
{
	size_t equals = str_find(text, '=');
	if (equals == text.n)
		return (struct word){.name = text};
	return (struct word){str_first(text, equals), str_from(text, equals + 1), true};
}

static enum rc value_of(struct parsing *parsing, const struct word *word, str *ret_value)
{
	str value = word->value;
	if (!word->has_value) {
		if (parsing->at >= parsing->argc)
			return fail_set(parsing->fail, RC_INVALID_PARAM, "%.*s needs a value", STR_ARG(word->name));
		value = str_of(parsing->argv[parsing->at++]);
	}
	if (!value.n)
		return fail_set(parsing->fail, RC_INVALID_PARAM, "the value of %.*s is empty", STR_ARG(word->name));
	*ret_value = value;
	return RC_OK;
}

static enum rc no_value(struct parsing *parsing, const struct word *word)
{
	if (word->has_value)
		return fail_set(parsing->fail, RC_INVALID_PARAM, "%.*s takes no value", STR_ARG(word->name));
	return RC_OK;
}

/*
 * Judged at once, on the defaults, so that a wrong one is an error of the command line and not of
 * the file.
 */
static enum rc defer(struct parsing *parsing, const char *setting, str value)
{
	struct options *options = parsing->options;
	if (options->deferred_count == DEFERRED_MAX)
		return fail_set(parsing->fail, RC_INVALID_PARAM, "too many settings (at most %d)", DEFERRED_MAX);
	str assignment = setting ? arena_printf(parsing->arena, "%s=%.*s", setting, STR_ARG(value)) : value;
	TRY(arena_status(parsing->arena));
	options->deferred[options->deferred_count++] = assignment;
	return settings_set(&options->settings, parsing->arena, assignment, parsing->fail);
}

static enum rc parse_row(struct parsing *parsing, const struct word *word, const struct option_row *row)
{
	struct options *options = parsing->options;
	options->given |= (unsigned)row->option;
	if (!row->value)
		return no_value(parsing, word);
	str *value = row->option == OPTION_FROM ? &options->from
		   : row->option == OPTION_TO   ? &options->to
						: &options->password_path;
	return value_of(parsing, word, value);
}

static enum rc parse_flag(struct parsing *parsing, const struct word *word, bool *flag)
{
	*flag = true;
	return no_value(parsing, word);
}

static enum rc parse_option(struct parsing *parsing, str text)
{
	struct options *options = parsing->options;
	struct word word = word_of(text);
	str value;
	if (str_eq(word.name, STR("--help")) || str_eq(word.name, STR("-h")))
		return parse_flag(parsing, &word, &options->help);
	if (str_eq(word.name, STR("--version")))
		return parse_flag(parsing, &word, &options->version);
	if (str_eq(word.name, STR("--config")))
		return value_of(parsing, &word, &options->config_path);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (str_eq(word.name, rows[i].name))
			return parse_row(parsing, &word, &rows[i]);
	for (size_t i = 0; i < COUNT_OF(shortcuts); i++)
		if (str_eq(word.name, shortcuts[i].name)) {
			TRY(value_of(parsing, &word, &value));
			return defer(parsing, shortcuts[i].setting, value);
		}
	return fail_set(parsing->fail, RC_INVALID_PARAM, "there is no option %.*s",
	                STR_ARG(str_first(word.name, 80)));
}

static enum rc parse_argument(struct parsing *parsing, str text, bool *options_ended)
{
	struct options *options = parsing->options;
	if (!*options_ended && str_eq(text, STR("--"))) {
		*options_ended = true;
		return RC_OK;
	}
	if (!*options_ended && str_starts(text, STR("-")) && text.n > 1)
		return parse_option(parsing, text);
	if (options->word_count == WORDS_MAX)
		return fail_set(parsing->fail, RC_INVALID_PARAM, "too many arguments");
	options->words[options->word_count++] = text;
	return RC_OK;
}

enum rc options_parse(struct arena *arena, int argc, char **argv, struct options *ret_options, struct fail *fail)
{
	struct parsing parsing = {
		.arena = arena, .options = ret_options, .argc = argc, .at = 1, .argv = argv, .fail = fail};
	bool options_ended = false;
	*ret_options = (struct options){0};
	settings_default(&ret_options->settings);
	while (parsing.at < argc) {
		str text = str_of(argv[parsing.at++]);
		TRY(parse_argument(&parsing, text, &options_ended));
	}
	return RC_OK;
}

enum rc options_load(struct arena *arena, struct options *options, struct fail *fail)
{
	settings_default(&options->settings);
	if (options->config_path.n)
		TRY(settings_load(&options->settings, arena, options->config_path, fail));
	for (size_t i = 0; i < options->deferred_count; i++)
		TRY(settings_set(&options->settings, arena, options->deferred[i], fail));
	return settings_check(&options->settings, fail);
}
