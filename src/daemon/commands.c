#include "daemon/commands.h"

#include "base/fault.h"
#include "daemon/control_int.h"
#include "daemon/serve.h"

#include <stdlib.h>

static const struct command rows[] = {
#define COMMAND(group, verb, argument, options, run, summary, details)                             \
	{group, verb, argument, options, run, summary, details},
#include "daemon/commands.def"
#undef COMMAND
};

const struct command *command_rows(size_t *ret_count)
{
	*ret_count = COUNT_OF(rows);
	return rows;
}

/* Words of `options` that name the command: 0 when they do not. */
static size_t words_matched(const struct command *row, const struct options *options)
{
	if (!*row->group)
		return options->word_count >= 1 && str_eq(options->words[0], str_of(row->verb)) ? 1 : 0;
	bool same = options->word_count >= 2 && str_eq(options->words[0], str_of(row->group)) &&
	            str_eq(options->words[1], str_of(row->verb));
	return same ? 2 : 0;
}

static const struct command *find_command(const struct options *options, size_t *ret_words)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if ((*ret_words = words_matched(&rows[i], options)))
			return &rows[i];
	return NULL;
}

static bool group_exists(str name)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (*rows[i].group && str_eq(str_of(rows[i].group), name))
			return true;
	return false;
}

static int usage_error(const struct command *command, const char *sentence)
{
	if (command)
		fprintf(stderr, "exeunt %s%s%s: %s\nTry 'exeunt %s%s%s --help'.\n", command->group,
		        *command->group ? " " : "", command->verb, sentence, command->group,
		        *command->group ? " " : "", command->verb);
	else
		fprintf(stderr, "exeunt: %s\nTry 'exeunt --help'.\n", sentence);
	return EXIT_USAGE;
}

int command_failed(const struct command_call *call, const struct fail *fail)
{
	const struct command *command = call->command;
	fprintf(stderr, "exeunt %s%s%s: %s\n", command->group, *command->group ? " " : "", command->verb,
	        fail_message(fail));
	return EXIT_FAILED;
}

/* No command was named, or half of one. */
static int run_nothing(const struct options *options)
{
	char sentence[FAIL_MESSAGE_MAX];
	FILE *stream = options->help ? stdout : stderr;
	if (!options->word_count) {
		help_program(stream);
		return options->help ? EXIT_DONE : EXIT_USAGE;
	}
	if (group_exists(options->words[0]) && options->word_count == 1) {
		help_group(stream, options->words[0]);
		return options->help ? EXIT_DONE : EXIT_USAGE;
	}
	bool in_group = group_exists(options->words[0]);
	snprintf(sentence, sizeof sentence, "there is no command '%.*s%s%.*s'", STR_ARG(options->words[0]),
	         in_group ? " " : "", STR_ARG(in_group ? options->words[1] : STR_EMPTY));
	return usage_error(NULL, sentence);
}

/* NULL: the row takes what was given. */
static const char *misused(const struct command *command, const struct options *options, size_t words,
                           struct arena *arena)
{
	size_t count, arguments = options->word_count - words;
	const struct option_row *known = option_rows(&count);
	for (size_t i = 0; i < count; i++)
		if (options->given & (unsigned)known[i].option & ~command->options)
			return arena_printf(arena, "it takes no option %.*s", STR_ARG(known[i].name)).p;
	if (command->argument && arguments == 0)
		return arena_printf(arena, "%s is missing", command->argument).p;
	if (arguments > (command->argument ? 1 : 0))
		return arena_printf(arena, "there is one argument too many: '%.*s'",
		                    STR_ARG(options->words[options->word_count - 1])).p;
	return NULL;
}

static int run_command(const struct command *command, struct options *options, size_t words,
                       struct arena *arena)
{
	struct fail fail = {0};
	struct command_call call = {command, arena, options, STR_EMPTY};
	const char *sentence = misused(command, options, words, arena);
	if (sentence)
		return usage_error(command, sentence);
	if (command->argument)
		call.argument = options->words[words];
	fail.rc = options_load(arena, options, &fail);
	return fail.rc == RC_OK ? command->run(&call) : command_failed(&call, &fail);
}

/* A fault point that a test asks for. True when there is nothing to arm or it is armed. */
static bool arm_fault(void)
{
	const char *spec = getenv("EXEUNT_FAULT");
	return !spec || !*spec || fault_arm(str_of(spec)) == RC_OK;
}

int command_line(int argc, char **argv)
{
	struct arena CLEANUP(arena_release) arena;
	struct options options;
	struct fail fail = {0};
	size_t words;
	arena_init(&arena, CONTROL_ARENA_BYTES);
	fail.rc = options_parse(&arena, argc, argv, &options, &fail);
	if (fail.rc != RC_OK)
		return usage_error(NULL, fail_message(&fail));
	if (!arm_fault())
		return usage_error(NULL, "EXEUNT_FAULT takes NAME:K or NAME:K:fail");
	if (options.version) {
		printf("exeunt %s\n", EXEUNT_VERSION);
		return EXIT_DONE;
	}
	const struct command *command = find_command(&options, &words);
	if (!command)
		return run_nothing(&options);
	if (options.help) {
		help_command(stdout, command);
		return EXIT_DONE;
	}
	return run_command(command, &options, words, &arena);
}

int command_serve(struct command_call *call)
{
	return serve(&call->options->settings);
}
