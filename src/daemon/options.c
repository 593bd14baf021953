#include "daemon/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PASSWORD_LINE_MAX_BYTES = 1024, DEFERRED_MAX = 64 };

/* Settings given on the command line wait until the file has been read, since they win over it. */
struct parsing {
	struct arena *arena;
	struct options *options;
	int argc, at;
	char **argv;
	str config_path;
	str deferred[DEFERRED_MAX]; /* "section.name=value" */
	size_t deferred_count;
	struct fail *fail;
};

static enum rc next_value(struct parsing *parsing, str option, str *ret_value)
{
	if (parsing->at >= parsing->argc)
		return fail_set(parsing->fail, RC_INVALID_PARAM, "%.*s needs a value", STR_ARG(option));
	*ret_value = str_of(parsing->argv[parsing->at++]);
	return RC_OK;
}

static enum rc defer(struct parsing *parsing, const char *name, str value)
{
	if (parsing->deferred_count == DEFERRED_MAX)
		return fail_set(parsing->fail, RC_INVALID_PARAM, "too many settings (at most %d)", DEFERRED_MAX);
	str assignment = name ? arena_printf(parsing->arena, "%s=%.*s", name, STR_ARG(value)) : value;
	parsing->deferred[parsing->deferred_count++] = assignment;
	return arena_status(parsing->arena);
}

static enum rc read_password(struct parsing *parsing, str path)
{
	char line[PASSWORD_LINE_MAX_BYTES];
	bool from_stdin = str_eq(path, STR("-"));
	FILE *file = from_stdin ? stdin : fopen(path.p, "re");
	if (!file)
		return fail_set(parsing->fail, RC_INVALID_PARAM, "cannot read the password from %s: %s", path.p,
		                strerror(errno));
	bool got = fgets(line, sizeof line, file);
	if (!from_stdin)
		fclose(file);
	str password = str_of(got ? line : "");
	password.n = str_find(password, '\n');
	if (!password.n)
		return fail_set(parsing->fail, RC_INVALID_PARAM, "the password in %s is empty", path.p);
	parsing->options->password = arena_dup(parsing->arena, password);
	parsing->options->has_password = true;
	explicit_bzero(line, sizeof line);
	return arena_status(parsing->arena);
}

static bool parse_flag(struct options *options, str word)
{
	const struct {
		str name;
		bool *flag;
	} flags[] = {
		{STR("--help"), &options->help},   {STR("-h"), &options->help},
		{STR("--version"), &options->version}, {STR("--json"), &options->json},
		{STR("--admin"), &options->admin}, {STR("--erase"), &options->erase},
		{STR("--rooms"), &options->rooms},
	};
	for (size_t i = 0; i < COUNT_OF(flags); i++)
		if (str_eq(flags[i].name, word)) {
			*flags[i].flag = true;
			return true;
		}
	return false;
}

static enum rc parse_valued(struct parsing *parsing, str word)
{
	static const struct {
		str option;
		const char *setting;
	} shortcuts[] = {
		{STR_INIT("--data"), "server.data"},
		{STR_INIT("--listen"), "http.listen"},
		{STR_INIT("--server-name"), "server.name"},
		{STR_INIT("--set"), NULL},
	};
	str value;
	if (str_eq(word, STR("--config")))
		return next_value(parsing, word, &parsing->config_path);
	if (str_eq(word, STR("--password-file"))) {
		TRY(next_value(parsing, word, &value));
		return read_password(parsing, value);
	}
	for (size_t i = 0; i < COUNT_OF(shortcuts); i++)
		if (str_eq(word, shortcuts[i].option)) {
			TRY(next_value(parsing, word, &value));
			return defer(parsing, shortcuts[i].setting, value);
		}
	return fail_set(parsing->fail, RC_INVALID_PARAM, "unknown option %.*s (see --help)", STR_ARG(word));
}

static enum rc parse_word(struct parsing *parsing, str word)
{
	struct options *options = parsing->options;
	if (str_starts(word, STR("-")) && word.n > 1)
		return parse_flag(options, word) ? RC_OK : parse_valued(parsing, word);
	if (options->word_count == WORDS_MAX)
		return fail_set(parsing->fail, RC_INVALID_PARAM, "too many arguments (see --help)");
	options->words[options->word_count++] = word;
	return RC_OK;
}

enum rc options_parse(struct arena *arena, int argc, char **argv, struct options *ret_options, struct fail *fail)
{
	struct parsing parsing = {
		.arena = arena, .options = ret_options, .argc = argc, .at = 1, .argv = argv, .fail = fail};
	*ret_options = (struct options){0};
	settings_default(&ret_options->settings);
	while (parsing.at < argc)
		TRY(parse_word(&parsing, str_of(argv[parsing.at++])));
	if (ret_options->help || ret_options->version)
		return RC_OK;
	if (parsing.config_path.n)
		TRY(settings_load(&ret_options->settings, arena, parsing.config_path, fail));
	for (size_t i = 0; i < parsing.deferred_count; i++)
		TRY(settings_set(&ret_options->settings, arena, parsing.deferred[i], fail));
	return RC_OK;
}
