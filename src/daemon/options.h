/*
 * The command line: subcommands are rows of commands.def, options are common to all of them.
 * Main thread.
 */
#ifndef EXEUNT_DAEMON_OPTIONS_H
#define EXEUNT_DAEMON_OPTIONS_H

#include "daemon/settings.h"

enum { WORDS_MAX = 8 };

struct options {
	struct settings settings;
	str words[WORDS_MAX];      /* what is no option: the subcommand and its arguments */
	size_t word_count;
	bool help, version;
	bool json;                 /* --json: answers for scripts */
	bool admin;                /* user add --admin */
	bool erase;                /* user deactivate --erase */
	bool rooms;                /* deactivation show --rooms */
	str password;              /* --password-file's first line, or empty */
	bool has_password;
};

/* RC_INVALID_PARAM with a sentence. Reads the configuration file that --config names. Texts live in `arena`. */
MUST_CHECK enum rc options_parse(struct arena *arena, int argc, char **argv, struct options *ret_options,
                                 struct fail *fail);

#endif
