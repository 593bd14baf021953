/*
 * The command line: words and options. Which words make a command, and which options it takes,
 * stands in commands.def. Main thread.
 */
#ifndef EXEUNT_DAEMON_OPTIONS_H
#define EXEUNT_DAEMON_OPTIONS_H

#include "daemon/settings.h"

enum {
	WORDS_MAX = 8,
	DEFERRED_MAX = 64,
};

/* Options that only some commands take: bits of options.given and of a command's row. */
enum option {
	OPTION_JSON = 1 << 0,          /* answers for scripts */
	OPTION_ADMIN = 1 << 1,         /* user add */
	OPTION_ERASE = 1 << 2,         /* user deactivate */
	OPTION_ROOMS = 1 << 3,         /* deactivation show, check */
	OPTION_PASSWORD_FILE = 1 << 4, /* user add, user reset-password */
	OPTION_EXAMPLE = 1 << 5,       /* check */
	OPTION_FROM = 1 << 6,          /* migrate */
	OPTION_TO = 1 << 7,            /* migrate, backup */
};

struct option_row {
	enum option option;
	str name;               /* "--json" */
	const char *value;      /* what the help calls its value; NULL: takes none */
	const char *help;
};
const struct option_row *option_rows(size_t *ret_count);

struct options {
	struct settings settings;   /* the defaults until options_load() */
	str words[WORDS_MAX];       /* what is no option: the command and its arguments */
	size_t word_count;
	bool help, version;
	unsigned given;             /* of enum option */
	str config_path;            /* empty: no configuration file */
	str password_path;          /* of --password-file; "-" is standard input */
	str from, to;               /* of --from and --to */
	str deferred[DEFERRED_MAX]; /* "section.name=value": they win over the file, so they wait for it */
	size_t deferred_count;
};

/*
 * Reads no file. RC_INVALID_PARAM with a sentence: the command line is wrong. Texts live in
 * `arena`.
 */
MUST_CHECK enum rc options_parse(struct arena *arena, int argc, char **argv, struct options *ret_options,
                                 struct fail *fail);

/*
 * The settings: the defaults, the configuration file, the command line. The sentence of a failure
 * names the file.
 */
MUST_CHECK enum rc options_load(struct arena *arena, struct options *options, struct fail *fail);

#endif
